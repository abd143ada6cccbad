"""Evidence: choose rows, record what a model answers, replay it elsewhere, compare, explain (live half).

Reading order: `record.py` (what is recorded, in which order), `ask.py` (one call of one method), `tables.py` (the
caller's objects as columns and back), `replay.py` and `compare.py` (the verdict). Estimators are known by their
methods and fitted attributes only.
"""
