"""Ways to hide a command: each form takes a bash text and gives one that does the same, or ``None``."""

from __future__ import annotations

import base64
import gzip
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Form = Callable[[str], str | None]


def _words(text: str) -> list[str] | None:
    """The words of a command that is nothing but words."""
    if any(mark in text for mark in "\n|&;<>()$`\\\"'*?[]{}~#!="):
        return None
    words = text.split()
    return words if words else None


def _word_form(hide: Callable[[str], str]) -> Form:
    def form(text: str) -> str | None:
        words = _words(text)
        return " ".join([hide(words[0]), *words[1:]]) if words else None

    return form


def _split_by_ifs(text: str) -> str | None:
    words = _words(text)
    return "${IFS}".join(words) if words and len(words) > 1 else None


def _in_variables(text: str) -> str | None:
    words = _words(text)
    if not words:
        return None
    named = [f"v{position}={shlex.quote(word)}" for position, word in enumerate(words)]
    return "\n".join([*named, " ".join(f"$v{position}" for position in range(len(words)))])


def _in_array(text: str) -> str | None:
    words = _words(text)
    return f'c=({" ".join(map(shlex.quote, words))})\n"${{c[@]}}"' if words else None


def _octal(word: str) -> str:
    return "$'" + "".join(f"\\{ord(letter):03o}" for letter in word) + "'"


def _hexadecimal(word: str) -> str:
    return "$'" + "".join(f"\\x{ord(letter):02x}" for letter in word) + "'"


def _base64(text: str) -> str:
    return f"echo {base64.b64encode(text.encode()).decode()} | base64 -d | bash"


def _gzipped(text: str) -> str:
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    return f"echo {packed} | base64 -d | gunzip | sh"


def _rot13(text: str) -> str:
    upper, lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
    table = str.maketrans(upper + lower, upper[13:] + upper[:13] + lower[13:] + lower[:13])
    return f"echo {shlex.quote(text.translate(table))} | tr 'A-Za-z' 'N-ZA-Mn-za-m' | bash"


def _by_slices(text: str) -> str | None:
    words = _words(text)
    if not words or not words[0].isalpha():
        return None
    source = "abcdefghijklmnopqrstuvwxyz"
    if not words[0].islower():
        return None
    letters = "".join(f"${{s:{source.index(letter)}:1}}" for letter in words[0])
    return f"s={source}\n{letters} {' '.join(words[1:])}"


def _reversed_variable(text: str) -> str:
    return (
        f'x=$(echo {shlex.quote(text[::-1])} | rev)\neval "$x"'
        if "\n" not in text
        else f"bash -c {shlex.quote(text)}"
    )


def _indirect(text: str) -> str | None:
    words = _words(text)
    return f"real={shlex.quote(words[0])}\nname=real\n${{!name}} {' '.join(words[1:])}" if words else None


FORMS: dict[str, Form] = {
    "quoted": _word_form(lambda word: f'"{word}"'),
    "broken-quotes": _word_form(lambda word: "''".join(word)),
    "backslashes": _word_form(
        lambda word: "".join(f"\\{letter}" if letter.isalpha() else letter for letter in word)
    ),
    "over-two-lines": _word_form(lambda word: word[0] + "\\\n" + word[1:]),
    "empty-variables": _word_form(lambda word: word[0] + "$@" + word[1:]),
    "octal": _word_form(_octal),
    "hexadecimal": _word_form(_hexadecimal),
    "substitution": _word_form(lambda word: f"$(echo {word})"),
    "backticks": _word_form(lambda word: f"`printf %s {word}`"),
    "default-value": _word_form(lambda word: f"${{unset_here:-{word}}}"),
    "path": _word_form(lambda word: word if "/" in word else f"/usr/bin/{word}"),
    "wrappers": lambda text: f"sudo -n env A=1 nohup nice -n 5 {text}" if _words(text) else None,
    "ifs": _split_by_ifs,
    "variables": _in_variables,
    "array": _in_array,
    "slices": _by_slices,
    "indirect": _indirect,
    "base64": _base64,
    "base64-twice": lambda text: _base64(_base64(text)),
    "base64-here-string": lambda text: (
        f'bash <<< "$(base64 -d <<< {base64.b64encode(text.encode()).decode()})"'
    ),
    "hex-dump": lambda text: f"echo {text.encode().hex()} | xxd -r -p | sh",
    "gzip": _gzipped,
    "rot13": _rot13,
    "reversed": lambda text: f"echo {shlex.quote(text[::-1])} | rev | bash" if "\n" not in text else None,
    "reversed-variable": _reversed_variable,
    "printf-octal": lambda text: "printf '" + "".join(f"\\{byte:03o}" for byte in text.encode()) + "' | bash",
    "eval": lambda text: f"eval {shlex.quote(text)}",
    "eval-twice": lambda text: f"eval {shlex.quote('eval ' + shlex.quote(text))}",
    "shell": lambda text: f"bash -c {shlex.quote(text)}",
    "shell-in-shell": lambda text: f"sh -c {shlex.quote('bash -c ' + shlex.quote(text))}",
    "here-document": lambda text: f"bash <<'HIDDEN'\n{text}\nHIDDEN",
    "source": lambda text: f"source /dev/stdin <<< {shlex.quote(text)}",
    "process-substitution": lambda text: f"bash <(echo {shlex.quote(text)})" if "\\" not in text else None,
    "written-then-run": lambda text: f"printf '%s\\n' {shlex.quote(text)} > /tmp/x.sh\nbash /tmp/x.sh",
    "function": lambda text: f"f() {{\n{text}\n}}\nf",
    "alias": lambda text: (
        f"shopt -s expand_aliases\nalias x={shlex.quote(text)}\nx" if "\n" not in text else None
    ),
    "trap": lambda text: f"trap {shlex.quote(text)} EXIT",
    "python": lambda text: f"python3 -c {shlex.quote('import os; os.system(' + repr(text) + ')')}",
    "perl": lambda text: f"perl -e {shlex.quote('system(q~' + text + '~)')}" if "~" not in text else None,
    "awk": lambda text: "awk 'BEGIN { system(\"" + text + "\") }'" if _words(text) else None,
    "xargs": lambda text: f"echo {shlex.quote(text)} | xargs -I% bash -c %" if _words(text) else None,
    "find": lambda text: f"find . -maxdepth 0 -exec {text} \\;" if _words(text) else None,
    "parameter-substitution": lambda text: (
        f'x={shlex.quote(text.replace("r", "@"))}\neval "${{x//@/r}}"'
        if "@" not in text and "\n" not in text
        else None
    ),
    "sed": lambda text: (
        f"echo {shlex.quote(text.replace('e', '%'))} | sed 's/%/e/g' | sh"
        if "%" not in text and "\\" not in text
        else None
    ),
}
