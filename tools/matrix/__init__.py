"""The version matrix: what each supported version of scikit-learn writes, every other reads (`make matrix`)."""
