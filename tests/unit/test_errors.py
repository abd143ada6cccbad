"""What a refusal shows: code, place, way out, every problem, and never a control character of the file's."""

from __future__ import annotations

import pickle

from amber.errors import AmberError, FormatError, Problem, shown


def test_strings_of_a_file_cannot_paint_the_terminal() -> None:
    assert shown("a\x1b[31mb\u202ec\nd\x00") == "a\\x1b[31mb\\u202ec\\nd\\x00"
    assert shown("x" * 300) == "x" * 200 + "..."
    assert shown("h\u00e9\U0001f600") == "h\u00e9\U0001f600"


def test_an_error_says_what_where_and_what_to_do() -> None:
    problems = tuple(Problem("type-unknown", f"steps[{i}]", "os.system") for i in range(30))
    error = FormatError(
        "type-unknown", "30 problems", where="model/tree.json", hint="do not open it", problems=problems
    )
    text = str(error)
    for part in ("model/tree.json", "30 problems", "do not open it", "[type-unknown]", "steps[0]", "and 10 more"):
        assert part in text
    assert error.to_dict()["problems"][0] == {"code": "type-unknown", "where": "steps[0]", "message": "os.system"}


def test_an_error_survives_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(FormatError("c", "m", where="w", hint="h")))
    assert isinstance(error, AmberError)
    assert (type(error), error.code, error.message, error.where, error.hint) == (FormatError, "c", "m", "w", "h")
