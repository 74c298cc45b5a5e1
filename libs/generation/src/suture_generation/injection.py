"""Text of a finding that talks to whoever reads it: instructions where only a description belongs.

It is a hint, not a defence: the fence around the data, the schema of the answer and the safety analysis are
that. What is found lowers the confidence to LOW, so that two people look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SIGNS: tuple[tuple[str, str], ...] = (
    (
        r"(?:ignore|disregard|forget|override|bypass)\s+(?:\w+\s+){0,3}"
        r"(?:instructions?|rules?|prompts?|guidelines|policy|policies|checks?)",
        "tells the reader to disregard instructions",
    ),
    (
        r"(?:system|developer)\s+(?:prompt|message|instruction)|you\s+are\s+now\s+|act\s+as\s+(?:root|an?\s)",
        "gives the reader another role",
    ),
    (
        r"</?\s*(?:data|system|assistant|user|instructions?)\s*>|\[/?inst\]|<\|im_(?:start|end)\|>",
        "imitates the marks around data",
    ),
    (r"(?:^|\n)\s*(?:assistant|system|user)\s*:", "imitates a conversation"),
    (
        r"(?:do\s+not|don'?t|without)\s+(?:\w+\s+){0,2}"
        r"(?:validat\w+|review\w*|approv\w+|ask\w*|tell\w*|mention\w*)",
        "asks that a check be left out",
    ),
    (
        r"(?:mark|rate|report|consider)\s+(?:\w+\s+){0,3}(?:as\s+)?(?:safe|approved|high\s+confidence)",
        "asks for a verdict",
    ),
    (
        r"(?:curl|wget)\b[^\n]{0,200}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|base64\s+(?:-d|--decode)\b"
        r"|rm\s+-[rf]{2}\s|/dev/tcp/",
        "carries a command that does harm",
    ),
    (
        r"(?:also|then|first|must|please|always)\s+(?:\w+\s+){0,2}(?:run|execute|append|insert|include)\s+"
        r"(?:\w+\s+){0,3}(?:command|script|line|code)",
        "asks for a command to be added",
    ),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), reason) for pattern, reason in _SIGNS)
# What every sign holds one of: looking for these costs a microsecond, and most findings hold none.
_MARKS = (
    *("ignore", "disregard", "forget", "override", "bypass", "system", "developer", "you are now", "act as"),
    *("<", "inst]", "assistant", "user", "do not", "don't", "dont", "without", "mark ", "rate ", "report "),
    *("consider ", "curl", "wget", "base64", "rm -", "/dev/tcp/", "run", "execut", "append", "insert"),
    *("include", "you\t", "you  ", "you\n", "do  ", "do\n", "do\t", "act  ", "act\n", "act\t"),
)
_MOST_TEXT = 100_000


def suspicion(texts: Iterable[str]) -> str | None:
    """Why the texts look like instructions to their reader, or ``None``."""
    text = "\n".join(texts)[:_MOST_TEXT]
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return None
    return "; ".join(reason for pattern, reason in _PATTERNS if pattern.search(text)) or None
