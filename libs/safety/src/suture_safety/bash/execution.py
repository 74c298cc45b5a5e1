"""Words run as a command: wrappers taken off, rules and effects applied, output guessed."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from suture_safety.bash import effects, words
from suture_safety.bash.builtins import BUILTINS
from suture_safety.bash.command import Command
from suture_safety.bash.functions import call
from suture_safety.bash.interpreters import INTERPRETERS
from suture_safety.bash.machine import Stream
from suture_safety.bash.outputs import printed
from suture_safety.bash.settings import judge_written
from suture_safety.bash.values import ANY, bounded, is_known, normal_path, shown
from suture_safety.bash.wrappers import unwrap

if TYPE_CHECKING:
    from tree_sitter import Node

    from suture_safety.bash.command import Redirect
    from suture_safety.bash.machine import Machine

SILENT = Stream("")
_MAX_WRAPPERS = 20
_MADE_HERE = re.compile(r"\.{1,2}/|(?:/var)?/tmp/|/dev/shm/|/home/")
_OPENINGS = ("{", "!", "(")
_GLOB = re.compile(r"[*?\[]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PLAIN_WORDS = re.compile(r"[\w ./:=,@%+-]*")


def execute(
    machine: Machine,
    found: list[str],
    nodes: list[Node] | None,
    node: Node,
    redirects: tuple[Redirect, ...],
    stdin: Stream | None,
    assigns: tuple[str, ...] = (),
) -> Stream:
    """Runs words as a command, through all its wrappers; gives what it prints.

    ``nodes``: the node of each word; ``None`` when they are the children of ``node``.
    """
    wrappers: tuple[str, ...] = ()
    while found:
        # Every rule looks at each word and redirection: a command with many takes as long as many commands.
        machine.budget.step(1 + (len(found) + len(redirects)) // 16)
        name = found[0]
        place = machine.place(nodes[0] if nodes else node)
        base = _program(name)
        if base is None:
            _unresolved(machine, place, name)
            return Stream(ANY)
        if not wrappers:
            if name in machine.aliases and _is_plain(name, _word_nodes(machine, node, nodes)):
                alias = machine.aliases[name]
                if not _PLAIN_WORDS.fullmatch(alias):
                    around = Command(":", [], node, place, redirects, stdin, cwd=machine.cwd)
                    return _run_alias(machine, found, around)
                found = [*alias.split(), *found[1:]]
                name = found[0]
                base = name.rsplit("/", 1)[-1] or name
            if name in machine.functions:
                return call(machine, name, found[1:], stdin)
        if name in _OPENINGS or (wrappers and _ASSIGNMENT.match(name)):
            found, nodes = found[1:], _word_nodes(machine, node, nodes)[1:]
            continue
        command = Command(
            base,
            found[1:],
            node,
            place,
            redirects,
            stdin,
            wrappers,
            assigns,
            machine.cwd,
            machine.piped,
            machine.rules.programs.get(base),
        )
        stream, inner = _run_one(machine, command, name, nodes)
        if inner is None or len(wrappers) > _MAX_WRAPPERS:
            return _through_redirects(machine, command, stream)
        nodes = _word_nodes(machine, node, nodes)
        nodes = nodes[-len(inner) :] if inner == found[-len(inner) :] else [node] * len(inner)
        found, wrappers = inner, (*wrappers, base)
        # Only the outermost command carries the redirections: they apply once.
        redirects, stdin = (), command.stdin
    return SILENT


@lru_cache(512)
def _program(name: str) -> str | None:
    """The base name of the program that a command's first word names, ``None`` where that cannot be told."""
    if words.is_dynamic(name) or (_GLOB.search(name) and name not in ("[", "[[")):
        return None
    return name.rsplit("/", 1)[-1] or name


