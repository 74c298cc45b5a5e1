"""The rules, read from ``rules/*.yaml`` once a process and indexed by program."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suture_safety.matching import Matcher, asks_for_paths, compile_matcher
from suture_safety.paths import PathClasses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from suture_contracts.report import Level

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine
    from suture_safety.collector import Collector

_NOT_RULES = (
    "programs.yaml",
    "paths.yaml",
    # Other languages' rules: read by their own analysers, when a text of theirs comes.
    "python.yaml",
    "sql.yaml",
    "config.yaml",
    "powershell.yaml",
    "described.yaml",
)
# Kinds of state that lie elsewhere.
_SERVICES = ("cloud", "database", "backups", "other machines")


@dataclass(frozen=True)
class Rule:
    """One rule: what it finds and why that matters; ``fires`` and ``silent`` are examples."""

    id: str
    severity: Level
    message: str
    why: str
    remedy: str
    reference: str
    fires: tuple[str, ...]
    silent: tuple[str, ...]
    programs: tuple[str, ...]
    assigns: tuple[str, ...]
    others: bool
    asks_for_paths: bool
    mentions: tuple[str, ...]
    first_operands: dict[str, frozenset[str]]
    compile: Callable[[], Matcher]

    @cached_property
    def matches(self) -> Matcher:
        """Compiled when its program is first met: a text meets few of the rules."""
        return self.compile()


@dataclass(frozen=True, slots=True)
class Program:
    """What is known of one program; see the head of ``rules/programs.yaml``."""

    wraps: int | None = None
    valued: frozenset[str] = frozenset()
    writes: str = ""
    state: str = ""
    reads: tuple[str, ...] = ()
    network: bool = False
    builtin: bool = False
    runs_as: tuple[str, ...] | None = None
    code: tuple[str, ...] = ()
    inside: dict[str, int] = field(default_factory=dict)


class _OfProgram:
    """The rules on one program, by what they ask of a command before all else: most need not be tried."""

    def __init__(self, program: str, rules: list[Rule]) -> None:
        self.always: list[Rule] = []
        self.of_paths: list[Rule] = []
        self.mentioning: list[Rule] = []
        self.by_first_operand: dict[str, list[Rule]] = {}
        for rule in rules:
            if rule.asks_for_paths:
                self.of_paths.append(rule)
            elif rule.mentions:
                self.mentioning.append(rule)
            elif program in rule.first_operands:
                for operand in rule.first_operands[program]:
                    self.by_first_operand.setdefault(operand, []).append(rule)
            else:
                self.always.append(rule)
        self.mentions = re.compile("|".join(re.escape(text) for rule in rules for text in rule.mentions))

    def worth_trying(self, command: Command, names_paths: bool) -> Iterator[Rule]:
        yield from self.always
        if names_paths:
            yield from self.of_paths
        if self.mentioning and self.mentions.search(command.lowered):
            yield from self.mentioning
        if self.by_first_operand and command.operands:
            yield from self.by_first_operand.get(command.operands[0], ())


class Rulebook:
    def __init__(self, rules: tuple[Rule, ...], programs: dict[str, Program], classes: PathClasses) -> None:
        self.rules = rules
        self.programs = programs
        self._classes = classes
        self._of_others = [rule for rule in rules if rule.others]
        self._of_redirects = [rule for rule in rules if not (rule.others or rule.programs or rule.assigns)]
        by_program: dict[str, list[Rule]] = defaultdict(list)
        self._by_variable: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            for program in rule.programs:
                by_program[program].append(rule)
            for variable in rule.assigns:
                self._by_variable[variable].append(rule)
        self._by_program = {program: _OfProgram(program, found) for program, found in by_program.items()}

    def check(self, collector: Collector, command: Command) -> None:
        """Adds a finding for each rule that the command breaks."""
        known = self._by_program.get(command.name)
        sources_and_outputs = self._redirected(command) if command.redirects else ()
        if known is not None:
            names_paths = bool(known.of_paths) and self._has_class((*command.paths, *sources_and_outputs))
            for rule in known.worth_trying(command, names_paths):
                self._apply(rule, collector, command)
        if sources_and_outputs and self._has_class(sources_and_outputs):
            for rule in self._of_redirects:
                self._apply(rule, collector, command)
        if _works_elsewhere(command):
            for rule in self._of_others:
                self._apply(rule, collector, command)

    def _redirected(self, command: Command) -> tuple[str, ...]:
        return (*command.outputs, *(one.target for one in command.redirects if one.operator == "<"))

    def _has_class(self, paths: Iterable[str]) -> bool:
        return any(map(self._classes.of, paths))

    def is_credential(self, path: str) -> bool:
        return "credentials" in self._classes.of(path)

    def _apply(self, rule: Rule, collector: Collector, command: Command) -> None:
        matched = rule.matches(command, collector.declared)
        if matched is not None:
            message = rule.message.replace("{match}", matched).replace("{program}", command.name)
            collector.add(rule.id, rule.severity, message, rule.remedy, command.place)

    def check_assignment(self, machine: Machine, name: str, values: tuple[str, ...]) -> None:
        for rule in self._by_variable.get(name, ()):
            from suture_safety.bash.command import Command  # the machine is running: it is imported

            for value in values:
                command = Command(name, [value], machine.here, machine.place(machine.here))
                self._apply(rule, machine.collector, command)


def _works_elsewhere(command: Command) -> bool:
    """Whether it may be a client of a service: it is not known as one that works on this machine."""
    known = command.program
    return known.state in _SERVICES if known else bool(command.name)


@cache
def rulebook() -> Rulebook:
    """The rulebook; read on first use, not on import."""
    classes = PathClasses(data("paths.yaml"))
    programs = _programs(data("programs.yaml"))
    documents = [data(name) for name in _sources() if name.endswith(".yaml") and name not in _NOT_RULES]
    rules = tuple(
        _rule(entry, document, classes, programs) for document in documents for entry in document["rules"]
    )
    return Rulebook(rules, programs, classes)


@cache
def ruleset_digest() -> str:
    """SHA-256, in hexadecimal, over the rules and the code: another digest, another verdict."""
    import hashlib  # not on import: the command line has no use for it

    digest = hashlib.sha256()
    for name, text in _sources().items():
        digest.update(f"{name}\0{len(text)}\0".encode())
        digest.update(text.encode())
    return digest.hexdigest()


@cache
def _sources() -> dict[str, str]:
    found: dict[str, str] = {}
    root = Path(__file__).parent
    for folder in (root, root / "bash", root / "rules"):
        for entry in sorted(folder.iterdir(), key=lambda item: item.name):
            if entry.name.endswith((".py", ".yaml")):
                key = entry.name if folder.name == "rules" else f"{folder.name}/{entry.name}"
                found[key] = entry.read_text(encoding="utf-8")
    return found


@cache
def data(name: str) -> dict[str, Any]:
    """One file of ``rules/``, as it is: what the other languages' analysers go by."""
    return _load(_sources()[name])


