"""Ansible playbooks and task lists: each task becomes the command that it amounts to, and that is judged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.ansible_modules import BODIES, COMMANDS, SILENT_MODULES, Arguments
from suture_safety.bash.analyse import analyse_bash
from suture_safety.bash.values import ANY
from suture_safety.yaml_reader import (
    BrokenYaml,
    entries,
    is_false,
    is_true,
    items,
    place,
    read_documents,
    scalar,
)

if TYPE_CHECKING:
    from yaml.nodes import Node

    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector

_TASK_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")
_KEYWORDS = frozenset(
    """
    name when tags become become_user become_method become_flags register loop loop_control notify vars
    environment ignore_errors ignore_unreachable changed_when failed_when until retries delay delegate_to
    delegate_facts run_once no_log args async poll check_mode diff any_errors_fatal connection listen throttle
    timeout collections debugger module_defaults port remote_user action local_action first_available_file
    hosts gather_facts roles strategy serial max_fail_percentage vars_files vars_prompt order force_handlers
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_SETTINGS = (
    "ini_file",
    "pam_limits",
    "pamd",
    "xml",
    "sefcontext",
    "alternatives",
    "known_hosts",
    "capabilities",
)
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PIPE = re.compile(
    r"""(?:lookup|query|q)\(\s*['"](?:ansible\.builtin\.)?pipe['"]\s*,\s*(['"])(.*?)\1""", re.DOTALL
)
_FREE_FORM = re.compile(r"""(?<!\w)(\w+)=("(?:[^"\\]|\\.)*"|'[^']*'|\S+)""")


def analyse_ansible(text: str, collector: Collector, budget: Budget) -> None:
    """Findings on every task of every play. Raises ``BoundExceeded``."""
    try:
        documents = read_documents(text, budget)
    except BrokenYaml as error:
        where = (error.line, error.column)
        collector.add(
            "ansible.syntax", "error", f"YAML cannot be read: {error.reason}", "Fix the YAML.", where
        )
        return
    reader = _Reader(collector, budget)
    for document in documents:
        tasks = items(document)
        if not tasks:
            where = place(document)
            collector.add(
                "ansible.syntax", "error", "is no list of tasks or plays", "Begin with - name:", where
            )
        for task in tasks:
            if not entries(task):
                where = place(task)
                collector.add(
                    "ansible.syntax", "error", "holds something that is no task", "Begin with - name:", where
                )
            reader.task(task)
    if not documents:
        collector.add("ansible.syntax", "error", "holds no task", "Say what is to be done.")


class _Reader:
    def __init__(self, collector: Collector, budget: Budget) -> None:
        self.collector = collector
        self.budget = budget

    def task(self, node: Node) -> None:
        known = entries(node)
        self.budget.step()
        self._lookups(known)
        for key in _TASK_LISTS:
            for inner in items(known.get(key)):
                self.task(inner)
        for key in ("action", "local_action"):
            if key in known:
                self._action(known[key], known)
        for key, value in known.items():
            if key not in _KEYWORDS and key not in _TASK_LISTS and not key.startswith("with_"):
                self.module(key, value, known)

    def _action(self, node: Node, task: dict[str, Node]) -> None:
        words = (scalar(node) or "").split(None, 1)
        if words:
            self.module(words[0], node, task, free=words[1] if len(words) > 1 else "")
        elif name := scalar(entries(node).get("module")):
            self.module(name, node, task)

    def module(self, name: str, node: Node, task: dict[str, Node], free: str | None = None) -> None:
        short = name.rsplit(".", 1)[-1]
        arguments = _arguments(node, task, free)
        where = place(node)
        if is_false(entries(node).get("validate_certs")):
            message = f"{short} does not check who answers"
            remedy = "Trust the server's certificate with ca_path."
            self.collector.add("ansible.unverified-transport", "warning", message, remedy, where)
        if short in BODIES:
            self._body(short, node, arguments)
            return
        command = COMMANDS.get(short)
        if command is not None:
            for line in command(arguments):
                self._run(line, where)
        elif short not in _SETTINGS and arguments.get("state") in (
            "absent",
            "deleted",
            "terminated",
            "stopped",
            "killed",
        ):
            message = f"{short} removes or ends something: state {arguments['state']}"
            self.collector.add("ansible.removes", "warning", message, "Keep what can be needed again.", where)
        elif short not in SILENT_MODULES and short not in _SETTINGS:
            message = f"what the module {name[:60]} does is not known here"
            self.collector.effects.complete = False
            self.collector.add("ansible.unknown-module", "info", message, "Use a builtin module.", where)

    def _body(self, short: str, node: Node, arguments: Arguments) -> None:
        language = BODIES[short]
        code = (
            arguments.get("") or arguments.get("cmd") or arguments.get("query") or arguments.get("argv") or ""
        )
        body = entries(node).get("cmd") or entries(node).get("query") or node
        where = place(body)
        if getattr(body, "style", None) in ("|", ">"):
            where = (where[0] + 1, 1)
        if language == "bash":
            analyse_bash(code, self.collector, self.budget, where, exact=False)
        elif language == "powershell":
            from suture_safety.powershell import analyse_powershell

            analyse_powershell(code, self.collector, self.budget, where)
        elif language == "sql":
            from suture_safety.sql import analyse_sql

            analyse_sql(code.replace(ANY, "x"), self.collector, self.budget, place=where)
        else:
            self._manifest(node, where)

    def _manifest(self, node: Node, where: tuple[int, int]) -> None:
        from suture_safety.kubernetes import check_object

        known = entries(node)
        if scalar(known.get("state")) == "absent":
            message = "removes objects of a cluster"
            remedy = "Scale it to zero, or keep its manifest."
            self.collector.add("cluster.delete", "error", message, remedy, where)
        definition = known.get("definition") or known.get("resource_definition")
        for one in items(definition) or ([definition] if definition is not None else []):
            if entries(one):
                check_object(one, self.collector, self.budget)

    def _run(self, line: str, where: tuple[int, int]) -> None:
        analyse_bash(line, self.collector, self.budget, where, exact=False)

    def _lookups(self, known: dict[str, Node]) -> None:
        """``lookup('pipe', …)`` runs a command on the controlling machine, wherever it stands."""
        waiting = [value for key, value in known.items() if key not in _TASK_LISTS]
        while waiting:
            node = waiting.pop()
            waiting += items(node) + list(entries(node).values())
            text = scalar(node) or ""
            if "pipe" in text:
                for match in _PIPE.finditer(text):
                    self._run(_TEMPLATE.sub(ANY, match[2]), place(node))
        if is_true(known.get("ignore_errors")):
            where = place(known["ignore_errors"])
            message = "goes on after an error"
            self.collector.add(
                "ansible.ignores-errors", "info", message, "Say what may fail: failed_when.", where
            )


def _arguments(node: Node, task: dict[str, Node], free: str | None) -> Arguments:
    """The module's arguments as text, what a template fills in as unknown; ``""`` is the free form."""
    found: Arguments = {}
    for source in (task.get("args"), node):
        for key, value in entries(source).items():
            listed = [scalar(one) or "" for one in items(value)]
            text = " ".join(listed) if listed else scalar(value)
            if text is not None:
                found[key] = _TEMPLATE.sub(ANY, text)
    written = free if free is not None else scalar(node)
    if written:
        written = _TEMPLATE.sub(ANY, written)
        found[""] = written
        for match in _FREE_FORM.finditer(written):
            found.setdefault(match[1], match[2].strip("\"'"))
    return found
