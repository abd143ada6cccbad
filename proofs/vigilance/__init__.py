"""Quiet and awake: no false alarm where only rounding differs, no silence where a parameter has moved.

    python -m proofs.vigilance            both sweeps, and docs/vigilance.md
    python -m proofs.vigilance --quick    a few models of each, nothing written

`models.py` has the models, `quiet.py` asks for their verdict in other numerical environments, `awake.py` hits their
parameters one by one, `page.py` writes what was found.
"""
