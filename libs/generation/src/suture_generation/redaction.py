"""Secrets and personal data, taken out of a text before it leaves for a model provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SPEAKS_OF_ONE = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|credential|authorization)"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        "[private key]",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "[token]"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "[access key]"),
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abpr])[-_][\w-]{12,}"), "[token]"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 [token]"),
    (
        re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/:@]{1,200}:[^\s/@]{1,200}@", re.IGNORECASE),
        r"\1[credentials]@",
    ),
    (
        re.compile(
            rf"(\b[\w.-]{{0,40}}{_SPEAKS_OF_ONE}[\w.-]{{0,40}}\s?[=:]\s?)(\"[^\"]*\"|'[^']*'|\S+)",
            re.IGNORECASE,
        ),
        r"\1[secret]",
    ),
    (re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b"), "[e-mail address]"),
)
_SECRET_KEY = re.compile(_SPEAKS_OF_ONE, re.IGNORECASE)


def redact(text: str) -> str:
    """The text with what looks like a secret or a person's address replaced by what it was."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redact_values(value: Any) -> Any:
    """Likewise for what a JSON value holds; a value whose key speaks of a secret is replaced whole."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            key: "[secret]" if _SECRET_KEY.search(str(key)) else redact_values(inner)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact_values(inner) for inner in value]
    return value
