"""The table of messages is the proto file, and the protocol as another client has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.protobuf")

from google.protobuf import descriptor_pb2

import amber
from amber.server.grpc import messages

PROTO = Path(amber.__file__).parent / "server" / "grpc" / "inference.proto"


def plain(message: Any) -> dict[str, Any]:
    """Return a message's description without its order of nested messages."""
    return {
        "fields": [
            (each.name, each.number, each.type, each.label, each.type_name, each.HasField("oneof_index"))
            for each in message.field
        ],
        "oneofs": [each.name for each in message.oneof_decl],
        "map": message.options.map_entry,
        "nested": {each.name: plain(each) for each in message.nested_type},
    }


def described(file: Any) -> dict[str, Any]:
    return {each.name: plain(each) for each in file.message_type}


def test_the_table_is_what_protoc_makes_of_the_proto_file(tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc")
    out = tmp_path / "set"
    assert protoc.main(["protoc", f"-I{PROTO.parent}", f"--descriptor_set_out={out}", PROTO.name]) == 0
    compiled = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file[0]
    ours = messages.file_descriptor()
    assert described(compiled) == described(ours)
    assert (compiled.package, compiled.syntax) == (ours.package, ours.syntax)
    service = [(each.name, each.input_type, each.output_type) for each in compiled.service[0].method]
    assert service == [(each.name, each.input_type, each.output_type) for each in ours.service[0].method]
    assert f"{compiled.package}.{compiled.service[0].name}" == messages.SERVICE


def test_another_client_has_the_same_messages() -> None:
    pb2 = pytest.importorskip("tritonclient.grpc.service_pb2")
    theirs = descriptor_pb2.FileDescriptorProto()
    pb2.DESCRIPTOR.CopyToProto(theirs)
    known = described(theirs)
    ours = described(messages.file_descriptor())
    assert {name: known[name] for name in ours} == ours
    methods = {each.name: (each.input_type, each.output_type) for each in theirs.service[0].method}
    for each in messages.file_descriptor().service[0].method:
        assert methods[each.name] == (each.input_type, each.output_type)


def test_a_message_comes_back_from_its_bytes() -> None:
    made = messages.CLASSES["ModelInferRequest"](model_name="m", raw_input_contents=[b"\0\1"])
    made.inputs.add(name="x", datatype="FP64", shape=[2, -1]).parameters["k"].double_param = 0.5
    made.parameters["u"].uint64_param = 2**64 - 1
    again = messages.CLASSES["ModelInferRequest"].FromString(made.SerializeToString())
    assert again == made
    assert again.parameters["u"].uint64_param == 2**64 - 1
