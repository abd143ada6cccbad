"""The live half of the server: a loader verifies one artifact, builds its program or original and forks workers.

In: a sealed copy of the artifact, the reader's policy, lanes. Out: an `interface.Interface`, verdicts, answers.
Started by `front` as `python -m amber.server.worker`, never imported by it.

    loader -> judging (steps 1 to 6, under the policy; alone, where what is served is judged anew)
           -> loading (build, replay; `describe` says what it takes and gives) -> workers (fork, watch, reap)
           -> serving (the loop) -> answering (`building` makes the rows, `values` and `blame` the answers), `probing`
"""
