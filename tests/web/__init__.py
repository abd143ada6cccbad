"""Programs on the web: `make` writes float32 graphs, inputs and answers here, `ask.mjs` runs them in onnxruntime-web.

`make test-web` does both, in Node with the WebAssembly kernels that browsers run.
"""
