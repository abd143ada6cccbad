"""Rows of a large body are run in slices where the cases showed that they do not see each other, else together."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from amber.server.wire.bulk import Ended, Failed, Job, Piece, front_end
from amber.server.worker.answering import Answering
from amber.server.worker.bulk import SLICE, converse

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bodies in memory files")
ROWS = 2 * SLICE + 500


class Noting(Answering):
    """Keeps the sizes of its runs."""

    def answer(self, batch: Any) -> Any:
        self.__dict__.setdefault("sizes", []).extend(batch.rows)
        return super().answer(batch)


def asked(answering: Answering, body: bytes, **job: Any) -> Any:
    """Return the answer to a body as JSON."""
    near, far = socket.socketpair()
    thread = threading.Thread(target=converse, args=(far, answering))
    thread.start()
    control = front_end(near)
    memory = os.memfd_create("body")
    os.write(memory, body)
    try:
        control.send(Job(form="simple", accept="application/json", **job), [memory])
        frames: list[Any] = []
        while not frames or not isinstance(frames[-1], Ended | Failed):
            frames += [frame for frame, _ in control.receive()]
    finally:
        os.close(memory)
        control.close()
        thread.join()
    assert isinstance(frames[-1], Ended), frames[-1]
    return json.loads(b"".join(each.data for each in frames if isinstance(each, Piece)))


@pytest.mark.parametrize("form", ["text/csv", "application/json"])
@pytest.mark.parametrize("sharing", ["tolerant", "never"])
def test_rows_are_run_apart_only_where_that_changes_nothing(
    bench: Callable[..., Any], shelf: Any, form: str, sharing: str
) -> None:
    _, rows = shelf("matrix")
    table = np.resize(np.asarray(rows), (ROWS, np.asarray(rows).shape[1]))
    loaded = bench("matrix", "program").loaded.answering
    noting = Noting(loaded.interface, loaded.methods, loaded.forms)
    text = io.BytesIO()
    if form == "text/csv":
        np.savetxt(text, table, delimiter=",", fmt="%.17g")
    body = text.getvalue() or json.dumps(table.tolist()).encode()
    found = asked(noting, body, content_type=form, sharing=sharing)
    assert len(found["predictions"]) == ROWS
    assert noting.sizes == ([SLICE, SLICE, 500] if sharing == "tolerant" else [ROWS])
