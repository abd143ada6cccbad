"""Write the reference pages of the documentation from the code, so that they cannot disagree with it.

Usage: python scripts/write_reference.py [--check]

`docs/cli.md` comes from the commands, `docs/python.md` from the public names of `amber`, the tables in
`docs/errors.md` from steps and codes, those in `docs/serving.md` from the server's failures and settings. With
`--check` nothing is written; exit 1 when a page is stale.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

import amber
from amber import report
from amber.cli import main as cli
from amber.server.failures import SECTIONS
from amber.server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def cell(text: str) -> str:
    """Return `text` as one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell(item) for item in line) + " |" for line in lines)


def commands() -> list[tuple[str, click.Command]]:
    """Return the commands of `amber` and their words, in the order of its help; those of a group after the group."""
    group = next(item for item in vars(cli).values() if isinstance(item, click.Group))
    context = click.Context(group, info_name="amber")
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        found.append((name, command))
        inner = command.commands if isinstance(command, click.Group) else {}
        found += [(f"{name} {word}", each) for word, each in inner.items()]
    return found


def option_rows(command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield option and meaning of each option of `command`."""
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
            value = "" if option.is_flag or option.count else f" `{option.make_metavar(click.Context(command))}`"
            yield names + value, option.help or ""


def cli_page() -> str:
    """Return `docs/cli.md`."""
    found = commands()
    parts = [
        "# Command line",
        "`amber COMMAND --help` prints the same. Exit codes: [Errors and exit codes](errors.md).",
    ]
    for words, command in found:
        usage = command.get_usage(click.Context(command, info_name=f"amber {words}", parent=None))
        parts += [
            f"## amber {words}",
            "```text\n" + " ".join(usage.split()).removeprefix("Usage: ") + "\n```",
        ]
        parts.append(inspect.cleandoc(command.help or ""))
        arguments = list(getattr(command, "arguments", ()))
        if arguments:
            parts.append(table(("argument", "meaning"), [(f"`{name}`", meaning) for name, meaning in arguments]))
        rows = list(option_rows(command))
        if rows:
            parts.append(table(("option", "meaning"), rows))
        examples = [f"# {meaning}\n{line}" for line, meaning in getattr(command, "examples", ())]
        if examples:
            parts.append("```text\n" + "\n".join(examples) + "\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


def python_page() -> str:
    """Return `docs/python.md`."""
    parts = ["# Python", "The public names of `amber`. Everything else may change without notice."]
    for name in sorted(amber.__all__, key=str.lower):
        thing = getattr(amber, name)
        if not callable(thing):
            continue
        is_class = inspect.isclass(thing)
        kind = "class amber." if is_class else "amber."
        simple = (is_class and issubclass(thing, BaseException | report.Report)) or name == "Info"
        head = f"{kind}{name}" + ("" if simple else signature(thing))
        parts += [f"## amber.{name}", f"```text\n{head}\n```", f"```text\n{inspect.getdoc(thing)}\n```"]
        for method, function in sorted(public_methods(thing)) if is_class else ():
            doc = (inspect.getdoc(function) or "").partition("\n\n")[0]
            parts.append(f"- `.{method}{signature(function, bound=True)}`: {' '.join(doc.split())}")
    return "\n\n".join(parts) + "\n"


def public_methods(cls: type) -> Iterator[tuple[str, object]]:
    """Yield the documented methods that `cls` itself defines."""
    for name, value in vars(cls).items():
        function = getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, function


def signature(thing: object, *, bound: bool = False) -> str:
    """Return the signature as text, without annotations of results."""
    shown = inspect.signature(thing)  # type: ignore[arg-type]
    parameters = list(shown.parameters.values())[1 if bound else 0 :]
    text = str(shown.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return re.sub(r"<[^<>]* object at 0x[0-9a-f]+>", "...", text)


def errors_blocks() -> dict[str, str]:
    """Return the generated blocks of `docs/errors.md` by name."""
    steps = table(("step", "name"), [(str(number), name) for number, name in report.STEPS.items()])
    return {"steps": steps, "codes": codes_table()}


def codes_table() -> str:
    """Return the table of codes from `spec/codes.json`, a list of objects or an object by code."""
    data = json.loads((ROOT / "spec" / "codes.json").read_text(encoding="utf-8"))
    entries = data.get("codes", data) if isinstance(data, dict) else data
    if isinstance(entries, dict):
        texts = {code: entry if isinstance(entry, dict) else {"meaning": entry} for code, entry in entries.items()}
        entries = [{"code": code, **entry} for code, entry in texts.items()]
    keys = tuple(dict.fromkeys(key for entry in entries for key in entry if key != "code"))
    rows = [(f"`{e['code']}`", *(str(e.get(key, "")) for key in keys)) for e in entries]
    return table(("code", *keys), sorted(rows))


def serving_blocks() -> dict[str, str]:
    """Return the generated blocks of `docs/serving.md` by name."""
    parts = []
    for title, section in SECTIONS.items():
        rows = [(f"`{code}`", str(status), meaning) for code, (status, meaning) in section.items()]
        parts.append(f"### {title}\n\n" + table(("code", "status", "meaning"), rows))
    return {"failures": "\n\n".join(parts), "settings": table(("setting", "default", "meaning"), setting_rows())}


def setting_rows() -> Iterator[tuple[str, str, str]]:
    """Yield name, default and meaning of each setting of a server."""
    for field in msgspec.structs.fields(Settings):
        kind = msgspec.inspect.type_info(field.type)
        kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
        said = [each.extra_json_schema or {} for each in kinds if isinstance(each, msgspec.inspect.Metadata)]
        meaning = next((each["description"] for each in said if "description" in each), "")
        default = "" if field.default in (None, ()) else f"`{json.dumps(field.default)}`"
        yield f"`{field.name}`", default, meaning


def filled(page: str, blocks: dict[str, str]) -> str:
    """Return `page` with the text between the markers of each block replaced."""
    for name, text in blocks.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if page.count(start) != 1 or page.count(end) != 1:
            raise SystemExit(f"the page must have one block named {name}")
        head, _, rest = page.partition(start)
        page = f"{head}{start}\n{text}\n\n{end}{rest.partition(end)[2]}"
    return page


def pages() -> dict[Path, str]:
    """Return each generated page with its text."""
    errors, serving = DOCS / "errors.md", DOCS / "serving.md"
    return {
        DOCS / "cli.md": cli_page(),
        DOCS / "python.md": python_page(),
        errors: filled(errors.read_text(encoding="utf-8"), errors_blocks()),
        serving: filled(serving.read_text(encoding="utf-8"), serving_blocks()),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them with `--check`."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run `make docs`", file=sys.stderr)
        return int(bool(stale))
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
