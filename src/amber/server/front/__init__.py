"""The front of the server: connections, protocols, queues, versions. Inert: no model code, no NumPy.

In: bytes of clients. Out: bytes to them. Rows go to workers through `wire`; `worker` is never imported here.
`http` reads requests; `answering`, `pages` and `admin` handle them; `endpoints` has the models, their queues and large
bodies; `app` binds it all and ends it.
"""
