"""Every estimator of the installed scikit-learn: recorded, written, read, replayed with the same bits."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from amber.archive.cases import decode_group, encode_group
from amber.cases.record import record
from amber.cases.replay import replay
from amber.limits import DEFAULT
from tests.zoo import Specimen, specimens

# The budget is kept by estimate: the JSON of a tensor is weighed, not written.
ROOM = 1.1 * 256 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("specimen", specimens(), ids=lambda specimen: specimen.name)
def test_every_specimen_answers_its_cases_identically(specimen: Specimen) -> None:
    model: Any = specimen.make()
    evidence = record(copy.deepcopy(model), specimen.inputs).evidence
    size = 0
    for position, group in enumerate(evidence.groups):
        text, buffers = encode_group(group)
        data = b"".join(bytes(buffer) for buffer in buffers)
        size += len(text) + len(data)
        evidence.groups[position] = decode_group(group.id, text, data, DEFAULT)
    assert size <= ROOM or len(evidence.groups) == 1
    result = replay(copy.deepcopy(model), evidence, one_thread=True)
    assert result.findings == ()
    compared = any(a.layout or a.refusal for group in evidence.groups for a in group.answers)
    assert (result.verdict, result.reason) == (("identical", "") if compared else ("unchecked", "no-cases"))
