"""Every setting of a server, its unit and its bounds: read from a TOML file and from options, options first.

In: what a person wrote. Out: one frozen `Settings`, checked, that goes to the front and as JSON to its children.
A key that is not known is refused. Paths in a TOML file are relative to its folder.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast, get_args, get_type_hints

import msgspec
from msgspec import Meta

from amber.errors import SourceError, UsageError, shown
from amber.policy import Policy
from amber.server.settings_check import check_together

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
ModelRoute = Literal["program", "original", "auto"]
Sharing = Literal["exact", "tolerant", "none"]
Seconds = Annotated[float, Meta(ge=0, le=86400)]
Positive = Annotated[float, Meta(gt=0, le=86400)]
Count = Annotated[int, Meta(ge=1, le=1 << 31)]
Size = Annotated[int, Meta(ge=1, le=1 << 50)]
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)\s*", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": KIB, "mib": MIB, "gib": GIB, "tib": 1 << 40}
_OF_ONE = ("bundles", "expect")  # options about the only file of the command line
_PATHS = ("policy", "api_keys", "tls_cert", "tls_key", "folder", "unix_socket")


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One artifact to serve.

    Attributes:
        path: The `.amber` file.
        name: Served under this name; None: the name in its manifest.
        version: Served as this version; None: the version in its manifest.
        route: Which form answers; `auto`: the program where there is a certified one, else the original.
        sharing: Which requests may share a run at most; None: those the cases showed to be independent.
        expect: The name its manifest must have; None: any.
        bundles: Detached signatures and attestations, which then count like those inside.
    """

    path: str
    name: str | None = None
    version: str | None = None
    route: ModelRoute = "auto"
    sharing: Sharing | None = None
    expect: str | None = None
    bundles: Annotated[tuple[str, ...], Meta(max_length=64)] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All settings of one server. Bytes are bytes, seconds are seconds; `description` of a field is its help.

    Constructing one checks nothing: `from_sources` does, and is what a person's words go through.
    """

    host: Annotated[str, Meta(min_length=1, description="address to listen at")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port of HTTP; 0 takes a free one")] = 8080
    grpc_port: Annotated[int, Meta(ge=0, le=65535, description="TCP port of gRPC; unset: no gRPC")] | None = None
    unix_socket: Annotated[str, Meta(description="path of a Unix socket, HTTP without TLS, beside the port")] | None = (
        None
    )
    workers: Annotated[int, Meta(ge=1, le=1024, description="worker processes of each model")] = 1
    policy: Annotated[str, Meta(description="what you accept, as TOML, in place of the keyring")] | None = None
    models: Annotated[tuple[ModelSettings, ...], Meta(description="artifacts to serve, [[models]] with a path")] = ()
    api_keys: Annotated[str, Meta(description="file of hashed API keys (amber keys FILE --new NAME)")] | None = None
    no_auth: Annotated[bool, Meta(description="true: anybody who reaches the address may ask")] = False
    allowed_hosts: Annotated[
        tuple[str, ...], Meta(description="values of the Host header that are answered; loopback names always are")
    ] = ()
    tls_cert: Annotated[str, Meta(description="certificate chain, a PEM file")] | None = None
    tls_key: Annotated[str, Meta(description="private key of tls_cert, a PEM file")] | None = None
    memory: (
        Annotated[Size, Meta(description="bytes all models may take; a swap that does not fit is refused")] | None
    ) = None
    reload: Annotated[
        bool,
        Meta(description="true: a changed file is verified and takes over; by a changed policy all are judged anew"),
    ] = False
    judge_seconds: Annotated[
        Seconds, Meta(description="seconds after which what is served is judged anew by the policy; 0: never")
    ] = 300.0
    allow_interface_change: Annotated[
        bool, Meta(description="true: a changed file takes over even where its callers would have to ask otherwise")
    ] = False
    folder: Annotated[str, Meta(description="the admin endpoint loads from this folder alone")] | None = None
    body_inline: Annotated[Size, Meta(description="bytes of a body that the front itself decodes at most")] = 256 * KIB
    body_limit: Annotated[Size, Meta(description="bytes of a JSON or binary body at most")] = 64 * MIB
    bulk_limit: Annotated[Size, Meta(description="bytes of a CSV, Arrow or Parquet body at most")] = GIB
    header_bytes: Annotated[Size, Meta(description="bytes of all headers of a request at most")] = 16 * KIB
    header_count: Annotated[Count, Meta(description="headers of a request at most")] = 100
    header_seconds: Annotated[Positive, Meta(description="seconds until the headers must be there")] = 10.0
    body_seconds: Annotated[Positive, Meta(description="seconds without a byte of a body that is not complete")] = 30.0
    keepalive_seconds: Annotated[Positive, Meta(description="seconds an idle connection stays open")] = 75.0
    request_seconds: Annotated[Positive, Meta(description="seconds a request may take; the client may ask less")] = 30.0
    bulk_seconds: Annotated[
        Positive, Meta(description="seconds that the answer to a large body or table may go without getting on")
    ] = 60.0
    connections: Annotated[Count, Meta(description="connections at once")] = 4096
    queue_rows: Annotated[Count, Meta(description="rows that wait for one version at most")] = 16384
    queue_requests: Annotated[Count, Meta(description="requests that wait for one version at most")] = 4096
    batch_rows: Annotated[Count, Meta(description="rows of one run at most")] = 4096
    batch_bytes: Annotated[Size, Meta(description="bytes of one run at most, each way")] = 4 * MIB
    drain_seconds: Annotated[Seconds, Meta(description="seconds to finish what has begun at the end")] = 10.0
    drain_delay: Annotated[Seconds, Meta(description="seconds between `not ready` and closing the listener")] = 0.0
    probe_seconds: Annotated[Seconds, Meta(description="seconds between known-answer probes; 0: none")] = 60.0
    load_seconds: Annotated[
        Positive,
        Meta(
            description="seconds until a model must be verified and built, but for what it waits for a busy processor"
        ),
    ] = 120.0
    json_depth: Annotated[int, Meta(ge=1, le=512, description="levels of JSON in a request at most")] = 32
    tensors: Annotated[Count, Meta(description="tensors of a request at most")] = 1024
    gzip_ratio: Annotated[Count, Meta(description="bytes that one byte of a gzip body may become")] = 100
    route_fallback: Annotated[
        bool, Meta(description="true: rows outside the program's domain go to the original, if it is verified")
    ] = False
    exact: Annotated[bool, Meta(description="true: requests share a run only where no bit can change")] = False
    spawn: Annotated[bool, Meta(description="true: one worker, spawned, over a socket pair, as on any system")] = False
    otlp_endpoint: (
        Annotated[str, Meta(description="address that OpenTelemetry spans are sent to, OTLP over HTTP")] | None
    ) = None
    access_log: Annotated[
        str, Meta(min_length=1, description="`stderr`, `off`, or a file: one JSON line a request")
    ] = "stderr"
    docs: Annotated[bool, Meta(description="true: the page /docs and /openapi.json are there")] = True

    @classmethod
    def from_sources(
        cls, options: Mapping[str, Any] | None = None, toml: str | os.PathLike[str] | None = None
    ) -> Settings:
        """Return the settings of a TOML file with options over them; models of both are served.

        Args:
            options: Fields by name, as the command line or a call gives them; None and () mean not given. `models`
                holds paths or mappings. `route` is for every model that names none; `expect` and `bundles` are for
                the only one given here. Sizes may be texts ("8GiB").
            toml: A TOML file with the same keys, `[[models]]` with `path` and more.

        Raises:
            SourceError: The file cannot be read.
            UsageError: A key is unknown, a value is not valid, values contradict each other, or a file is not there.
        """
        data, where = _from_toml(toml)
        given = {key: value for key, value in (options or {}).items() if value is not None and value != ()}
        here = _about_one(_models(given.pop("models", []), "FILE"), given)
        models = [*_models(data.pop("models", []), where), *here]
        named = {key: (value, f"{where}: {key}") for key, value in data.items()}
        named |= {key: (value, option_of(key)) for key, value in given.items()}
        route, source = named.pop("route", ("auto", ""))
        filled = [{"route": route, **model} for model in models]
        values = {key: _converted(key, value, place) for key, (value, place) in named.items()}
        values["models"] = _converted("models", filled, where if source == "" else source)
        if not sys.platform.startswith("linux"):
            values["spawn"] = True
        settings = cls(**values)
        check_together(settings)
        if settings.policy is not None:
            Policy.from_file(settings.policy)  # every load reads it again; a mistake in it is told at once
        return settings

    @classmethod
    def from_json(cls, data: bytes) -> Settings:
        """Return the settings that `to_json` of the process above wrote."""
        return msgspec.json.decode(data, type=cls)

    def to_json(self) -> bytes:
        """Return the settings for a child process."""
        return msgspec.json.encode(self)


FIELDS: dict[str, Any] = get_type_hints(Settings, include_extras=True)


def description(key: str) -> str:
    """Return what a setting is, in words, with its unit."""
    kinds = (FIELDS[key], *get_args(FIELDS[key]))
    metas = [meta for kind in kinds for meta in getattr(kind, "__metadata__", ()) if meta.description]
    return str(metas[0].description) if metas else ""


def option_of(key: str) -> str:
    """Return how a setting is spelled on the command line."""
    return "--" + {"allowed_hosts": "allowed-host", "bundles": "bundle"}.get(key, key).replace("_", "-")


def size_of(text: str) -> int:
    """Return the bytes of `8GiB`, `512 MB` or `4096`.

    Raises:
        ValueError: It is no such text.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("expected a number of bytes, or one with KiB, MiB, GiB, TiB, kB, MB, GB or TB")
    unit = match[2].lower()
    return int(float(match[1]) * _UNITS[unit if unit in _UNITS else unit + "b"])


