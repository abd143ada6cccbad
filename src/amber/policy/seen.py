"""The highest version of each artifact that passed every step under named signers: what an old one is compared with.

A file of one JSON object, `{"format": 1, "seen": {NAME: {"version": ..., "id": ...}}}`. It rises only when the caller
says so, after all steps; otherwise a stranger's 999.0.0 would lock everyone out. It never starts anew by itself: a file
that cannot be read refuses, because whoever can damage it could otherwise bring an old version back.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterator
from typing import Any

from amber.errors import SourceError, UsageError, shown
from amber.policy import files, private_file
from amber.policy.facts import Refusal
from amber.policy.patterns import NAME, UNVERSIONED, version_numbers
from amber.policy.revoked import HEX

_FORMAT = 1


class Seen:
    """What was seen, in one file.

    Args:
        path: The file; its folder is made where it is missing, and closed to others.
        policy: The file of the policy that names it, for what a refusal says to do; "": there is none.
    """

    def __init__(self, path: str, policy: str = "") -> None:
        self.path, self.policy = path, policy

    def check(self, name: str, version: str, id: str) -> Refusal | None:
        """Return why an artifact is older than one that was seen, or another of the same version; None: neither.

        Raises:
            SourceError: `seen-unusable`.
            UsageError: `seen-invalid`, `policy-permissions`.
        """
        return self._compared(self._read().get(name), name, version, id)

    def raise_to(self, name: str, version: str, id: str) -> Refusal | None:
        """Remember an artifact that passed all steps under named signers.

        Returns:
            Why nothing was remembered: a higher version, or another artifact, was seen since `check`.

        Raises:
            SourceError: `seen-unusable`.
            UsageError: `seen-invalid`, `policy-permissions`.
        """
        with self._changing() as seen:
            refused = self._compared(seen.get(name), name, version, id)
            if refused is None and seen.get(name) != {"version": version, "id": id}:
                seen[name] = {"version": version, "id": id}
                self._write(seen)
            return refused

    def forget(self, name: str) -> str:
        """Take a name out, so that any version of it passes again; return the version that was remembered, or "".

        Raises:
            SourceError: `seen-unusable`.
            UsageError: `seen-invalid`, `policy-permissions`.
        """
        if not os.path.lexists(self.path):
            return ""
        with self._changing() as seen:
            found = seen.pop(name, None)
            if found is None:
                return ""
            self._write(seen)
            return found["version"]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, str]]]:
        with contextlib.ExitStack() as held:
            try:
                private_file.make_folder(os.path.dirname(self.path) or ".")
                held.enter_context(private_file.locked(self.path))
            except OSError as error:
                raise self._unusable(error) from error
            except SourceError as error:
                raise SourceError("seen-unusable", error.message, where=error.where) from error
            yield self._read()

    def _read(self) -> dict[str, dict[str, str]]:
        folder = os.path.dirname(self.path) or "."
        try:
            if os.path.isdir(folder):  # whoever can put files there can take this one away, and with it what was seen
                files.check_folder(folder)
            data = files.read_if_there(self.path)
        except SourceError as error:
            raise SourceError("seen-unusable", error.message, where=self.path) from error
        return {} if data is None else self._decoded(data)

    def _decoded(self, data: bytes) -> dict[str, dict[str, str]]:
        try:
            found = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise self._invalid(str(error)) from error
        if not isinstance(found, dict) or set(found) != {"format", "seen"} or found["format"] != _FORMAT:
            raise self._invalid("not the object that was written")
        if not isinstance(found["seen"], dict):
            raise self._invalid("seen is not an object")
        for name, entry in found["seen"].items():
            if not (NAME.fullmatch(name) and isinstance(entry, dict) and set(entry) == {"version", "id"}):
                raise self._invalid(f"the entry {shown(name)!r} is not valid")
            if not all(isinstance(each, str) for each in entry.values()):
                raise self._invalid(f"the entry {shown(name)!r} is not valid")
            if version_numbers(entry["version"]) is None or not HEX.fullmatch(entry["id"]):
                raise self._invalid(f"the entry {shown(name)!r} is not valid")
        return found["seen"]

    def _compared(self, entry: dict[str, str] | None, name: str, version: str, id: str) -> Refusal | None:
        now = version_numbers(version)
        if now is None or now == UNVERSIONED:
            said = f"{shown(name)} has no version that could be compared ({shown(version)}); its author gives it one"
            return Refusal("version-rollback", said)
        if entry is None:
            return None
        before = version_numbers(entry["version"])
        if before is None or now < before:
            said = f"{shown(name)} {shown(version)} is older than {entry['version']}, which was seen"
            policy = shown(self.policy, 300) if self.policy else "FILE"
            return Refusal(
                "version-rollback",
                f"{said}; `amber trust forget {shown(name)} --policy {shlex.quote(policy)}` lowers it",
            )
        if now == before and id != entry["id"]:
            said = f"{shown(name)} {shown(version)} was seen as {entry['id']}, and this is {shown(id)}"
            return Refusal("version-reused", f"{said}: a new artifact needs a new version")
        return None

    def _write(self, seen: dict[str, dict[str, str]]) -> None:
        text = json.dumps({"format": _FORMAT, "seen": seen}, sort_keys=True, indent=1) + "\n"
        try:
            private_file.put(self.path, text.encode("ascii"))
        except OSError as error:
            raise self._unusable(error) from error

    def _invalid(self, message: str) -> UsageError:
        hint = "put back a good copy; removing the file forgets every version that was seen"
        return UsageError("seen-invalid", f"not a file of seen versions: {message}", where=self.path, hint=hint)

    def _unusable(self, error: OSError) -> SourceError:
        return SourceError("seen-unusable", error.strerror or str(error), where=self.path)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
