"""Which columns of a sample are never stored as they are."""

from __future__ import annotations

from typing import Any, Literal

from amber.cases import rows
from amber.cases.redraw import is_free_text


def hidden_columns(X: Any, mask: tuple[Any, ...]) -> tuple[Any, ...] | Literal["all"]:
    """Labels of the columns that are drawn anew: masked ones and free text; `all` for a list of texts."""
    kind = rows.form(X)
    if kind == "frame":
        seen = X.iloc[:2000]
        prose = [label for j, label in enumerate(X.columns)
                 if rows.kinds(seen.iloc[:, [j]])[0] in ("text", "other")
                 and is_free_text(seen.iloc[:, j].astype(object).tolist())]  # fmt: skip
        return tuple(dict.fromkeys((*mask, *prose)))
    texts = X[:2000] if kind == "list" else X.iloc[:2000].tolist() if kind == "series" else []
    if kind == "array" and X.dtype.kind in "OU":
        texts = X[:500].ravel().tolist()
        return "all" if X.ndim == 1 and is_free_text(texts) else mask
    if texts and not isinstance(texts[0], dict) and is_free_text(texts):
        return "all"
    return mask
