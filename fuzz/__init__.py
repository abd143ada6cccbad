"""Coverage-guided fuzzing of the reader and of what it builds: see `fuzz/README.md`.

    bytes -> mutated (fuzz.mutation) -> inert check in this process (coverage) -> load and every method in a child

A finding is a file and a line in `build/fuzz/findings`: an exception that is no `AmberError`, a crash, an endless loop,
memory beyond the cap, or an effect on the world outside.
"""
