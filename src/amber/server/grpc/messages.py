"""The protocol's messages as a table, and the classes that protobuf makes of it. No generated code.

`inference.proto` says the same for people and for makers of clients; a test compiles it and compares. Numbers of
fields are the places in a message, as everywhere in this protocol.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
_PARAMETERS = "parameters: map InferParameter"
_TENSOR = f"name: string, datatype: string, shape: repeated int64, {_PARAMETERS}, contents: InferTensorContents"
_NAMED = "name: string, version: string"
_MODEL = "model_name: string, model_version: string, id: string"
_CHOICE = "bool_param: oneof bool, int64_param: oneof int64, string_param: oneof string"
_LOAD = "repository_name: string, model_name: string, parameters: map ModelRepositoryParameter"

# message -> its fields, numbered from 1; a dot nests a message in the one before it
MESSAGES: dict[str, str] = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live: bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready: bool",
    "ModelReadyRequest": _NAMED,
    "ModelReadyResponse": "ready: bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": f"{_NAMED}, extensions: repeated string",
    "ModelMetadataRequest": _NAMED,
    "ModelMetadataResponse": (
        "name: string, versions: repeated string, platform: string,"
        " inputs: repeated ModelMetadataResponse.TensorMetadata,"
        " outputs: repeated ModelMetadataResponse.TensorMetadata"
    ),
    "ModelMetadataResponse.TensorMetadata": "name: string, datatype: string, shape: repeated int64",
    "ModelInferRequest": (
        f"{_MODEL}, {_PARAMETERS}, inputs: repeated ModelInferRequest.InferInputTensor,"
        " outputs: repeated ModelInferRequest.InferRequestedOutputTensor, raw_input_contents: repeated bytes"
    ),
    "ModelInferRequest.InferInputTensor": _TENSOR,
    "ModelInferRequest.InferRequestedOutputTensor": f"name: string, {_PARAMETERS}",
    "ModelInferResponse": (
        f"{_MODEL}, {_PARAMETERS}, outputs: repeated ModelInferResponse.InferOutputTensor,"
        " raw_output_contents: repeated bytes"
    ),
    "ModelInferResponse.InferOutputTensor": _TENSOR,
    "InferParameter": f"{_CHOICE}, double_param: oneof double, uint64_param: oneof uint64",
    "InferTensorContents": (
        "bool_contents: repeated bool, int_contents: repeated int32, int64_contents: repeated int64,"
        " uint_contents: repeated uint32, uint64_contents: repeated uint64, fp32_contents: repeated float,"
        " fp64_contents: repeated double, bytes_contents: repeated bytes"
    ),
    "ModelRepositoryParameter": f"{_CHOICE}, bytes_param: oneof bytes",
    "RepositoryIndexRequest": "repository_name: string, ready: bool",
    "RepositoryIndexResponse": "models: repeated RepositoryIndexResponse.ModelIndex",
    "RepositoryIndexResponse.ModelIndex": f"{_NAMED}, state: string, reason: string",
    "RepositoryModelLoadRequest": _LOAD,
    "RepositoryModelLoadResponse": "",
    "RepositoryModelUnloadRequest": _LOAD,
    "RepositoryModelUnloadResponse": "",
}
METHODS = (
    "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer",
    "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload",
)  # fmt: skip
_Field = descriptor_pb2.FieldDescriptorProto


def file_descriptor() -> Any:
    """Return the table as protobuf's own description of a file."""
    file = descriptor_pb2.FileDescriptorProto(name="inference.proto", package=PACKAGE, syntax="proto3")
    places: dict[str, Any] = {}
    for name, fields in MESSAGES.items():
        outer, _, inner = name.rpartition(".")
        message = places[outer].nested_type.add(name=inner) if outer else file.message_type.add(name=name)
        places[name] = message
        for number, field in enumerate(filter(None, fields.split(", ")), start=1):
            _add(message, name, number, field)
    service = file.service.add(name=SERVICE.rpartition(".")[2])
    for method in METHODS:
        service.method.add(
            name=method, input_type=f".{PACKAGE}.{method}Request", output_type=f".{PACKAGE}.{method}Response"
        )
    return file


def _add(message: Any, owner: str, number: int, field: str) -> None:
    """Add `name: [repeated | oneof | map] type` to a message."""
    name, _, kind = field.strip().partition(": ")
    word, _, rest = kind.rpartition(" ")
    added = message.field.add(name=name, number=number, json_name=_json_name(name), label=_Field.LABEL_OPTIONAL)
    if word == "map":
        _entry(message, rest)
        rest = f"{owner}.ParametersEntry"
    if word in ("repeated", "map"):
        added.label = _Field.LABEL_REPEATED
    if word == "oneof":
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        added.oneof_index = 0
    if rest[0].isupper():
        added.type, added.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{rest}"
    else:
        added.type = _Field.Type.Value(f"TYPE_{rest.upper()}")


def _entry(message: Any, value: str) -> None:
    """Add the message that the wire form of `map<string, value>` is made of."""
    entry = message.nested_type.add(name="ParametersEntry")
    entry.options.map_entry = True
    _add(entry, "", 1, "key: string")
    _add(entry, "", 2, f"value: {value}")


def _json_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _classes() -> dict[str, Any]:
    # a pool of its own: another library of this process may have put the same names into the default one
    pool = DescriptorPool()
    pool.Add(file_descriptor())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in MESSAGES}


CLASSES: dict[str, Any] = _classes()