def _load(text: str) -> dict[str, Any]:
    import yaml  # not on import: only where rules are needed

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    document = _plain(loader, loader.get_single_node())
    if not isinstance(document, dict):
        raise TypeError("a rules file must hold a mapping")
    return document


def _plain(loader: Any, node: Any) -> Any:
    """As the loader's own constructor, which takes twice as long over what is nearly all text."""
    if node.id == "sequence":
        return [_plain(loader, one) for one in node.value]
    if node.id == "mapping":
        return {_plain(loader, key): _plain(loader, value) for key, value in node.value}
    return node.value if node.tag == "tag:yaml.org,2002:str" else loader.construct_object(node)


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _rule(
    entry: dict[str, Any], document: dict[str, Any], classes: PathClasses, programs: dict[str, Program]
) -> Rule:
    merged = {**document.get("defaults", {}), **entry}
    commands = [command.split() for command in _texts(merged.get("commands"))]
    named = tuple(name for command in commands for name in command[0].split("|"))
    return Rule(
        id=f"{document['family']}.{merged['id']}",
        severity=merged["severity"],
        message=merged["message"],
        why=merged["why"],
        remedy=merged["remedy"],
        reference=merged["reference"],
        fires=_texts(merged["fires"]),
        silent=_texts(merged["silent"]),
        programs=tuple(dict.fromkeys((*_texts(merged.get("programs")), *named))),
        assigns=_texts(merged.get("assigns")),
        others=bool(merged.get("others")),
        asks_for_paths=asks_for_paths(merged),
        mentions=_texts(merged.get("mentions")),
        first_operands={} if merged.get("anywhere") else _first_operands(commands),
        compile=partial(compile_matcher, merged, commands, classes),
    )


def _first_operands(commands: list[list[str]]) -> dict[str, frozenset[str]]:
    """By program, what its first operand has to be one of; programs without one are left out."""
    found: dict[str, frozenset[str]] = {}
    whole: set[str] = set()
    for program, *operands in commands:
        for name in program.split("|"):
            if operands:
                found[name] = found.get(name, frozenset()) | frozenset(operands[0].split("|"))
            else:
                whole.add(name)
    return {name: first for name, first in found.items() if name not in whole}


def _programs(known: dict[str, Any]) -> dict[str, Program]:
    facts: dict[str, dict[str, Any]] = defaultdict(dict)
    for operands, names in known["wraps"].items():
        for name in names:
            facts[name]["wraps"] = 0 if operands == "n" else operands
    for kind, key in (("writes", "writes"), ("state", "state")):
        for value, names in known[kind].items():
            for name in names:
                facts[name][key] = value
    for name, options in known["valued"].items():
        facts[name]["valued"] = frozenset(options)
    for name, words in known["reads"].items():
        facts[name]["reads"] = tuple(words)
    for name, options in known["runs_as"].items():
        facts[name]["runs_as"] = tuple(options)
    for name, options in known["code"].items():
        facts[name]["code"] = tuple(options)
    for name, verbs in known["inside"].items():
        facts[name]["inside"] = verbs
    for name in known["network"]:
        facts[name]["network"] = True
    for name in (*known["harmless"], *known["builtins"]):
        facts[name].setdefault("builtin", name in known["builtins"])
    return {name: Program(**fact) for name, fact in facts.items()}
