"""Texts and records as counts, before the graph: `compile(plan's prelude) -> run(texts) -> (data, columns, rows)`.

In: the settings of a vectoriser as closed data (`plan.Prelude`), or of a vectoriser of dicts (`plan.Records`), and the
values of a request. Out: three arrays of the standard library, the entries of a sparse matrix in row order and, in a
row, in column order, exactly as scikit-learn counts them. Standard library and msgspec only: no NumPy here.
`text.py` has the texts, `hashing.py` the hash of hashing vectorisers, `records.py` the dicts.
"""

from amber.programs.prelude.records import compile as compile_records
from amber.programs.prelude.text import Entries, compile

__all__ = ["Entries", "compile", "compile_records"]
