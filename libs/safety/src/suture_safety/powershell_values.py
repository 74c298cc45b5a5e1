"""What a PowerShell expression amounts to, as far as its constants say."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, UNKNOWN, is_known

if TYPE_CHECKING:
    from tree_sitter import Node

    Value = str | list[str]

_WELL_KNOWN = {
    "env:systemroot": "C:\\Windows",
    "env:windir": "C:\\Windows",
    "env:systemdrive": "C:",
    "env:comspec": "C:\\WINDOWS\\system32\\cmd.exe",
    "env:programdata": "C:\\ProgramData",
    "env:programfiles": "C:\\Program Files",
    "env:temp": "C:\\Temp",
    "env:tmp": "C:\\Temp",
    "env:public": "C:\\Users\\Public",
    "pshome": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0",
    "shellid": "Microsoft.PowerShell",
    "true": "True",
    "false": "False",
    "null": "",
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "", "a": "\a", "b": "\b"}
_ESCAPE = re.compile(r"`(.)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\d+)(?:[,:][^}]*)?\}")
_MAX_TEXT = 200_000
_STRINGS = frozenset(
    (
        "expandable_string_literal",
        "verbatim_string_characters",
        "expandable_here_string_literal",
        "verbatim_here_string_characters",
    )
)


def text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def joined(value: Value) -> str:
    return value if isinstance(value, str) else " ".join(value)


class Values:
    """The variables seen so far, and what expressions with them come to; unknown parts are ``ANY``."""

    def __init__(self) -> None:
        self.variables: dict[str, Value] = {}

    def assign(self, name: str, value: Value, appends: bool = False) -> None:
        name = name.lower()
        if appends:
            before = self.variables.get(name, ANY)
            value = (
                [*before, *([value] if isinstance(value, str) else value)]
                if isinstance(before, list)
                else before + joined(value)
            )
        if sum(map(len, value)) <= _MAX_TEXT:
            self.variables[name] = value
        else:
            self.variables[name] = ANY

    def variable(self, name: str) -> Value:
        name = name.lower().removeprefix("global:").removeprefix("script:").removeprefix("local:")
        return self.variables.get(name, _WELL_KNOWN.get(name, ANY))

    def of(self, node: Node) -> Value:
        """The value of an expression's node."""
        while node.type not in _KINDS and node.named_child_count == 1:
            child = node.named_children[0]
            if child.start_byte != node.start_byte and node.type not in _PASSED:
                break
            node = child
        kind = node.type
        if kind in _STRINGS:
            return self._string(node)
        evaluate = _KINDS.get(kind)
        return evaluate(self, node) if evaluate else ANY

    def _string(self, node: Node) -> str:
        written = text(node)
        here = written.startswith("@")
        inner = written.split("\n", 1)[-1].rsplit("\n", 1)[0] if here else written[1:-1]
        if node.type.startswith("verbatim"):
            return inner if here else inner.replace("''", "'")
        found = ""
        end = 0
        offset = node.start_byte + (written.index(inner) if inner else 1)
        source = inner.encode()
        for child in node.named_children:
            start, stop = child.start_byte - offset, child.end_byte - offset
            found += unescaped(source[end:start].decode("utf-8", "replace")) + joined(self.of(child))
            end = stop
        return found + unescaped(source[end:].decode("utf-8", "replace"))

    def _variable(self, node: Node) -> Value:
        return self.variable(text(node).lstrip("$@").strip("{}"))

    def _plus(self, node: Node) -> Value:
        parts = node.named_children
        if len(parts) != 2 or "+" not in _operator(node):
            return ANY
        left, right = self.of(parts[0]), self.of(parts[1])
        if isinstance(left, list):
            return [*left, *(right if isinstance(right, list) else [right])]
        if left.isdigit() and isinstance(right, str) and right.isdigit() and len(left + right) < 12:
            return str(int(left) + int(right))
        return left + joined(right)

    def _format(self, node: Node) -> Value:
        parts = node.named_children
        if len(parts) < 2:
            return self.of(parts[0]) if parts else ANY
        pattern, given = joined(self.of(parts[0])), self.of(parts[-1])
        values = [given] if isinstance(given, str) else given
        return _PLACEHOLDER.sub(
            lambda match: values[int(match[1])] if int(match[1]) < len(values) else ANY, pattern
        )

    def _comparison(self, node: Node) -> Value:
        parts = [child for child in node.named_children if child.type != "comparison_operator"]
        operator = _operator(node).lower().lstrip("-").lstrip("ic")
        if len(parts) < 2:
            return self.of(parts[0]) if parts and not operator else ANY
        left, right = self.of(parts[0]), self.of(parts[1])
        if operator == "join":
            return joined(right).join(left if isinstance(left, list) else [left])
        if operator == "split":
            return (
                joined(left).split(joined(right))
                if joined(right) and is_known(joined(right))
                else [joined(left)]
            )
        if operator in ("replace", "ireplace", "creplace", "eplace"):
            old, new = (
                (right[0], right[1] if len(right) > 1 else "")
                if isinstance(right, list) and right
                else (joined(right), "")
            )
            return joined(left).replace(old.replace("\\", ""), new) if old else joined(left)
        return ANY

    def _array(self, node: Node) -> Value:
        parts = node.named_children
        if len(parts) == 1:
            return self.of(parts[0])
        found: list[str] = []
        for part in parts[:2_000]:
            value = self.of(part)
            found += value if isinstance(value, list) else [value]
        return found

    def _unary_join(self, node: Node) -> Value:
        operator = text(node).lower()
        parts = node.named_children
        if operator.startswith("-join") and parts:
            value = self.of(parts[-1])
            return "".join(value) if isinstance(value, list) else value
        if operator.startswith(",") and parts:
            return [joined(self.of(parts[-1]))]
        return ANY

    def _cast(self, node: Node) -> Value:
        kind, value = text(node.named_children[0]).lower(), self.of(node.named_children[-1])
        if "char" in kind:
            values = value if isinstance(value, list) else [value]
            letters = [_character(one) for one in values]
            return letters if isinstance(value, list) else letters[0]
        if "scriptblock" in kind or "string" in kind or "int" in kind or "byte" in kind:
            return value
        return ANY

    def _call(self, node: Node) -> Value:
        """``.Replace(…)``, ``[Convert]::FromBase64String(…)`` and the like on constants."""
        name = (
            next((text(c) for c in node.named_children if c.type == "member_name"), "").strip("\"'").lower()
        )
        arguments = self.arguments(node)
        first = joined(arguments[0]) if arguments else ""
        target = node.named_children[0]
        if name == "frombase64string":
            return decoded(first)
        if name in (
            "getstring",
            "tostring",
            "getbytes",
            "create",
            "tochararray",
            "invoke",
            "trim",
            "getcommand",
        ):
            return (
                arguments[0] if name in ("getstring", "getbytes", "create") and arguments else self.of(target)
            )
        if name == "replace" and len(arguments) > 1 and first:
            return joined(self.of(target)).replace(first, joined(arguments[1]))
        if name in ("join", "concat") and arguments:
            rest = arguments[1:] if name == "join" else arguments
            glue = first if name == "join" else ""
            return glue.join(one for value in rest for one in (value if isinstance(value, list) else [value]))
        if name == "format" and arguments:
            values = [joined(one) for one in arguments[1:]]
            return _PLACEHOLDER.sub(lambda m: values[int(m[1])] if int(m[1]) < len(values) else ANY, first)
        if name in ("tolower", "toupper"):
            value = joined(self.of(target))
            return value.lower() if name == "tolower" else value.upper()
        if name == "substring" and first.isdigit():
            length = joined(arguments[1]) if len(arguments) > 1 else ""
            value = joined(self.of(target))[int(first) :]
            return value[: int(length)] if length.isdigit() else value
        return ANY

    def arguments(self, node: Node) -> list[Value]:
        """What stands in a call's parentheses."""
        listed = next((child for child in node.named_children if child.type == "argument_list"), None)
        inner = listed.named_children[0] if listed is not None and listed.named_children else None
        return [self.of(child) for child in inner.named_children[:200]] if inner is not None else []

    def _element(self, node: Node) -> Value:
        target, index = self.of(node.named_children[0]), self.of(node.named_children[-1])
        values = list(target) if isinstance(target, str) else target
        wanted = [index] if isinstance(index, str) else index
        if not all(re.fullmatch(r"-?\d{1,6}", one) for one in wanted):
            bounds = re.fullmatch(r"(-?\d{1,5})\.\.(-?\d{1,5})", text(node.named_children[-1]).strip())
            if not bounds:
                return ANY
            low, high = int(bounds[1]), int(bounds[2])
            wanted = [
                str(n) for n in range(low, high + 1 if high >= low else high - 1, 1 if high >= low else -1)
            ]
        found = [values[int(one)] for one in wanted if -len(values) <= int(one) < len(values)]
        return found[0] if isinstance(index, str) and len(found) == 1 else found

    def _number(self, node: Node) -> Value:
        written = text(node)
        return str(int(written, 16)) if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", written) else written

    def _inner(self, node: Node) -> Value:
        statements = node.named_children
        return self.of(statements[-1]) if len(statements) == 1 else ANY

    def _word(self, node: Node) -> Value:
        written = unescaped(text(node))
        return re.sub(
            r"\$(?:\{([\w:]+)\}|([\w:]+))", lambda match: joined(self.variable(match[1] or match[2])), written
        )

    def _command(self, node: Node) -> Value:
        """A command in an expression: its output is unknown, but for those that print what they are given."""
        words = text(node).split(None, 1)
        if len(words) == 2 and words[0].lower() in ("write-output", "echo", "write"):
            return words[1].strip("\"'")
        return ANY


