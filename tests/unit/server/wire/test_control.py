"""Frames and descriptors between front and loader."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amber.policy import Policy
from amber.server.wire.control import (
    MOST_BYTES,
    Closed,
    Control,
    Died,
    Forked,
    Order,
    Refused,
    Serve,
    front_end,
    loader_end,
)
from amber.server.wire.starting import sealed
from amber.server.worker.judging import policy_of


def _refuses() -> bool:
    system, release = platform.system(), re.match(r"(\d+)\.(\d+)", platform.release())
    return system == "Linux" and release is not None and tuple(map(int, release.groups())) >= (6, 16)


@pytest.fixture
def ends() -> Iterator[tuple[Control, Control]]:
    ours, theirs = socket.socketpair()
    front, loader = front_end(ours), loader_end(theirs)
    front.block(False)
    loader.block(False)
    yield front, loader
    front.close()
    loader.close()


def test_frames_arrive_in_order(ends: tuple[Control, Control]) -> None:
    front, loader = ends
    assert front.receive() == []
    sent = [Forked(lane=0, pid=7), Died(lane=0, pid=7, status=-9), Refused(code="c", message="m")]
    for frame in sent:
        loader.send(frame)
    assert [frame for frame, _ in front.receive()] == sent


def test_a_frame_that_comes_in_pieces_is_one(ends: tuple[Control, Control]) -> None:
    front, loader = ends
    body = msgspec.msgpack.encode(Forked(lane=3, pid=4))
    data = struct.pack("<I", len(body)) + body
    for piece in (data[:2], data[2:9], data[9:]):
        assert front.receive() == []
        loader._socket.send(piece)
    assert front.receive() == [(Forked(lane=3, pid=4), [])]


def test_descriptors_come_with_their_frames(ends: tuple[Control, Control]) -> None:
    front, loader = ends
    artifact = sealed(io.BytesIO(b"artifact"))
    reads, writes = os.pipe()
    front.send(Order(name="m"), [artifact])
    front.send(Serve(lane=1, kind="shared", request_bytes=1, answer_bytes=1), [reads, writes, artifact])
    found = []
    while len(found) < 2:
        found += loader.receive()
    (order, first), (serve, second) = found
    assert (order.name, serve.lane) == ("m", 1)
    assert os.pread(first[0], 100, 0) == b"artifact"
    os.write(second[1], b"!")
    assert os.read(reads, 1) == b"!"
    assert not os.get_inheritable(second[0])
    for each in (artifact, reads, writes, *first, *second):
        os.close(each)


def test_the_front_takes_no_descriptors(ends: tuple[Control, Control]) -> None:
    front, loader = ends
    before = len(os.listdir("/dev/fd"))
    with contextlib.suppress(Closed):  # newer systems refuse what others throw away
        loader.send(Forked(lane=0, pid=1), [0, 1, 2])
    assert [fds for _, fds in front.receive() + front.receive()] in ([], [[]])
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.skipif(not _refuses(), reason="needs Linux 6.16")
def test_descriptors_sent_to_the_front_stay_with_who_sent_them(ends: tuple[Control, Control]) -> None:
    # one that lingers when it is closed would hold up the front for as long as its sender likes
    front, loader = ends
    with pytest.raises(Closed, match="not permitted"):
        loader.send(Forked(lane=0, pid=1), [0])
    loader.send(Forked(lane=0, pid=1))
    assert front.receive() == [(Forked(lane=0, pid=1), [])]


def test_the_end_of_the_other_side_is_told(ends: tuple[Control, Control]) -> None:
    front, loader = ends
    loader.close()
    with pytest.raises(Closed):
        front.receive()
    with pytest.raises(Closed):
        front.send(Order())


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<I", MOST_BYTES + 1),
        struct.pack("<I", 1) + b"\xc1",
        struct.pack("<I", 3) + b"\x81\xa0\xc0",
        struct.pack("<I", 0),
    ],
    ids=["large", "byte", "field", "empty"],
)
def test_what_is_no_frame_ends_the_conversation(ends: tuple[Control, Control], data: bytes) -> None:
    front, loader = ends
    loader._socket.send(data)
    with pytest.raises(Closed):
        front.receive()


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_frames_or_the_end(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    front = front_end(ours)
    front.block(False)
    theirs.send(data)
    found: list[object] = []
    with contextlib.suppress(Closed):
        found += [frame for frame, _ in front.receive()]
    assert all(isinstance(frame, msgspec.Struct) for frame in found)
    front.close()
    theirs.close()


def test_a_policy_goes_as_plain_data() -> None:
    policy = Policy(allow=("pkg.Thing",), verdict="equivalent")
    order = Order(**Order.policy_of(policy))
    back = msgspec.msgpack.decode(msgspec.msgpack.encode(order), type=Order)
    assert Policy.from_dict(back.policy) == policy


def test_a_sealed_copy_cannot_be_changed() -> None:
    descriptor = sealed(io.BytesIO(b"x" * 10))
    assert os.fstat(descriptor).st_size == 10
    with pytest.raises(OSError, match="not permitted"):
        os.pwrite(descriptor, b"y", 0)
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def test_refusals_of_a_loader_name_the_file_of_the_policy(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('verdict = "equivalent"\n')
    policy = Policy.from_file(tmp_path / "policy.toml")
    found = policy_of(Order(**Order.policy_of(policy)))
    assert found == policy
    assert found.source == str(tmp_path / "policy.toml")
    assert found.digest == policy.digest
    assert policy_of(Order(**Order.policy_of(Policy()))).source == "the policy"
