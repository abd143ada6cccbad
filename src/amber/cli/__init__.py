"""The command line: one file per command, each of which parses, calls `models` or `vault`, and prints.

In: the words of a shell. Out: text for a person, or one JSON document with `--json`; errors on stderr; an exit code
from the table in `amber.report`. Nothing here knows how a file is read or how a model is built.
"""
