"""Trust: who signed what.

In come bytes - bundles, keys, certificates, tokens - and the SHA-256 digests of an artifact's members; out go bundles
to write down, and for each bundle a `Found`: what it says, and which label of the reader's policy stands behind it.
The forms are those of others (OpenSSF Model Signing 1.0: an in-toto statement in a DSSE envelope in a Sigstore
bundle) and so is all cryptography (the library of that name). Nothing here opens an artifact, knows a member's
content, or decides: `amber.vault` calls, `amber.policy` decides. Libraries are imported inside functions, because
reading a bundle needs none of them, and checking one by a key only the smaller half of one.
"""
