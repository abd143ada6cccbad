"""What a model is: nodes, string columns and tensors, plus the recorded cases; plain data, no IO, no framework.

In: node tables from an adapter (`save`) or from `model/tree.json` (`load`). Out: canonical JSON bytes, or a checked
table. Called by `archive` (bytes), `vocabulary` (audit of names), and the live half (adapters, cases).
"""
