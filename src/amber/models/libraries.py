"""The libraries a verb needs: where one is not installed, the error says which extra brings it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from amber.errors import BuildError

# module that cannot be imported -> the extra that brings it, where a model can name it and the verb cannot know
_EXTRAS = {"sklearn": "sklearn", "pandas": "pandas", "xgboost": "xgboost", "lightgbm": "lightgbm"}


@contextmanager
def needed(extra: str = "sklearn") -> Iterator[None]:
    """Turn the import error of a missing library into a refusal with a way out, the extra that brings it.

    Args:
        extra: The extra of the verb, where the missing module has none of its own.

    Raises:
        BuildError: `library-missing`.
    """
    try:
        yield
    except ImportError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0], extra)
        raise BuildError(
            "library-missing",
            f"a library the model needs is not installed: {error}",
            hint=f"pip install 'amber[{extra}]', and what else the model needs (amber inspect FILE)",
        ) from error
