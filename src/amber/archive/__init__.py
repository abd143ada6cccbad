"""The bytes of an artifact: container, manifest, digests, tensor shards; read and written, never executed.

In: a tree, recorded cases and what the manifest says (`assemble`), written atomically (`write`). Out: members
as views over private memory (`source`), proved one rule after the other (`container`, `manifest`, `digests`,
`safetensors`). Nothing here knows a framework, builds an object or imports a name that stands in a file.
"""