def _from_toml(path: str | os.PathLike[str] | None) -> tuple[dict[str, Any], str]:
    """Return the keys of a file with absolute paths, and how the file is called."""
    if path is None:
        return {}, "options"
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise SourceError("settings-unreadable", f"cannot be read: {error.strerror}", where=name) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError("settings-invalid", f"not TOML: {error}", where=name, hint="see docs/serve.toml") from error
    folder = os.path.dirname(os.path.abspath(name))
    places = [data, *(each for each in _listed(data.get("models")) if isinstance(each, dict))]
    for place in places:
        for key in {*_PATHS, "path"} & set(place):
            if isinstance(place[key], str):
                place[key] = os.path.join(folder, place[key])
        if isinstance(place.get("bundles"), list):
            place["bundles"] = [
                os.path.join(folder, each) if isinstance(each, str) else each for each in place["bundles"]
            ]
    log = data.get("access_log")
    if isinstance(log, str) and log not in ("stderr", "off"):
        data["access_log"] = os.path.join(folder, log)
    return data, name


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _models(value: Any, where: str) -> list[dict[str, Any]]:
    """Return models as mappings with known keys."""
    if not isinstance(value, list | tuple):
        raise _wrong("models", value, "expected `array`", where)
    found = []
    for each in value:
        entry = {"path": each} if isinstance(each, str) else each
        if not isinstance(entry, dict) or "path" not in entry:
            raise _wrong("models", each, "expected a table with a path", where)
        _known(entry, ModelSettings.__struct_fields__, f"{where}: models")
        found.append(entry)
    return found


