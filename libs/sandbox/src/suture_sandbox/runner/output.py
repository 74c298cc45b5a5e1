"""What a script printed: its end, bounded, with secrets masked."""

from __future__ import annotations

import errno
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "[masked]"
# What the system says of a file by such a name is no secret: "/etc/passwd: Permission denied".
_PROBLEMS = "|".join(sorted(re.escape(text) for text in map(os.strerror, errno.errorcode) if " " in text))
_PATTERNS = (
    re.compile(
        r"(?i)((?:password|passwd|secret|token|api[_-]?key|access[_-]?key)[\"']?\s*[=:]\s*)"
        rf"(?!(?<=:\s)(?:{_PROBLEMS})(?:[\s.,;)]|\Z))(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;]+)"
    ),
    re.compile(r"(?i)(authorization\s*:\s*(?:bearer|basic)?\s*)(\S+)"),
    re.compile(r"([a-z][a-z0-9+.-]*://[^\s/:@]*:)([^\s@/]+)(?=@)"),
    re.compile(r"()(\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bsk-[A-Za-z0-9_-]{20,})"),
)
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)


class Tail:
    """Keeps the last ``limit`` bytes of what is put in."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.dropped = 0
        self.watcher: Callable[[bytes], None] | None = None

    def put(self, data: bytes) -> None:
        if self.watcher is not None:
            self.watcher(data)
        self._kept += data
        surplus = len(self._kept) - self._limit
        if surplus > 0:
            del self._kept[:surplus]
            self.dropped += surplus

    def text(self, secrets: list[str]) -> str:
        """As text without NUL; a first line that was cut is left out, for half a secret cannot be found."""
        data = bytes(self._kept)
        if self.dropped:
            # A line longer than the limit has no end to cut at: then nothing of it can be trusted.
            data = data.partition(b"\n")[2]
            return f"[{self.dropped} bytes before this are left out]\n" + masked(_decoded(data), secrets)
        return masked(_decoded(data), secrets)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\x00", "\ufffd")


def masked(text: str, secrets: list[str]) -> str:
    """``text`` without the given secrets and without what looks like one."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, MASK)
    text = _KEY.sub(MASK, text)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: match.group(1) + MASK, text)
    return text
