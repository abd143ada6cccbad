"""Measures Amber beside pickle, joblib, cloudpickle and skops: `python -m benchmarks` (see README.md)."""
