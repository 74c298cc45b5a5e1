"""What a script printed: its end, bounded, with secrets masked."""

from __future__ import annotations

import errno
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "[masked]"
# What the system says of a file by such a name is no secret: "/etc/passwd: Permission denied". As a pattern
# they would cost each start of a runner more than all else that it reads.
_PROBLEMS = tuple(text.lower() for text in map(os.strerror, errno.errorcode) if " " in text)
_LONGEST = max(map(len, _PROBLEMS))
_NAMED = re.compile(
    r"(?i)((?:password|passwd|secret|token|api[_-]?key|access[_-]?key)[\"']?\s*[=:]\s*)"
    r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;]+)"
)
_PATTERNS = (
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
    text = _NAMED.sub(lambda match: match[0] if _is_problem(match) else match[1] + MASK, text)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: match.group(1) + MASK, text)
    return text


def _is_problem(match: re.Match[str]) -> bool:
    """Whether what follows the name is what the system says of a file, and no more than that."""
    text, at = match.string, match.start(2)
    if not (text[at - 2] == ":" and text[at - 1].isspace()):
        return False
    said = text[at : at + _LONGEST].lower()
    ends = [at + len(problem) for problem in _PROBLEMS if said.startswith(problem)]
    return any(end == len(text) or text[end] in ".,;)" or text[end].isspace() for end in ends)
