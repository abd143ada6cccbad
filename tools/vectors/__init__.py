"""What the test vectors of `spec/vectors` are made of: valid small artifacts, each with one thing wrong."""
