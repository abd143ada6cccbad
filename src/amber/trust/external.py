"""A signer that is a command: hardware keys and key services, without their libraries.

The command is run without a shell, gets what is to be signed on its standard input and answers with the DER signature
on its standard output; what it says on standard error the user sees. Nothing it answers is believed: the signature is
verified with the public key before it is returned.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import IO

from amber.errors import SourceError, UsageError
from amber.trust.keys import PublicKey
from amber.trust.passphrase import kept_back

_SECONDS = 120.0  # a person may have to touch a key
_MOST_BYTES = 4096
_LOOK_EVERY = 0.02  # seconds


class Command:
    """A command that signs.

    Args:
        words: The command and its arguments, as a list or as one text that is split as a shell would; no shell runs.
        public_key: The key its signatures are verified with.
        seconds: How long it may take.

    Raises:
        UsageError: `signer-invalid`: no command, or a quote that is not closed.
    """

    def __init__(self, words: str | Sequence[str], public_key: PublicKey, seconds: float = _SECONDS) -> None:
        try:
            self._words = shlex.split(words) if isinstance(words, str) else list(words)
        except ValueError as error:
            raise UsageError("signer-invalid", f"the command cannot be split: {error}", where="signer") from error
        if not self._words:
            raise UsageError("signer-invalid", "the command is empty", where="signer")
        self.public = public_key
        self._seconds = seconds

    def sign(self, message: bytes) -> bytes:
        """Return the DER signature of a message.

        Raises:
            SourceError: `signer-failed`: the command cannot be run, fails, takes too long, or answers with something
                else than a signature by this key.
        """
        with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answered:
            asked.write(message)
            asked.seek(0)
            self._run(asked, answered)
            answered.seek(0)
            signature = answered.read(_MOST_BYTES + 1)
        if len(signature) > _MOST_BYTES:
            raise self._failed(f"answered with more than {_MOST_BYTES} bytes")
        if not self.public.verify(message, signature):
            raise self._failed(
                f"answered with {len(signature)} bytes that are no signature by the key {self.public.fingerprint}",
                f"it must write the DER signature (ECDSA, {self.public.curve}) of its standard input and nothing else",
            )
        return signature

    def _run(self, asked: IO[bytes], answered: IO[bytes]) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - the caller's own command, without a shell
                self._words, stdin=asked, stdout=answered, env=kept_back()
            )
        except (OSError, ValueError) as error:
            raise self._failed(f"cannot be run: {error}") from error
        with process:
            try:
                self._wait(process, answered)
            finally:
                if process.poll() is None:
                    process.kill()
        if process.returncode != 0:
            raise self._failed(f"ended with {process.returncode}")

    def _wait(self, process: subprocess.Popen[bytes], answered: IO[bytes]) -> None:
        deadline = time.monotonic() + self._seconds
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise self._failed(f"took longer than {self._seconds:g} s")
            if os.fstat(answered.fileno()).st_size > _MOST_BYTES:
                raise self._failed(f"answered with more than {_MOST_BYTES} bytes")
            time.sleep(_LOOK_EVERY)

    def _failed(self, what: str, hint: str = "") -> SourceError:
        return SourceError("signer-failed", f"the command that signs {what}", where=self._words[0], hint=hint)
