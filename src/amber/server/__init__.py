"""The server: from a verified file to a production endpoint.

    client -> front (HTTP, inert: no model code, no NumPy) -> batch of whatever has arrived -> shared memory
           -> worker (live, forked from the loader that verified the file) -> answers -> front -> client

In: artifacts and `settings`. Out: the Open Inference Protocol v2 and a simple API over HTTP, and gRPC where asked for.
Front, worker and gRPC are processes of their own. Front and worker import nothing of each other and share the inert:
`interface` (what a model takes and gives), `exchange` (what one request asks for), `formats` (between bodies and
`exchange`), `slices` (a large request in parts), `wire` (the layout of a batch and its lanes), `failures` (every code),
`decisions` (what a policy said of an artifact) and `events` (what a server says of itself). `calling` is the client's
half. `amber serve`, `amber call`, `amber.serve` and `amber.Client` call it.
"""
