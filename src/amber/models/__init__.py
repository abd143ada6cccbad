"""Use cases that build models, one file per verb: save, load, verify, diff, predict, redact. Start reading here.

In: a caller's object or an artifact's path, and the caller's policy. Out: a file, an object, or a report. They compose
the parts below them (adapters, cases, archive, vault), which do not know each other. Called by the command line and by
`amber.save`, `amber.load` and the rest.
"""
