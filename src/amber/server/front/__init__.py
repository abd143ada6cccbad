"""The front of the server: connections, protocols, queues, versions. Inert: no model code, no NumPy.

In: bytes of clients. Out: bytes to them. Rows go to workers through `wire`; `worker` is never imported here.
`http` reads requests, `answering`, `bulk`, `pages` and `admin` handle them, `endpoints` has models and their queues,
and `app` binds it all and ends it.
"""
