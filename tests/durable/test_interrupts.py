"""A real Ctrl-C on the command line, at every call of a write: exit code 130, one line, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT
from tests.durable.scenarios import leftovers, outcomes, state

WORDS = {
    "pack over a file": ["pack", "from", "m.amber"],
    "unpack": ["unpack", "from.amber", "m"],
    "redact in place": ["redact", "m.amber", "-o", "m.amber"],
}
# Forks at each call, so that the libraries are imported once; prints what each child said and how it ended.
RUN = """
import json, os, signal, sys
from pathlib import Path
from amber.cli.main import main
from tests.durable import faults
from tests.durable.scenarios import ALL
name, root, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
if name.startswith("redact"):
    import amber.models.redact
def interrupt(_name, real, _args):
    os.kill(os.getpid(), signal.SIGINT)
    return real()
code, at = 130, 0
while code == 130:
    at += 1
    place = root / str(at)
    place.mkdir()
    ALL[name].prepare(place)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(writer)  # so that the reader sees the end
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        os.chdir(place)
        sys.argv = ["amber", *words]
        with faults.installed(faults.Counter(place, at, interrupt)):
            code = main()
        sys.stdout.flush()
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps({"at": at, "code": code, "said": said}))
"""


@pytest.mark.parametrize(
    "name", ["pack over a file", "unpack", pytest.param("redact in place", marks=pytest.mark.slow)]
)
def test_an_interrupted_command(tmp_path: Path, name: str) -> None:
    before, after = outcomes(name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", RUN, name, str(tmp_path), *WORDS[name]],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(runs) > 10
    assert runs.pop()["code"] == 0
    for run in runs:
        assert run["code"] == 130, run
        assert run["said"] == "error: interrupted\n", run
        place = tmp_path / str(run["at"])
        assert leftovers(place) == []
        assert state(place) in (before, after)
    assert {state(tmp_path / str(run["at"])) == before for run in runs} == {True, False}