def unescaped(written: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), written) if "`" in written else written


def decoded(written: str) -> str:
    """Base64 of UTF-16 or UTF-8 text; ``ANY`` where it is neither."""
    if not is_known(written):
        return ANY
    try:
        raw = base64.b64decode(written + "=" * (-len(written) % 4), validate=False)
    except (binascii.Error, ValueError):
        return ANY
    if raw[1:2] == b"\0" or b"\0" in raw[:40]:
        return raw.decode("utf-16-le", "replace")
    return UNKNOWN.sub("", raw.decode("utf-8", "replace"))


def _character(code: str) -> str:
    return chr(int(code)) if code.isdigit() and int(code) < 0xD800 else code if len(code) == 1 else ANY


def _operator(node: Node) -> str:
    found = [
        text(child) for child in node.children if not child.is_named or child.type == "comparison_operator"
    ]
    return found[0] if found else ""


_PASSED = (
    "parenthesized_expression",
    "sub_expression",
    "argument_expression",
    "pipeline",
    "statement_list",
    "array_expression",
)
_KINDS = {
    **dict.fromkeys(_STRINGS, Values._string),
    "variable": Values._variable,
    "braced_variable": Values._variable,
    "additive_expression": Values._plus,
    "additive_argument_expression": Values._plus,
    "format_expression": Values._format,
    "format_argument_expression": Values._format,
    "comparison_expression": Values._comparison,
    "comparison_argument_expression": Values._comparison,
    "array_literal_expression": Values._array,
    "expression_with_unary_operator": Values._unary_join,
    "cast_expression": Values._cast,
    "invokation_expression": Values._call,
    "element_access": Values._element,
    "decimal_integer_literal": Values._number,
    "hexadecimal_integer_literal": Values._number,
    "generic_token": Values._word,
    "command_parameter": Values._word,
    "path_command_name_token": Values._word,
    "command_name": Values._word,
    "command": Values._command,
}
# A node of these kinds with one child and no operator of its own is only a step of the grammar.
_STEPS = (
    "additive_expression",
    "additive_argument_expression",
    "format_expression",
    "format_argument_expression",
    "comparison_expression",
    "comparison_argument_expression",
    "array_literal_expression",
)
_plain = dict(_KINDS)


def _stepping(kind: str) -> None:
    evaluate = _plain[kind]

    def step(self: Values, node: Node) -> Value:
        if node.child_count == 1 and node.named_child_count == 1:
            return self.of(node.named_children[0])
        return evaluate(self, node)

    _KINDS[kind] = step


for _kind in _STEPS:
    _stepping(_kind)
