"""Use cases that need no model code: check an artifact, look into it, unpack it and pack it again.

In: a file, folder or bytes. Out: a report, an `Info`, members. Nothing here imports a framework, an adapter
or a name that stands in a file, so a registry, a front or a scanner may call it for any upload.
"""
