"""Every cap of the reader in one frozen value, the unit in the name. A policy file may lower or raise them."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader accepts at most. All bounds are inclusive."""

    file_bytes: int = 1024 * GIB  # whole artifact
    members: int = 4096  # entries in the container
    manifest_bytes: int = 16 * MIB
    tree_bytes: int = 256 * MIB  # model/tree.json
    strings_bytes: int = 1 * GIB  # model/strings.json
    card_bytes: int = 4 * MIB
    environment_bytes: int = 4 * MIB
    tensor_header_bytes: int = 25_000_000  # safetensors header; huggingface_hub's own cap
    tensors: int = 1_000_000
    tensor_rank: int = 32  # NumPy 1.26's highest
    nodes: int = 10_000_000
    integer_digits: int = 4096
    dtype_fields: int = 1024
    cases_members: int = 1024
    cases_bytes: int = 64 * MIB
    signatures: int = 64
    problems: int = 100  # an audit stops collecting here
    # work that is not linear in the stored size
    polynomial_degree: int = 16
    pattern_chars: int = 512  # regular expressions
    hash_features: int = 2**31 - 1
    jobs: int = 64  # n_jobs
    verbosity: int = 100
    ngram: int = 64
    components: int = 2**24  # columns that a transformer makes out of its parameters alone
    iterations: int = 10_000_000  # of a solver that runs inside transform or predict
    unfolded_objects: int = 1_000_000  # objects counted along every way that leads to them
    nesting: int = 100  # object arrays, deques and default dicts inside one another
    # programs: graphs and what their parameters alone ask for
    program_bytes: int = 256 * MIB  # one graph
    program_parts: int = 1_000_000  # messages and texts in a graph
    program_text_bytes: int = 65_536  # one name or text in a graph
    program_nodes: int = 200_000
    program_tensors: int = 200_000  # constants
    program_rank: int = 8  # axes of a constant
    program_elements: int = 2**26  # of a constant, or of what constants alone make
    program_tree_nodes: int = 5_000_000  # inner nodes and leaves of one ensemble
    program_tree_depth: int = 2048  # onnxruntime builds a tree by recursion: 15,000 end in a crash
    program_rounds: int = 100_000  # of a loop inside a graph
    program_memory_bytes: int = 4 * GIB  # what sessions of one process hold between their nodes, all together
    program_seconds: float = 600.0  # one run of a graph: the rows of one block, wall clock
    program_targets: int = 65_536  # columns that one ensemble or classifier answers with
    # replay
    replay_seconds: float = 60.0  # in a child process, wall clock
    replay_extra_bytes: int = 1 * GIB  # address space on top of four times the model
    load_replay_seconds: float = 10.0  # inside load, checked between groups


DEFAULT = Limits()
