"""Native forms that stand inside a tree as one array of bytes: the models of XGBoost and LightGBM, read and checked.

Both libraries trust their own files: a child index, a feature or a length that does not fit ends the process. So the
bytes are read here first, by readers that know exactly what the libraries write, and every index is followed before
the same bytes are handed on. Plain Python, no framework, no NumPy: adapters and programs both read through here.
"""
