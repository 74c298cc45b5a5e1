"""Where a template may insert a parameter, so that quoting it is enough.

Quoting a value protects it in one place only: as a whole word. ``"{{ path }}"``, a comment, a here-document
or arithmetic would bring it back to life. So parameters go in by the front door: a bash or python template
assigns them, one a line, at its top, and uses the variables from there on; YAML and the JSON of a
configuration patch take them as whole values; SQL outside of quotes and comments. Loops, macros, calls and
attributes are not part of the language at all, which also bounds the time that rendering takes.
"""

from __future__ import annotations

import re

from jinja2 import nodes
from suture_contracts.base import ScriptType

from suture_generation.errors import TemplateInvalid

FILTERS = frozenset({"host_port", "basename", "dirname", "default", "identifier"})
MAX_INSERTIONS = 200
_EXPRESSIONS = (
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Concat,
)
_STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If)
_HOLE = "\x00"
_NAME = r"[a-z_][a-z0-9_]*"
_TOP_OF = {
    "bash": re.compile(
        rf"\s*(#[^\x00]*|set [-+a-z ]+|(readonly |local |export )?{_NAME}=(\x00|\(\x00\)|[\w./:@%+,-]*))?\s*"
    ),
    "python": re.compile(
        rf"\s*(#[^\x00]*|(import|from) [\w., ]+|\"\"\"[^\x00\"]*\"\"\"|{_NAME} = (\x00|[\w.]+))?\s*"
    ),
}
_WHOLE_VALUE = {
    "kubernetes": re.compile(r"\s*(- )?([\w./-]+: )?\x00\s*"),
    "config": re.compile(r'\s*("[\w./-]+": )?\x00,?\s*'),
}


def check_insertions(tree: nodes.Template, script_type: ScriptType, field: str) -> None:
    """Raises ``TemplateInvalid`` with the line of what is not allowed."""
    check_language(tree, field)
    _Lines(script_type, field).read(tree.body)


def check_language(node: nodes.Node, field: str) -> None:
    """Raises ``TemplateInvalid`` where anything but parameters, filters and conditions is used."""
    holes = 0
    for part in node.find_all(nodes.Node):
        if isinstance(part, nodes.Filter) and part.name not in FILTERS:
            raise _refused(
                field, part, f"the filter {part.name!r} is not known; use {', '.join(sorted(FILTERS))}"
            )
        if not isinstance(part, _EXPRESSIONS + _STATEMENTS):
            name = type(part).__name__
            raise _refused(
                field, part, f"{name} is not allowed; use parameters, filters and {{% if %}} alone"
            )
        if isinstance(part, nodes.Output):
            holes += sum(not isinstance(child, nodes.TemplateData) for child in part.nodes)
    if holes > MAX_INSERTIONS:
        raise _refused(
            field, node, f"{holes} insertions are too many; assign a parameter once and use the variable"
        )


def _refused(field: str, node: nodes.Node, reason: str) -> TemplateInvalid:
    return TemplateInvalid(f"line {node.lineno}: {reason}", field=field)


class _Lines:
    """Reads a template line by line, with a hole wherever a parameter goes."""

    def __init__(self, script_type: ScriptType, field: str) -> None:
        self._script_type = script_type
        self._field = field
        self._line = ""
        self._at_top = True
        self._sql = _Sql()

    def read(self, body: list[nodes.Node]) -> None:
        self._read(body)
        self._judge(body[-1] if body else nodes.Template([], lineno=1))

    def _read(self, body: list[nodes.Node]) -> None:
        for node in body:
            if isinstance(node, nodes.If):
                self._branches(node)
                continue
            for child in node.nodes if isinstance(node, nodes.Output) else ():
                self._take(child.data if isinstance(child, nodes.TemplateData) else _HOLE, child)

    def _branches(self, node: nodes.If) -> None:
        for branch in (node.body, *(other.body for other in node.elif_), node.else_):
            self._must_be_between_lines(node)
            self._read(branch)
        self._must_be_between_lines(node)

    def _must_be_between_lines(self, node: nodes.Node) -> None:
        # A branch that starts or ends within a line could turn what follows into something else.
        if self._line.strip() or not self._sql.is_plain:
            raise _refused(
                self._field, node, "put {% if %}, {% else %} and {% endif %} on lines of their own"
            )

    def _take(self, text: str, node: nodes.Node) -> None:
        *whole, rest = text.split("\n")
        for part in whole:
            self._line += part
            self._judge(node)
        self._line += rest

    def _judge(self, node: nodes.Node) -> None:
        line, self._line = self._line, ""
        if self._script_type in _TOP_OF:
            self._at_top &= bool(_TOP_OF[self._script_type].fullmatch(line))
            fine, remedy = self._at_top, "assign parameters at the top, one `name={{ parameter }}` a line"
        elif self._script_type == "sql":
            fine, remedy = self._sql.takes(line), "insert outside of quotes and comments"
        else:
            pattern = _WHOLE_VALUE[self._script_type]
            fine, remedy = bool(pattern.fullmatch(line)), "insert whole values: `key: {{ parameter }}`"
        if _HOLE in line and not fine:
            shown = line.strip().replace(_HOLE, "{{…}}")[:120]
            raise _refused(self._field, node, f"a parameter may not go here: {shown!r}; {remedy}")


class _Sql:
    """Follows quotes and comments of SQL over its lines."""

    def __init__(self) -> None:
        self._until = ""

    @property
    def is_plain(self) -> bool:
        return not self._until

    def takes(self, line: str) -> bool:
        """Reads a line; says whether every hole in it is outside of quotes and comments."""
        fine = not (_HOLE in line and ("\\" in line or "$" in line))
        position = 0
        while position < len(line):
            step = 1
            if self._until:
                fine = fine and line[position] != _HOLE
                if line.startswith(self._until, position):
                    step, self._until = len(self._until), ""
            elif line.startswith("--", position):
                return fine and _HOLE not in line[position:]
            elif line.startswith("/*", position):
                step, self._until = 2, "*/"
            elif line[position] in "'\"`":
                self._until = line[position]
            position += step
        return fine