def _about_one(models: list[dict[str, Any]], given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return models with what is given for the only one there is, and take that out of `given`.

    Raises:
        UsageError: There is none, or there are several.
    """
    said = {key: given.pop(key) for key in _OF_ONE if key in given}
    if not said:
        return models
    if len(models) != 1:
        key = next(iter(said))
        message = f"it is about one file, and {len(models) or 'none'} {'are' if len(models) > 1 else 'is'} given"
        hint = f"[[models]] in the configuration has a path and {key} for each"
        raise UsageError("settings-conflict", message, where=option_of(key), hint=hint)
    return [{**models[0], **said}]


def _known(keys: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in keys:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(sorted(known))}"
            raise UsageError("settings-invalid", f"there is no setting {key!r}", where=where, hint=hint)


def _converted(key: str, value: Any, where: str) -> Any:
    """Return a value as the field's type holds it."""
    _known({key: value}, Settings.__struct_fields__, where.removesuffix(f": {key}"))
    wanted = FIELDS[key]
    try:
        if isinstance(value, str) and _is_size(wanted):
            value = size_of(value)
        return cast(Any, msgspec.convert(value, type=wanted))
    except (msgspec.ValidationError, ValueError) as error:
        raise _wrong(key, value, str(error), where) from error


def _is_size(kind: Any) -> bool:
    """Whether a field holds bytes: those may be written with a unit."""
    kinds = (kind, *get_args(kind))
    return any(get_args(Size)[1] in getattr(each, "__metadata__", ()) for each in kinds)


def _wrong(key: str, value: Any, said: str, where: str) -> UsageError:
    reason = said[:1].lower() + said[1:].replace("`", "")
    message = f"{key}: {reason}, got {shown(repr(value), 80)}"
    return UsageError("settings-invalid", message, where=where, hint=f"{key} is {description(key)}")
