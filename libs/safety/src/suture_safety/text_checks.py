"""What is wrong with a text before any language comes in: size, characters, hidden marks, line ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bounds import MAX_TEXT_CHARACTERS, BoundExceeded

if TYPE_CHECKING:
    from suture_safety.collector import Collector

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\u00ad\ufeff\u115f\u3164\u180e\u00a0]")
_PRIVATE = re.compile("[\ue000-\ue003]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")
_MAX_LINE = 20_000
# Letters of other alphabets beside Latin ones in one word, and other forms of ASCII's own letters.
_FOREIGN = "[\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u13a0-\u13ff]"
_HOMOGLYPH = re.compile(
    f"[A-Za-z][0-9_]{{0,3}}{_FOREIGN}|{_FOREIGN}[0-9_]{{0,3}}[A-Za-z]|"
    "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\u2024\u2044\u2215\ua731\u0262\u026a\u0280]"
)


def clean(text: str, collector: Collector) -> str:
    """Reports what is wrong; gives the text that the languages can read. Raises ``BoundExceeded``."""
    if len(text) > MAX_TEXT_CHARACTERS:
        raise BoundExceeded("bounds.size", f"is longer than {MAX_TEXT_CHARACTERS:,} characters")
    if "\r" in text:
        _report(
            text,
            text.index("\r"),
            collector,
            "text.carriage-return",
            "warning",
            "has carriage returns: bash reads them as part of the word",
            "Save it with Unix line ends.",
        )
        text = text.replace("\r\n", "\n")
    if text.startswith("\ufeff"):
        collector.add(
            "text.byte-order-mark",
            "warning",
            "begins with a byte order mark",
            "Save it as UTF-8 without one.",
        )
        text = text[1:]
    if "\x00" in text:
        _report(
            text, text.index("\x00"), collector, "text.nul", "error", "contains a NUL character", "Remove it."
        )
        text = text.replace("\x00", "\ufffd")
    if control := _CONTROL.search(text):
        _report(
            text,
            control.start(),
            collector,
            "text.control-character",
            "warning",
            "contains a control character that a terminal hides",
            "Remove it, or write it as an escape.",
        )
    if not text.isascii():
        text = _check_unicode(text, collector)
    if len(text) > _MAX_LINE and max(map(len, text.split("\n"))) > _MAX_LINE:
        collector.add(
            "text.long-line",
            "warning",
            f"has a line of more than {_MAX_LINE:,} characters",
            "Break it: nobody reads such a line.",
        )
    return text


def _check_unicode(text: str, collector: Collector) -> str:
    checks = (
        (
            _SURROGATE,
            "text.surrogate",
            "error",
            "contains half a character (a surrogate)",
            "Save it as UTF-8.",
        ),
        (
            _BIDI,
            "text.bidirectional",
            "error",
            "contains marks that change the direction of writing: it reads otherwise than it runs",
            "Remove them.",
        ),
        (_PRIVATE, "text.private-character", "error", "contains private characters", "Remove them."),
        (_INVISIBLE, "text.invisible", "warning", "contains characters that cannot be seen", "Remove them."),
        (
            _HOMOGLYPH,
            "text.homoglyph",
            "warning",
            "mixes alphabets inside a word: it is not what it looks like",
            "Write it in one alphabet.",
        ),
    )
    for pattern, rule, severity, message, remedy in checks:
        if found := pattern.search(text):
            _report(text, found.start(), collector, rule, severity, message, remedy)
    return _SURROGATE.sub("\ufffd", _PRIVATE.sub("\ufffd", text))


def _report(
    text: str, position: int, collector: Collector, rule: str, severity: str, message: str, remedy: str
) -> None:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    collector.add(rule, "error" if severity == "error" else "warning", message, remedy, (line, column))
