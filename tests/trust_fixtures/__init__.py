"""Authorities of our own for tests: certificates, time stamps, and a whole Sigstore instance."""
