"""Proofs that anyone can run: each package here measures one promise and writes what it found."""
