"""The server beside those people use today: `python -m benchmarks.serving`.

Each server is started in turns, pinned with all its processes to one core; the load generator (wrk, h2load) has the
other. What counts is processor time per request, summed over the server's processes: requests per second depend on
what the host leaves. `apps/` are the peers as a team would write them, `peers` how each is started and asked, `load`
the generators, `processes` the clocks, `figures` the promises beside what was measured.
"""
