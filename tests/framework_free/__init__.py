"""Programs where nothing but `amber[program]` is installed: `make` writes artifacts here, `ask` opens them there.

`make test-programs` does both: with the oldest supported onnxruntime and NumPy, and with the newest.
"""
