"""Constant texts that Python code builds: what is known of them is what can be judged."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, SOME, bounded, is_known

if TYPE_CHECKING:
    from suture_safety.python_names import Names

_SAME = ("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "str", "os.fspath", "os.path.abspath")
_KEEPS = ("strip", "resolve", "expanduser")
_PLACEHOLDER = re.compile(r"%[sdr]|%%")
_FIELD = re.compile(r"\{(\d*)\}")


def called(names: Names, node: ast.Call, depth: int) -> str:
    """The text that a call gives, as far as it can be told."""
    name = names.dotted(node.func)
    given = node.args
    if name == "os.path.join" or (name in _SAME and given):
        return "/".join(names.text(argument, depth + 1) for argument in given)
    if name.startswith("tempfile."):
        return "/tmp/\ue002"  # noqa: S108 - what such a call names
    if name == "chr" and len(given) == 1 and isinstance(given[0], ast.Constant):
        number = given[0].value
        return chr(number) if isinstance(number, int) and 0 <= number < 0xD800 else ANY
    if name in ("base64.b64decode", "bytes.fromhex", "codecs.decode") and given:
        return _decoded(name, [names.text(one, depth + 1) for one in given])
    if isinstance(node.func, ast.Attribute):
        return _of_text(names, node.func, node, depth)
    return ANY


def formatted(names: Names, node: ast.BinOp, depth: int) -> str:
    """``pattern % values`` with plain placeholders."""
    pattern = names.text(node.left, depth + 1)
    parts = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
    if not is_known(pattern):
        return ANY
    values = iter([names.text(part, depth + 1) for part in parts])
    text = _PLACEHOLDER.sub(lambda found: "%" if found.group() == "%%" else next(values, ANY), pattern)
    return ANY if "%(" in pattern else bounded(text)


def looped(names: Names, iterated: ast.expr, depth: int) -> str:
    """What a variable is that takes each item in turn: paths below the one that is looked through."""
    if not isinstance(iterated, ast.Call):
        return ANY
    name = names.dotted(iterated.func)
    first = names.text(iterated.args[0], depth + 1) if iterated.args else ANY
    if name in ("os.listdir", "os.scandir"):
        return SOME
    if name in ("glob.glob", "glob.iglob"):
        return first
    if name == "os.walk":
        return f"{first}/{ANY}"
    if isinstance(iterated.func, ast.Attribute) and iterated.func.attr in ("glob", "rglob", "iterdir"):
        return f"{names.text(iterated.func.value, depth + 1)}/{SOME}"
    return ANY


def _decoded(name: str, given: list[str]) -> str:
    if not all(map(is_known, given)):
        return ANY
    try:
        if name == "base64.b64decode":
            return base64.b64decode(given[0]).decode("utf-8", "replace")
        if name == "bytes.fromhex":
            return bytes.fromhex(given[0]).decode("utf-8", "replace")
        return codecs.decode(given[0], "rot13") if given[1:] in (["rot13"], ["rot_13"]) else ANY
    except (ValueError, binascii.Error):
        return ANY


def _of_text(names: Names, function: ast.Attribute, node: ast.Call, depth: int) -> str:
    """Methods of texts."""
    own = names.text(function.value, depth + 1)
    given = [names.text(argument, depth + 1) for argument in node.args]
    if function.attr in ("encode", "decode") or (not given and function.attr in _KEEPS):
        return own
    if function.attr == "join" and node.args and isinstance(node.args[0], (ast.List, ast.Tuple)):
        return bounded(own.join(names.text(part, depth + 1) for part in node.args[0].elts))
    if function.attr == "format" and is_known(own) and not node.keywords:
        order = iter(range(len(given)))
        return bounded(_FIELD.sub(lambda found: _given(given, found[1] or str(next(order, len(given)))), own))
    if not is_known(own):
        return ANY
    if function.attr == "replace" and len(given) == 2 and all(map(is_known, given)) and given[0]:
        return bounded(own.replace(given[0], given[1]))
    if function.attr in ("lower", "upper", "swapcase") and not given:
        return str(getattr(own, function.attr)())
    return ANY


def _given(given: list[str], position: str) -> str:
    return given[int(position)] if len(position) < 4 and int(position) < len(given) else ANY
