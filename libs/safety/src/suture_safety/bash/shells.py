"""Code that is handed to a shell: as an argument, through a pipe, as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_safety.bash.machine import Stream
from suture_safety.bash.tree import text_of
from suture_safety.bash.values import ANY, UNKNOWN, is_known, normal_path, shown

if TYPE_CHECKING:
    from suture_contracts.report import Level
    from tree_sitter import Node

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine, Nodes

SHELLS = ("bash", "sh", "dash", "ash", "zsh", "ksh", "mksh", "rbash", "fish", "csh", "tcsh")
DOWNLOADERS = frozenset(
    """
    curl wget fetch aria2c lynx links http https nc ncat netcat socat ftp lwp-request dig scp aws gsutil
    lwp-download GET w3m
    """.split()  # noqa: SIM905 - as a list it fills the page
)
DECODERS = frozenset(
    """
    base64 base32 openssl xxd uudecode rev tr gzip gunzip zcat xz bzip2 od basenc hexdump
    """.split()  # noqa: SIM905 - as a list it fills the page
)


def run_code(
    machine: Machine,
    code: str,
    command: Command,
    node: Node | None,
    stdin: Stream | None = None,
    quiet: bool = False,
) -> Stream:
    """Analyses code that a command runs. Unknown code, or unknown text inside it, is a finding."""
    sources = stdin.sources if stdin else ()
    blank = not UNKNOWN.sub("", code).strip()
    if blank and (UNKNOWN.search(code) or stdin is not None):
        return _unreadable(machine, command, sources)
    if not is_known(code) and not quiet:
        machine.collector.add(
            "dynamic.code",
            "warning",
            f"{command.name} runs code into which an unknown value is put: {shown(code)}",
            "Pass the value as an argument or in the environment, never inside the code.",
            command.place,
        )
    place, exact = command.place, False
    if node is not None and node.type in ("raw_string", "string") and text_of(node)[1:-1] == code:
        place, exact = machine.unit.place_at(node.start_byte + 1), machine.unit.exact
    elif stdin is not None and stdin.place is not None:
        place, exact = stdin.place, machine.unit.exact
    return machine.run_text(code, place, exact)


def _unreadable(machine: Machine, command: Command, sources: tuple[str, ...]) -> Stream:
    machine.collector.effects.complete = False
    if fetched := [name for name in sources if name in DOWNLOADERS]:
        rule, what = "remote.pipe-to-shell", f"runs whatever {fetched[0]} fetches, unseen, as code"
        remedy = "Download to a file, check its SHA-256 against a pinned value, read it, then run it."
    elif decoded := [name for name in sources if name in DECODERS]:
        rule, what = (
            "obfuscation.decoded-code",
            f"runs code that {decoded[0]} decodes, which cannot be read here",
        )
        remedy = "Write the code in plain text."
    else:
        rule, what = "dynamic.code", f"{command.name} runs code that is only known when it runs"
        remedy = "Write the commands into the script."
    severity: Level = "error" if rule.startswith("obfuscation") else "warning"
    machine.collector.add(rule, severity, what, remedy, command.place)
    return Stream(ANY)


def run_shell(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    """``bash -c CODE``, ``bash FILE``, ``… | bash``, ``bash <(…)``."""
    words = command.arguments
    for position, word in enumerate(words):
        if word.startswith("-") and not word.startswith("--") and "c" in word and len(word) > 1:
            code = next((w for w in words[position + 1 :] if not w.startswith("-")), None)
            if code is None:
                return _unreadable(machine, command, ())
            place, origins = words.index(code, position + 1) + 1, nodes()
            node = origins[place] if len(origins) == len(words) + 1 else None
            return _with_arguments(machine, code, command, node, words[place + 1 :])
        if word in ("-o", "+o", "-O"):
            continue
        if not word.startswith(("-", "+")) and (
            position == 0 or words[position - 1] not in ("-o", "+o", "-O")
        ):
            if "-s" in words[:position]:
                break
            return _run_file(machine, command, word)
    if command.stdin is not None:
        return run_code(machine, command.stdin.text, command, None, command.stdin)
    if any(word in ("--version", "--help", "-n") for word in words):
        return Stream(ANY)
    return _unreadable(machine, command, ())


def _with_arguments(
    machine: Machine, code: str, command: Command, node: Node | None, arguments: list[str]
) -> Stream:
    outer, before = machine.arguments, machine.scope()
    machine.arguments = arguments
    try:
        return run_code(machine, code, command, node)
    finally:
        machine.arguments = outer
        machine.restore(before)


def _run_file(machine: Machine, command: Command, path: str) -> Stream:
    source = machine.process_sources.get(path)
    if path == "/dev/stdin" and command.stdin is not None:
        source = command.stdin
    if source is not None:
        return run_code(machine, source.text, command, None, source)
    known = machine.files.get(normal_path(path, machine.cwd))
    if known is not None:
        return run_code(machine, known.text, command, None, known)
    if "-n" in command.options:
        return Stream(ANY)
    machine.collector.effects.complete = False
    machine.collector.add(
        "dynamic.script-file",
        "warning",
        f"{command.name} runs the file {shown(path)}, which cannot be read here",
        "Put the needed lines into the script itself.",
        command.place,
    )
    return Stream(ANY)
