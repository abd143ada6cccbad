"""Rows of files as the objects a model takes, and its answers as rows of files, block by block.

    inputs (which form?) -> texts or tables (blocks of cells) -> expectation and casting (the model's own dtypes)
    answers (named columns) -> writers

In: paths or streams, and one recorded example of what the model takes. Out: exactly such objects, and files.
Called by `models.predict` alone.
"""
