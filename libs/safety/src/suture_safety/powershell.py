"""PowerShell through its grammar: commands and calls with their constants put in, judged by rules as data."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from suture_safety.bash.tree import Unit, first_error
from suture_safety.bash.values import ANY, UNKNOWN, is_known, shown
from suture_safety.bounds import MAX_NESTED
from suture_safety.powershell_values import Values, decoded, joined, text
from suture_safety.rulebook import data

if TYPE_CHECKING:
    from tree_sitter import Node

    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector

_ENCODED = re.compile(r"(?i)(?:^|\s)[-/]e(?:nc?|nco\w*|c)?\s+['\"]?([A-Za-z0-9+/=]{8,})")
_GIVEN = re.compile(r"(?is)(?:^|\s)[-/]c(?:o\w*)?\s+(.+)$")
_CMD = re.compile(r"(?is)^\s*cmd\s+(?:.*?\s)?/[ck]\s*(.+)$")
_SHELLS = ("powershell", "pwsh")
_RUNNERS = ("invoke-expression", "invoke-command", "start-job", "start-process", "start-threadjob")
_DOWNLOADS = re.compile(
    r"(?i)downloadstring|downloaddata|downloadfile|invoke-webrequest|invoke-restmethod|openread|webclient|"
    r"start-bitstransfer|httpclient|xmlhttp|\b(?:curl|wget|iwr|irm)\b"
)
_BLOCKS = ("program", "statement_list", "script_block", "script_block_body", "statement_block")
_MAX_LINE = 20_000


def analyse_powershell(
    source: str, collector: Collector, budget: Budget, place: tuple[int, int] = (1, 1), exact: bool = True
) -> None:
    """Findings on every command and call. Raises ``BoundExceeded``."""
    unit = Unit(source.encode("utf-8", "replace"), *place, exact=exact)
    root = _parser().parse(unit.source).root_node
    _Walker(unit, Values(), collector, budget).walk(root)
    if root.has_error and (error := first_error(root)):
        what = f"PowerShell cannot be read near {text(error).strip().split(chr(10))[0][:60]!r}"
        remedy = "Fix the syntax; what cannot be read is not run."
        collector.add("powershell.syntax", "error", what, remedy, unit.place(error))
        # What the grammar does not take is at least searched as it is written.
        _judge(source[:_MAX_LINE], unit.place(error), collector)


@cache
def _parser() -> Any:
    import tree_sitter
    import tree_sitter_powershell

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))


@cache
def _rules() -> tuple[tuple[re.Pattern[str], re.Pattern[str] | None, dict[str, Any]], ...]:
    return tuple(
        (
            re.compile(rule["matches"], re.IGNORECASE | re.DOTALL),
            re.compile(rule["unless"], re.IGNORECASE) if "unless" in rule else None,
            rule,
        )
        for rule in data("powershell.yaml")["rules"]
    )


@cache
def _aliases() -> dict[str, str]:
    return {alias: name for name, aliases in data("powershell.yaml")["aliases"].items() for alias in aliases}


def _judge(line: str, place: tuple[int, int], collector: Collector) -> None:
    for pattern, unless, rule in _rules():
        match = pattern.search(line)
        if match and not (unless and unless.search(line)):
            message = rule["message"].replace("{match}", shown(match.group().strip()))
            collector.add(f"powershell.{rule['id']}", rule["severity"], message, rule["remedy"], place)


_VERBS_OF_SC = ("stop", "delete", "config", "create", "failure", "start", "pause", "sdset")


class _Walker:
    """Goes through the tree in the order of the text; variables hold what was assigned last."""

    def __init__(self, unit: Unit, values: Values, collector: Collector, budget: Budget) -> None:
        self.unit, self.values, self.collector, self.budget = unit, values, collector, budget

    def walk(self, root: Node) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            self.budget.step()
            kind = node.type
            if kind == "assignment_expression":
                self._assign(node)
            elif kind == "command":
                self._command(node)
            elif kind == "invokation_expression":
                self._call(node)
            elif kind == "while_statement" or kind == "do_statement":
                self._loop(node)
            if kind == "assignment_expression":
                waiting.append(node.named_children[-1])
            else:
                waiting.extend(reversed(node.named_children))

    def _assign(self, node: Node) -> None:
        target, value = node.named_children[0], node.named_children[-1]
        name = text(target).strip()
        if re.fullmatch(r"\$\{?[\w:]+\}?", name):
            operator = next((text(c) for c in node.named_children if "operator" in c.type), "=")
            self.values.assign(name.strip("${}"), self.values.of(value), appends=operator.strip() == "+=")
        shown_value = joined(self.values.of(value))
        _judge(f"{name} = {shown_value}"[:_MAX_LINE], self.unit.place(node), self.collector)

    def _loop(self, node: Node) -> None:
        written = text(node)
        if re.match(r"(?i)while\s*\(\s*(?:\$true|1)\s*\)", written) and not re.search(
            r"(?i)\b(?:break|return|exit|throw)\b", written
        ):
            message, remedy = "never ends", "Bound the loop."
            self.collector.add("powershell.endless-loop", "warning", message, remedy, self.unit.place(node))

    def _command(self, node: Node) -> None:
        place = self.unit.place(node)
        words = self._words(node)
        if not words:
            return
        name = words[0]
        line = " ".join(words)[:_MAX_LINE]
        _judge(line, place, self.collector)
        self._effects(name, words)
        self._nested(node, name, line, place)

    def _words(self, node: Node) -> list[str]:
        """The command as it is run: its real name in small letters, then its arguments."""
        named = node.child_by_field_name("command_name") or next(
            (c for c in node.named_children if c.type.startswith("command_name")), None
        )
        if named is None:
            return []
        inner = (
            named.named_children[0] if named.type == "command_name_expr" and named.named_children else named
        )
        name = joined(self.values.of(inner)).strip().lower() or ANY
        if inner.type == "script_block_expression":
            return []
        name = re.split(r"[\\/]", name)[-1] if " " not in name else name
        # `sc.exe` steers services, `sc` writes a file.
        words = (
            ["sc"]
            if name == "sc.exe"
            else [_aliases().get(name.removesuffix(".exe"), name.removesuffix(".exe"))]
        )
        for elements in node.named_children:
            if elements.type == "command_elements":
                for child in elements.named_children:
                    words += self._argument(child)
        if name == "sc" and words[1:] and words[1].lower() in _VERBS_OF_SC:
            words[0] = "sc"
        return words

    def _argument(self, child: Node) -> list[str]:
        if child.type == "command_argument_sep":
            return []
        if child.type == "redirection":
            return [text(child)]
        if child.type == "argument_list" or "script_block" in child.type:
            return [text(child)[:2_000]]
        value = joined(self.values.of(child))
        written = text(child)
        return [written[:2_000] if value == ANY and not re.fullmatch(r"\$[\w:{}]+", written) else value]

    def _effects(self, name: str, words: list[str]) -> None:
        if is_known(name):
            self.collector.effects.executes[name] = None
        for url in re.findall(r"(https?)://([^/:\s'\")]+)(?::(\d+))?", " ".join(words)):
            port = url[2] or {"http": "80", "https": "443"}[url[0]]
            self.collector.effects.connect(f"{url[1]}:{port}", (1, 1))

    def _nested(self, node: Node, name: str, line: str, place: tuple[int, int]) -> None:
        if name in _SHELLS:
            encoded, given = _ENCODED.search(line), _GIVEN.search(line)
            if encoded:
                message, remedy = "runs code that is encoded in base64", "Write the commands themselves."
                self.collector.add("powershell.encoded-command", "error", message, remedy, place)
                self._run(decoded(encoded[1]), place)
            elif given:
                self._run(given[1].strip("\"' {}&"), place)
        elif name == "cmd" and (inner := _CMD.match(line)):
            self._run(inner[1].strip("\"' "), place)
        elif name in _RUNNERS:
            self._expression(node, line.partition(" ")[2], name, place)
        elif " " in name or not is_known(name):
            self._unknown(name, place)

    def _unknown(self, name: str, place: tuple[int, int]) -> None:
        if is_known(name):
            self._run(name, place)
        else:
            self.collector.effects.complete = False
            message = f"which command runs here cannot be told: {shown(name)}"
            self.collector.add("dynamic.unresolved-command", "warning", message, "Name the command.", place)

    def _expression(self, node: Node, code: str, name: str, place: tuple[int, int]) -> None:
        stage = node.prev_named_sibling
        before = text(stage) if stage is not None else ""
        if name == "invoke-expression":
            if _DOWNLOADS.search(before) or _DOWNLOADS.search(code):
                message = "runs whatever is fetched, unseen, as code"
                remedy = "Download to a file, check its hash against a pinned value, read it, then run it."
                self.collector.add("powershell.download-and-run", "error", message, remedy, place)
            else:
                message, remedy = "builds code and runs it", "Call the command itself."
                self.collector.add("dynamic.eval", "warning", message, remedy, place)
                fed = joined(self.values.of(stage)) if stage is not None else ""
                self._run(code.strip("\"'()") if code.strip() else fed, place)
        elif name == "start-process":
            self._run(re.sub(r"(?i)-(?:filepath|argumentlist|args)\s+", "", code), place)

    def _call(self, node: Node) -> None:
        written = text(node)
        arguments = " ".join(joined(one) for one in self.values.arguments(node))
        head = written.split("(", 1)[0] if not written.startswith("(") else written
        line = f"{head}({arguments})"[:_MAX_LINE]
        place = self.unit.place(node)
        _judge(line, place, self.collector)
        if re.search(r"(?i)::create|invokescript|\.invoke$|addscript|newscriptblock", head) and is_known(
            arguments
        ):
            self._run(arguments, place)
        elif re.search(r"(?i)invokescript|addscript|newscriptblock", head):
            message, remedy = "runs code that is only known when it runs", "Call the command itself."
            self.collector.add("dynamic.code", "warning", message, remedy, place)
        if re.search(r"(?i)process\]::start|shellexecute|\.run$|\.exec$", head):
            self._run(arguments.replace("\ue000", ""), place)

    def _run(self, code: str, place: tuple[int, int]) -> None:
        """Code inside code, as deep as is worth following."""
        if not code.strip() or not UNKNOWN.sub("", code).strip():
            return
        if self.collector.nested >= MAX_NESTED:
            return
        self.collector.deeper()
        inner = Unit(code.encode("utf-8", "replace"), *place, exact=False)
        values = Values()
        values.variables = self.values.variables
        _Walker(inner, values, self.collector, self.budget).walk(_parser().parse(inner.source).root_node)
        self.collector.nested -= 1
