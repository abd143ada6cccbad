"""Two ways to change an artifact: damage, and a careful hand that repairs every digest afterwards."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any, cast

SCALER = "sklearn.preprocessing.StandardScaler"


def flip_one_byte(source: Path, target: Path) -> int:
    """Write a copy with one bit of one array flipped; return where in the file (bytes from its beginning)."""
    with zipfile.ZipFile(source) as container:
        shard = container.getinfo("model/tensors-00001.safetensors")
    data = bytearray(source.read_bytes())
    name, extra = cast("tuple[int, int]", struct.unpack_from("<HH", data, shard.header_offset + 26))
    place = shard.header_offset + 30 + name + extra + shard.file_size * 3 // 4
    data[place] ^= 0x10
    target.write_bytes(data)
    return place


def shift_means(folder: Path, by: float) -> tuple[float, float]:
    """Multiply the first mean of the scaler in an unpacked artifact by 1 + `by` and repair the manifest.

    Nothing here needs Amber: members are JSON and safetensors, digests are BLAKE3 over bytes.

    Returns:
        The mean before and after.
    """
    tree = json.loads((folder / "model" / "tree.json").read_bytes())
    tensor = _tensor_of(tree["nodes"], SCALER, "mean_")
    for shard in sorted((folder / "model").glob("tensors-*.safetensors")):
        data = bytearray(shard.read_bytes())
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        if tensor in header:
            place = 8 + length + header[tensor]["data_offsets"][0]
            (before,) = struct.unpack_from("<d", data, place)
            after = before * (1 + by)
            struct.pack_into("<d", data, place, after)
            shard.write_bytes(data)
            _repair(folder / "manifest.json", f"model/{shard.name}", bytes(data))
            return before, after
    raise LookupError(tensor)


def _tensor_of(nodes: list[Any], type_name: str, attribute: str) -> str:
    """Name of the tensor behind an attribute: object nodes are [kind, type, attributes], arrays end in a tensor."""
    # a pipeline holds the scaler it was given, unfitted, beside the fitted copy
    owner = next(node for node in nodes if node[:2] == ["object", type_name] and attribute in node[2])
    array = nodes[owner[2][attribute]]
    return f"t{array[4]}"


def _repair(manifest: Path, member: str, data: bytes) -> None:
    from blake3 import blake3

    described = json.loads(manifest.read_bytes())
    described["members"][member] = {"blake3": blake3(data).hexdigest(), "size": len(data)}
    canonical = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    manifest.write_bytes(canonical.encode())
