"""A bill of materials of an artifact, from what the artifact itself knows: CycloneDX 1.7 or SPDX 3.0.1, plain data.

In: the members of an artifact that passed its checks (`facts` gathers: manifest, environment, types, card, digests).
Out: one document, the same for the same artifact and Amber release: its serial number comes from the id, it has no
clock, and bundles below `signatures/` change nothing in it. It names columns, types and packages; never a category, a
class label, a quantile or a recorded row. `amber sbom` and `amber attest --type sbom` call it.
"""
