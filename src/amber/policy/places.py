"""Where the keyring of a user and the policy of a machine stand. No environment variable takes part in either."""

from __future__ import annotations

import os
import sys
from functools import lru_cache

KEYRING = "keyring.toml"
FLOOR = "/etc/amber/policy.toml"


def keyring_folder() -> str | None:
    """Return the folder of the keyring; None where the system knows no home of this user.

    The home is that of the system's own records, not HOME: whoever can set variables of a process (a CI job, a service
    file) must not choose whom it trusts.
    """
    home = _home()
    if home is None:
        return None
    if sys.platform == "win32":
        return os.path.join(home, "Amber")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "amber")
    return os.path.join(home, ".config", "amber")


def floor_file() -> str | None:
    """Return the path of the machine's policy; None on Windows, where files have no owner that could be compared."""
    return None if sys.platform == "win32" else FLOOR


def _home() -> str | None:
    """Return the user's home by the system's own records; on Windows the folder of roaming settings."""
    if sys.platform == "win32":
        import ctypes
        import uuid

        folder = uuid.UUID("3EB685DB-65F9-4CF6-A03A-E3EF65729F3D").bytes_le  # FOLDERID_RoamingAppData
        found = ctypes.c_wchar_p()
        failed = ctypes.windll.shell32.SHGetKnownFolderPath(ctypes.c_char_p(folder), 0, None, ctypes.byref(found))
        path = None if failed else found.value
        ctypes.windll.ole32.CoTaskMemFree(found)
        return path
    return _home_of(os.geteuid())


@lru_cache(maxsize=4)
def _home_of(user: int) -> str | None:
    if sys.platform == "win32":
        return None
    import pwd

    try:
        home = pwd.getpwuid(user).pw_dir
    except KeyError:  # a container under a number that no record knows
        return None
    return home if os.path.isabs(home) else None
