"""What stands between decoded requests and workers: models, their versions, queues and processes, and what is seen.

In: `exchange.Asked` with a callback, artifacts to serve, the order to load or unload one. Out: `exchange.Answered` or
a `Failure` to that callback, exactly once; states with reasons; metrics, access log, spans. The handlers call it.
`policies` reads what the reader accepts, for each load; `judging` says when what is served is judged anew, `judge` has
a process do it.
"""
