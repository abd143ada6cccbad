"""What the reader accepts: allowed names, largest sizes, required verdict, required signers.

Never read from a file that is being opened.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from amber.errors import SourceError, UsageError
from amber.limits import DEFAULT, Limits
from amber.report import VERDICTS, Verdict

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")


@dataclass(frozen=True)
class Policy:
    """The reader's rules.

    Args:
        allow: Exact names of the caller's own classes and functions (`mypkg.text.Scaler`) that may be rebuilt.
        limits: Largest sizes.
        verdict: The worst verdict accepted (`equivalent`, say); None accepts all but `drifted` and `broken` at load.
        signers: Names of required signers. Until signing exists every artifact is then refused.
        sharing: What the cases must have shown for requests of a server to share a run: `tolerant` (answers within
            the tolerance, labels equal) or `exact` (equal bits).

    Raises:
        UsageError: A name, verdict or limit is not valid.
    """

    allow: tuple[str, ...] = ()
    limits: Limits = field(default=DEFAULT)
    verdict: Verdict | None = None
    signers: tuple[str, ...] = ()
    sharing: Literal["tolerant", "exact"] = "tolerant"

    def __post_init__(self) -> None:
        for key in ("allow", "signers"):
            if isinstance(getattr(self, key), str):
                raise UsageError("policy-invalid", f"{key} must be a list of names", where=key)
        object.__setattr__(self, "allow", tuple(self.allow))
        object.__setattr__(self, "signers", tuple(self.signers))
        for name in self.allow:
            if not NAME.fullmatch(name):
                raise UsageError(
                    "policy-invalid",
                    f"{name!r} is not the exact name of a class or function",
                    where="allow",
                    hint="write module.Name in full, for example mypkg.text.Scaler; patterns are not accepted",
                )
        if self.verdict is not None and self.verdict not in VERDICTS:
            raise UsageError("policy-invalid", f"{self.verdict!r} is not a verdict", where="verdict")
        if self.sharing not in ("tolerant", "exact"):
            raise UsageError("policy-invalid", f"{self.sharing!r} is neither tolerant nor exact", where="sharing")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Policy:
        """Read a policy from a TOML file (schema: `spec/schemas/policy.schema.json`).

        Raises:
            SourceError: The file cannot be read.
            UsageError: It is not a valid policy.
        """
        import tomllib

        try:
            with open(path, "rb") as file:
                data = tomllib.load(file)
        except OSError as error:
            raise SourceError("policy-unreadable", str(error), where=str(path)) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError("policy-invalid", f"not TOML: {error}", where=str(path)) from error
        return cls.from_dict(data, where=str(path))

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "policy") -> Policy:
        """Build a policy from the plain data of a TOML file.

        Raises:
            UsageError: An unknown key or a value of the wrong type.
        """
        unknown = set(data) - {"allow", "limits", "verdict", "signers", "sharing"}
        if unknown:
            raise UsageError("policy-invalid", f"unknown keys: {', '.join(sorted(unknown))}", where=where)
        for key in ("allow", "signers"):
            value = data.get(key, [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise UsageError("policy-invalid", f"{key} must be a list of strings", where=where)
        return cls(
            allow=tuple(data.get("allow", ())),
            limits=_limits(data.get("limits", {}), where),
            verdict=data.get("verdict"),
            signers=tuple(data.get("signers", ())),
            sharing=data.get("sharing", "tolerant"),
        )

    def allowing(self, names: tuple[str, ...]) -> Policy:
        """Return this policy with `names` allowed too."""
        return replace(self, allow=tuple(dict.fromkeys((*self.allow, *names))))


def _limits(data: Any, where: str) -> Limits:
    known = {item.name: item for item in fields(Limits)}
    if not isinstance(data, dict) or set(data) - set(known):
        extra = sorted(set(data) - set(known)) if isinstance(data, dict) else [type(data).__name__]
        raise UsageError("policy-invalid", f"unknown limits: {', '.join(extra)}", where=where)
    for key, value in data.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise UsageError("policy-invalid", f"limits.{key} must be a number >= 0", where=where)
        if isinstance(getattr(DEFAULT, key), int) and not isinstance(value, int):
            raise UsageError("policy-invalid", f"limits.{key} must be an integer", where=where)
    return replace(DEFAULT, **data)