def _word_nodes(machine: Machine, node: Node, nodes: list[Node] | None) -> list[Node]:
    """The node of each word; those of a command that was read from its text are seldom asked for."""
    if nodes is not None:
        return nodes
    name, *parts = (child for child in node.children if child.type != "comment")
    return [part for part in (*name.children, *parts) for _ in words.fields(machine, part)]


def _is_plain(name: str, nodes: list[Node]) -> bool:
    """Whether a word stands as it is: a quoted name, as in \\rm, is never an alias."""
    return not nodes or nodes[0].text == name.encode()


def _run_alias(machine: Machine, found: list[str], command: Command) -> Stream:
    """An alias whose text is more than words: it is code, and the words that follow belong to its end.

    ``command`` stands for what is around it: place, redirections, standard input.
    """
    name, *rest = found
    code = " ".join([machine.aliases[name], *map(shlex.quote, rest)])
    # bash does not expand an alias again within itself.
    text = machine.aliases.pop(name)
    stream = machine.run_text(code, command.place, exact=False, stdin=command.stdin)
    machine.aliases[name] = text
    machine.rules.check(machine.collector, command)
    return _through_redirects(machine, command, stream)


def _run_one(
    machine: Machine, command: Command, path: str, nodes: list[Node] | None
) -> tuple[Stream, list[str] | None]:
    machine.trail.saw(command)
    machine.rules.check(machine.collector, command)
    effects.note(machine, command, path)
    builtin = BUILTINS.get(command.name) or INTERPRETERS.get(command.name)
    if builtin is not None:
        stream = builtin(machine, command, partial(_word_nodes, machine, command.node, nodes))
        if stream is not None:
            return stream, None
    inner = unwrap(machine, command)
    if inner is not None:
        return SILENT, inner
    if "/" in path:
        code = machine.files.get(normal_path(path, machine.cwd))
        if code is not None and is_known(code.text):
            return machine.run_text(
                code.text, code.place or command.place, exact=code.place is not None
            ), None
        if code is not None or _MADE_HERE.match(path):
            _unseen(machine, command, path)
    return printed(machine, command), None


def _unseen(machine: Machine, command: Command, path: str) -> None:
    machine.collector.effects.complete = False
    machine.collector.add(
        "dynamic.script-file",
        "warning",
        f"runs the file {shown(path)}, which cannot be read here",
        "Put the needed lines into the script itself.",
        command.place,
    )


def _through_redirects(machine: Machine, command: Command, stream: Stream) -> Stream:
    source, secret = command.name, stream.secret
    if machine.piped and not secret:
        secret = next(filter(machine.rules.is_credential, command.paths), "")
    sources = (source,) if not stream.sources else tuple(dict.fromkeys((*stream.sources, source)))
    stream = Stream(stream.text, sources, stream.place, secret)
    kept = stream
    for redirect in command.redirects:
        if redirect.operator in (">", ">|", "&>", ">>") and redirect.descriptor in ("", "1"):
            path = normal_path(redirect.target, command.cwd)
            written = stream
            judge_written(machine, path, stream.text, stream.place or command.place)
            if redirect.operator == ">>" and path in machine.files:
                written = Stream(bounded(machine.files[path].text + stream.text), stream.sources)
            if not path.startswith("/dev/"):
                machine.files[path] = written
            kept = Stream("", stream.sources)
    return kept


def _unresolved(machine: Machine, place: tuple[int, int], name: str) -> None:
    machine.collector.effects.complete = False
    machine.collector.add(
        "dynamic.unresolved-command",
        "warning",
        f"which command runs here cannot be told: {shown(name)}",
        "Name the command literally, or assign it from a constant.",
        place,
    )


def run_redirects_alone(machine: Machine, node: Node, redirects: tuple[Redirect, ...]) -> None:
    """Redirections without a command of their own: ``> file``, or those of a loop or a group."""
    if redirects:
        command = Command("", [], node, machine.place(node), redirects, cwd=machine.cwd)
        machine.trail.saw(command)
        machine.rules.check(machine.collector, command)
        effects.note(machine, command, "")
