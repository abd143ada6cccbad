"""Every estimator that skl2onnx knows, frozen by Amber and converted by skl2onnx, beside the original.

    python -m proofs.conversion              measure every class, and docs/conversion.md
    python -m proofs.conversion NAME ...     measure some classes again, nothing written

`data.py` has the rows, `subjects.py` the models of each class, `amber_side.py` and `peer_side.py` ask one model's
program, `judging.py` compares two answers, `measuring.py` does all of it in a child, `page.py` writes what was found.
"""
