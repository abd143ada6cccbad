"""Words of the shell, exit codes, and what stands on which stream: in a fresh process each, as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from amber import report
from amber.cli.commands import TABLE, LazyGroup
from amber.cli.main import amber_group, exit_code_of, main
from amber.cli.verify import exit_code
from amber.errors import AmberError, CaseError, FormatError, PolicyError, SourceError, UsageError
from amber.report import Report, Step


def amber(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "amber.cli.main", *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_command_and_each_command_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name, entry in TABLE.items():
        assert f"  {name}" in listed
        assert entry.line.rstrip(".") in listed
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"Usage: amber {name}" in text
        assert f"  amber {name}" in text.partition("Examples:")[2], "help ends with an example"


def test_every_option_says_what_it_does() -> None:
    context = click.Context(amber_group)
    for name in LazyGroup(name="amber").list_commands(context):
        command = amber_group.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize("name", ["verify", "diff", "predict", "redact"])
def test_commands_that_build_a_model_take_a_policy(name: str) -> None:
    command = amber_group.get_command(click.Context(amber_group), name)
    assert command is not None
    assert {"--policy", "--allow"} <= {option for p in command.params for option in p.opts}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["verfy", "x"],
        ["verify"],
        ["verify", "x", "--no-such-option"],
        ["inspect", "a", "b"],
        ["redact", "x"],
        ["predict", "m", "i", "--to", "xlsx"],
        ["predict", "m", "i", "--delimiter", ";;"],
        ["predict", "m", "i", "--json"],
        ["verify", "x", "--allow", "not a name"],
        ["verify", "x", "--allow", "mypkg.*"],
        ["pack", "d", "f", "--id", "abc"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_64(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 64
    streams = capsys.readouterr()
    assert streams.err
    assert "Traceback" not in streams.err


def test_a_misspelt_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["inspct", "x"])
    assert "Did you mean 'inspect'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "none.amber"],
        ["verify", "none.amber"],
        ["diff", "none.amber", "none.amber"],
        ["predict", "none.amber", "rows.csv"],
        ["unpack", "none.amber", "out"],
        ["pack", "none", "out.amber"],
        ["redact", "none.amber", "-o", "out.amber"],
        ["verify", "none.amber", "--policy", "none.toml"],
    ],
    ids=" ".join,
)
def test_no_input_is_66(words: list[str], tmp_path: Path) -> None:
    done = amber(*words, cwd=tmp_path)
    assert done.returncode == 66, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["inspect", "unpack", "redact", "predict"])
def test_junk_is_2_with_a_code(command: str, tmp_path: Path) -> None:
    (tmp_path / "junk.amber").write_bytes(b"PK\x03\x04 but no artifact")
    (tmp_path / "rows.csv").write_text("a\n1\n")
    rest = {"unpack": ["out"], "redact": ["-o", "out.amber"], "predict": ["rows.csv"], "inspect": []}[command]
    done = amber(command, "junk.amber", *rest, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "[container-" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junk.amber", "rows.csv"]


def test_verify_of_junk_is_a_report(tmp_path: Path) -> None:
    (tmp_path / "junk.amber").write_bytes(b"PK\x03\x04 but no artifact")
    done = amber("verify", "junk.amber", "--json", cwd=tmp_path)
    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert document["verdict"] == "broken"
    assert document["exit_code"] == 2
    assert document["steps"][0]["status"] == "failed"


@pytest.mark.parametrize(
    ("words", "code"), [(["inspect", "none.amber", "--json"], 66), (["inspect", "--json"], 64)], ids=str
)
def test_with_json_an_error_is_a_document_too(words: list[str], code: int, tmp_path: Path) -> None:
    done = amber(*words, cwd=tmp_path)
    assert done.returncode == code
    error = json.loads(done.stdout)["error"]
    assert error["exit_code"] == code
    assert error["code"]
    assert done.stderr.startswith("error: ")


VERDICTS = {"identical": 0, "equivalent": 0, "drifted": 1, "broken": 2, "unchecked": 3}


@pytest.mark.parametrize(("verdict", "code"), VERDICTS.items())
def test_the_exit_code_of_a_report_is_its_verdict(verdict: Any, code: int) -> None:
    assert set(VERDICTS) == set(report.VERDICTS)
    assert exit_code(Report(verdict), no_cases=False) == code
    assert exit_code(Report(verdict, refused=("signers",)), no_cases=False) == 2


def test_without_cases_the_steps_decide() -> None:
    passed = (Step(1, "passed"), Step(2, "not-present"), Step(9, "not-asked"))
    assert exit_code(Report("unchecked", "cases-not-asked", steps=passed), no_cases=True) == 0
    assert exit_code(Report("unchecked", steps=(Step(6, "not-supported"),)), no_cases=True) == 3
    assert exit_code(Report("unchecked", steps=(*passed, Step(10, "not-supported"))), no_cases=True) == 0
    assert exit_code(Report("unchecked", steps=(Step(4, "failed"),)), no_cases=True) == 2
    assert exit_code(Report("unchecked", steps=passed, refused=("x",)), no_cases=True) == 2
    assert exit_code(Report("broken"), no_cases=True) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("any", ""), 64),
        (SourceError("any", ""), 66),
        (FormatError("any", ""), 2),
        (PolicyError("any", ""), 2),
        (CaseError("verdict-drifted", ""), 1),
        (CaseError("verdict-broken", ""), 2),
        (CaseError("verdict-unchecked", ""), 3),
        (CaseError("verdict-identical", ""), 2),
        (CaseError("verdict-made-up", ""), 2),
        (AmberError("any", ""), 2),
    ],
    ids=lambda value: value.code if isinstance(value, AmberError) else str(value),
)
def test_errors_have_exit_codes(error: AmberError, code: int) -> None:
    assert exit_code_of(error) == code


BROKEN = """
import sys
from amber.cli import main as cli, inspect
def fail(*args, **kwargs):
    raise {error}
inspect.command.callback = fail
sys.exit(cli.main(["inspect", "x", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ("ZeroDivisionError('odd')", 70, "internal error: ZeroDivisionError: odd"),
        ("RecursionError()", 70, "internal error: RecursionError"),
        ("KeyboardInterrupt()", 130, "interrupted"),
        ("OSError(5, 'odd')", 70, "internal error: OSError"),
    ],
)
def test_what_nobody_expected(error: str, code: int, message: str, tmp_path: Path) -> None:
    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", BROKEN.format(error=error), *words]
        env = {**os.environ, **environment}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    done = run()
    assert done.returncode == code
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(run("--json").stdout)["error"]["exit_code"] == code
    if code == 70:
        assert "Traceback" in run(AMBER_DEBUG="1").stderr


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    program = "from amber.cli.main import main; import sys; sys.exit(main(['--help']))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.returncode == report.EXIT_CLOSED_PIPE
    assert done.stderr == ""


def test_an_encoding_without_the_character_is_no_failure(tmp_path: Path) -> None:
    done = amber("inspect", "\u65e5 file", cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 66
    assert "\\u65e5 file" in done.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import amber as package

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"amber {package.__version__} ")


def test_completion_is_offered(tmp_path: Path) -> None:
    done = amber(cwd=tmp_path, _AMBER_COMPLETE="bash_source")
    assert done.returncode == 0
    assert "_AMBER_COMPLETE" in done.stdout
    words = amber(cwd=tmp_path, _AMBER_COMPLETE="bash_complete", COMP_WORDS="amber ver", COMP_CWORD="1")
    assert words.stdout.split() == ["plain,verify"]
