"""Sessions of onnxruntime for checked graphs: quiet, one thread, bounded memory, only what a method needs.

In: bytes that passed `graph_check`. Out: `onnxruntime.InferenceSession`. Called by `Program`.

Nothing is reported to anybody: telemetry is switched off before onnxruntime is imported. One thread inside a call: with
two, the last bits of a forest depend on the number of rows. Constants are not folded when a session is made, and all
sessions of a process share one arena with an upper bound: what a graph asks for beyond it is refused while it runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

from amber.errors import FormatError, LimitError
from amber.limits import DEFAULT, Limits
from amber.programs import wire

_SMALL_BYTES = 1 << 20  # a graph below it is cut down to what a method needs; above, parts are shared
_QUIET = 4  # fatal
_CONFIG = {
    "session.use_env_allocators": "1",
    "session.use_device_allocator_for_initializers": "1",  # constants do not count against the arena
    "session.intra_op.allow_spinning": "0",
    "session.inter_op.allow_spinning": "0",
    "session.load_model_format": "ONNX",
}
_memory = threading.Lock()


def runtime() -> Any:
    """Return onnxruntime, imported with its telemetry switched off."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


@cache
def _bounded(memory_bytes: int) -> None:
    """Give the process its one arena; the first bound holds."""
    ort = runtime()
    info = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    # extend by what is asked for: the arena does not grow in powers of two
    config = ort.OrtArenaCfg({"max_mem": memory_bytes, "arena_extend_strategy": 1})
    try:
        ort.create_and_register_allocator(info, config)
    except RuntimeError:  # somebody else in this process gave it one
        return


def open_session(data: bytes, *, limits: Limits = DEFAULT, outputs: Sequence[str] | None = None) -> Any:
    """Return a session of a graph.

    Args:
        data: A graph that passed `check_graph`.
        limits: The reader's limits.
        outputs: Names of the outputs wanted; the session computes these and nothing else. None: all.

    Raises:
        FormatError: `program-invalid`: onnxruntime refuses the graph.
        LimitError: `limit-program-bytes`.
        TypeError: Text instead of bytes.
    """
    if len(data) > limits.program_bytes:
        raise LimitError("limit-program-bytes", f"a graph of {len(data)} bytes, at most {limits.program_bytes}")
    # never text: onnxruntime would open the file of that name, and what stands beside it
    if outputs is not None:
        return _opened(wire.pruned(data, outputs, limits), limits)
    return _opened(data if type(data) is bytes else bytes(memoryview(data)), limits)


def _opened(graph: bytes, limits: Limits) -> Any:
    ort = runtime()
    with _memory:
        _bounded(limits.program_memory_bytes)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _QUIET
    options.enable_profiling = False
    for key, value in _CONFIG.items():
        options.add_session_config_entry(key, value)
    try:
        return ort.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=["ConstantFolding"]
        )
    except Exception as error:
        # onnxruntime's own errors have no common class
        raise FormatError("program-invalid", f"onnxruntime refuses the graph: {error}") from error


class Sessions:
    """Sessions of one graph, each made when it is first asked for.

    onnxruntime runs every node of a session whatever outputs are asked for. So a small graph is cut down to what a
    method needs, one session for each; of a large one, methods that read the same large parts share a session.
    """

    def __init__(self, data: bytes, *, limits: Limits = DEFAULT, model: wire.Model | None = None) -> None:
        """Take a graph that passed `check_graph`; `model`: as that took it apart, whose attributes are given up."""
        self._data = data
        self._limits = limits
        self._lock = threading.Lock()
        self._made: dict[tuple[str, ...], Any] = {}
        self._model = model
        for node in model.graph.node if model is not None and model.graph is not None else ():
            node.attribute = [each for each in node.attribute if each.g is not None or each.graphs]

    @property
    def seconds(self) -> float:
        """How long one run may take."""
        return self._limits.program_seconds

    def for_outputs(self, names: Sequence[str]) -> Any:
        """Return a session with these outputs, perhaps with others beside them."""
        key = tuple(sorted(set(names)))
        with self._lock:
            if key not in self._made:
                self._made[key] = self._session(key)
            return self._made[key]

    def _session(self, key: tuple[str, ...]) -> Any:
        if self._model is None:
            self._model = wire.walk(self._data, self._limits)
        graph = self._model.graph or wire.Graph()
        group = key if len(self._data) < _SMALL_BYTES else _group(graph, key)
        if group not in self._made:
            if len(self._data) >= _SMALL_BYTES and set(group) == {each.name for each in graph.output}:
                self._made[group] = open_session(self._data, limits=self._limits)  # all of it: not copied
            else:
                self._made[group] = _opened(wire.pruned(self._model, group), self._limits)
        return self._made[group]


def _group(graph: wire.Graph, key: tuple[str, ...]) -> tuple[str, ...]:
    """Return all outputs that read one of the large parts these read."""
    parts = {each.name: _large(graph, [each.name]) for each in graph.output}
    mine = frozenset().union(*(parts.get(name, frozenset()) for name in key))
    return tuple(sorted({*key, *(name for name, found in parts.items() if found & mine)}))


def _large(graph: wire.Graph, outputs: Sequence[str]) -> frozenset[str]:
    """Names of the large nodes and constants that outputs need."""
    nodes, wanted = wire.needed(graph, outputs)
    large = {node.output[0] for node in nodes if len(node.span) >= _SMALL_BYTES // 8 and node.output}
    return frozenset(
        large | {each.name for each in graph.initializer if each.name in wanted and len(each.span) >= _SMALL_BYTES // 8}
    )
