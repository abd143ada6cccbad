"""Frozen programs: a model as an ONNX graph with a plan, emitted at freeze, checked and run without its library.

`emit/` makes the graph from the tree (freeze time, needs `onnx`); `wire.py` walks and checks a graph's bytes without
the onnx package; `plan.py` is what stands before and behind a graph, as data; `prelude/` turns texts into counts;
`program.py` runs: request -> `feeds.py` -> session -> `answers.py`. Whether a program answers like the original is
not decided here: `cases/certify.py` compares, `models/freeze.py` attaches. Knows trees, and neither files nor cases.
"""
