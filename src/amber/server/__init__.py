"""The server: from a verified file to a production endpoint.

    client -> front (HTTP, inert: no model code, no NumPy) -> batch of whatever has arrived -> shared memory
           -> worker (live, forked from the loader that verified the file) -> answers -> front -> client

In: artifacts and `settings`. Out: the Open Inference Protocol v2 and a simple API over HTTP, and gRPC where asked for.
`interface` says what a model takes and gives and `exchange` what one request asks for: both are all that front and
worker share beside `wire`, the layout of a batch. `amber serve`, `amber.serve` and `amber.Client` call it.
"""
