"""What targets name in ``secret_ref``: files in one folder, which whoever runs the executor fills."""

from __future__ import annotations

import re
from pathlib import Path

from suture_sandbox.protocol import SandboxUnavailable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_MOST_BYTES = 256 << 10


class Secrets:
    """``folder`` is read when a run needs it, so that a rotated secret counts at once."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, ref: str) -> str:
        """The secret's text. Raises ``SandboxUnavailable``, never with any of it."""
        if not _NAME.fullmatch(ref):
            raise SandboxUnavailable("target.secret_ref: name a file of the secrets folder, without a path")
        if self._folder is None:
            raise SandboxUnavailable(
                "target.secret_ref: no secrets folder is set; set SUTURE_EXECUTOR_SECRETS_DIR"
            )
        path = self._folder / ref
        try:
            data = path.read_bytes()
            text = data.decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SandboxUnavailable(f"target.secret_ref: {ref} cannot be read: {reason}") from None
        if not text.strip() or len(data) > _MOST_BYTES:
            raise SandboxUnavailable(f"target.secret_ref: {ref} is empty or longer than {_MOST_BYTES} bytes")
        return text.strip()
