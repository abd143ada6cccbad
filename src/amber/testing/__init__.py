"""Checks shipped with the package: an exact comparison of two objects, for our tests and for adapter authors.

In: two live objects. Out: where they first differ, or nothing. Never imported by `save`, `load` or `verify`.
"""
