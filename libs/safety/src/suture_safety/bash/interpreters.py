"""Other languages inside bash: read as themselves where they can be, named where they cannot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.machine import Stream
from suture_safety.bash.settings import judge_edited, judge_loaded
from suture_safety.bash.shells import DOWNLOADERS, SHELLS, run_shell
from suture_safety.bash.values import ANY, UNKNOWN, is_known, normal_path, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine, Nodes

    Interpreter = Callable[[Machine, Command, Nodes], Stream | None]

_ESCAPES_AWK = re.compile(r"\bsystem\s*\(|\|\s*\"|\|\s*getline|\"\s*\|\s*getline|print\s[^;}]*\|\s*\"")
_CODE_OPTIONS = {"python": "-c", "perl": "-e", "ruby": "-e", "node": "-e", "php": "-r", "lua": "-e"}
_SHELL_CALL = re.compile(
    r"(?:system|exec|popen|spawn|execSync|spawnSync|`|%x|passthru|shell_exec|qx)\s*[({/]?\s*(?P<q>['\"])(?P<code>.*?)(?P=q)",
    re.DOTALL,
)
_BACKTICKS = re.compile(r"`([^`]+)`|(?:qx|%x)[{(/]([^})/]+)")


def _python(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    code = _code(machine, command, "-c")
    if code is None:
        return None
    if not is_known(code):
        _dynamic(machine, command, "python")
        code = UNKNOWN.sub("0", code)
    from suture_safety.python_code import analyse_python  # only where Python comes

    before = machine.unit
    analyse_python(code, machine.collector, machine.budget, base=_place_of(machine, command, nodes, code))
    machine.unit = before
    return Stream(ANY)


def _place_of(machine: Machine, command: Command, nodes: Nodes, code: str) -> tuple[int, int]:
    for node in nodes():
        if node.type in ("raw_string", "string") and (node.text or b"")[1:-1] == code.encode(
            "utf-8", "replace"
        ):
            return machine.unit.place_at(node.start_byte + 1)
    if command.stdin is not None and command.stdin.place is not None:
        return command.stdin.place
    return command.place


def _code(machine: Machine, command: Command, option: str) -> str | None:
    """The code that an interpreter is given: as an argument, or through its standard input."""
    words = command.arguments
    for position, word in enumerate(words):
        if word == option or (re.fullmatch(r"-\w*[ceEr]", word) and word[-1].lower() == option[-1]):
            return words[position + 1] if position + 1 < len(words) else ANY
        if word == "-":
            break
        if word == "-m":
            return None
        if not word.startswith("-"):
            known = machine.files.get(normal_path(word, machine.cwd)) or machine.process_sources.get(word)
            if known is None:
                _file(machine, command, word)
            return known.text if known else None
    if command.stdin is None:
        return None
    if not is_known(command.stdin.text) and any(source in DOWNLOADERS for source in command.stdin.sources):
        machine.collector.add(
            "remote.pipe-to-shell",
            "warning",
            f"{command.name} runs whatever {command.stdin.sources[0]} fetches, unseen, as code",
            "Download to a file, check its SHA-256 against a pinned value, read it, then run it.",
            command.place,
        )
    return command.stdin.text


def _file(machine: Machine, command: Command, path: str) -> None:
    machine.collector.effects.complete = False
    machine.collector.add(
        "dynamic.script-file",
        "warning",
        f"{command.name} runs the file {shown(path)}, which cannot be read here",
        "Put the needed lines into the script itself.",
        command.place,
    )


def _given(command: Command, *options: str) -> str:
    return next((command.options[one] for one in options if command.options.get(one)), "")


def _text_of(machine: Machine, command: Command, path: str) -> str | None:
    """The text of a file that the script wrote before; of any other, a finding."""
    if path in ("-", "/dev/stdin"):
        return command.stdin.text if command.stdin else None
    known = machine.files.get(normal_path(path, machine.cwd)) or machine.process_sources.get(path)
    if known is None:
        _file(machine, command, path)
    return known.text if known else None


def _dynamic(machine: Machine, command: Command, language: str) -> None:
    machine.collector.effects.complete = False
    machine.collector.add(
        "dynamic.code",
        "warning",
        f"{command.name} runs {language} code that is only known when it runs",
        "Pass values as arguments or in the environment, never inside the code.",
        command.place,
    )


def _foreign(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    language = re.sub(r"[\d.]+$", "", command.name)
    code = _code(machine, command, _CODE_OPTIONS.get(language, "-e"))
    if code is None:
        return None
    machine.collector.effects.complete = False
    machine.collector.add(
        "dynamic.foreign-code",
        "warning",
        f"runs {language} code, which is not analysed: {shown(code)}",
        "Write it in bash or Python, which are.",
        command.place,
    )
    for match in _SHELL_CALL.finditer(code):
        machine.run_text(match["code"], command.place, exact=False)
    for match in _BACKTICKS.finditer(code):
        machine.run_text(match[1] or match[2], command.place, exact=False)
    return Stream(ANY)


def _awk(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    program = next((word for word in command.operands), "")
    if _ESCAPES_AWK.search(program):
        machine.collector.add(
            "dynamic.foreign-code",
            "warning",
            f"{command.name} starts commands of its own: {shown(program)}",
            "Let awk print, and run the command in bash.",
            command.place,
        )
        for match in _SHELL_CALL.finditer(program):
            machine.run_text(match["code"], command.place, exact=False)
    return None


def _database(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    code = next(
        (command.options[o] for o in ("-c", "--command", "-e", "--execute", "-Q") if command.options.get(o)),
        None,
    )
    if code is None and command.name == "sqlite3" and len(command.operands) > 1:
        code = command.operands[1]
    if code is None and command.name == "psql" and (path := _given(command, "-f", "--file")):
        code = _text_of(machine, command, path)
    elif code is None and command.stdin is not None:
        code = command.stdin.text
    machine.collector.effects.states.setdefault("database", command.place)
    if code is None or command.has("-l", "--list", "--version"):
        return None
    if not is_known(code):
        _dynamic(machine, command, "SQL")
        code = UNKNOWN.sub("x", code)
    from suture_safety.sql import analyse_sql  # sqlglot is slow to import: only where SQL comes

    dialect = {"mysql": "mysql", "mariadb": "mysql", "sqlite3": "sqlite"}.get(command.name, "postgres")
    analyse_sql(
        code,
        machine.collector,
        machine.budget,
        dialect=dialect,
        place=_place_of(machine, command, nodes, code),
    )
    return Stream(ANY)


def _manifest(machine: Machine, command: Command, path: str) -> None:
    machine.collector.effects.complete = False
    machine.collector.add(
        "dynamic.manifest-file",
        "info",
        f"{command.name} applies {shown(path)}, which cannot be read here",
        "Put the manifest into the script itself.",
        command.place,
    )


def _kubectl(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    """Manifests that are fed, or that the script wrote; those of any other file cannot be told."""
    path = _given(command, "-f", "--filename", "-k", "--kustomize")
    if command.operands[:1] not in (["apply"], ["create"], ["replace"]) or not path or "://" in path:
        return None
    fed = path == "-"
    known = command.stdin if fed else machine.files.get(normal_path(path, machine.cwd))
    if fed and known is not None and not is_known(known.text):
        _dynamic(machine, command, "a manifest as")
        return None
    if known is None or not is_known(known.text):
        _manifest(machine, command, path)
        return None
    from suture_safety.kubernetes import analyse_kubernetes

    place = known.place or command.place
    analyse_kubernetes(known.text, machine.collector, machine.budget, first_line=place[0])
    return None


def _powershell(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    words = [word.lower() for word in command.arguments]
    start = next((at for at, word in enumerate(words) if word in ("-c", "-command")), None)
    code = " ".join(command.arguments[start + 1 :]) if start is not None else None
    if code is None and command.stdin is not None:
        code = command.stdin.text
    if code is None:
        return _foreign(machine, command, nodes)
    if not is_known(code):
        _dynamic(machine, command, "PowerShell")
        code = UNKNOWN.sub("x", code)
    from suture_safety.powershell import analyse_powershell  # only where PowerShell comes

    analyse_powershell(code, machine.collector, machine.budget, command.place, exact=False)
    return Stream(ANY)


INTERPRETERS: dict[str, Interpreter] = {
    **dict.fromkeys(SHELLS, run_shell),
    **dict.fromkeys(("python", "python2", "python3", "python3.11", "python3.12", "python3.13"), _python),
    **dict.fromkeys(("perl", "ruby", "node", "nodejs", "php", "lua", "tclsh", "osascript"), _foreign),
    **dict.fromkeys(("pwsh", "powershell"), _powershell),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _awk),
    **dict.fromkeys(("psql", "mysql", "mariadb", "sqlite3"), _database),
    **dict.fromkeys(("kubectl", "oc"), _kubectl),
    "sed": judge_edited,
    "sysctl": judge_loaded,
}
