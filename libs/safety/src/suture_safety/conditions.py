"""Conditions of rules that data cannot say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import shown
from suture_safety.destruction import destroys
from suture_safety.removal import (
    deletes_what_it_is_fed,
    moves_root,
    moves_system_file,
    removes_device,
    removes_elsewhere,
    removes_if_empty,
    removes_unknown,
    replaces_a_program,
    takes_configuration,
)
from suture_safety.waiting import (
    asks_before,
    asks_for_more,
    asks_somebody,
    goes_nowhere,
    looks_for_ever,
    opens_a_session,
    waits_for_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_safety.bash.command import Command
    from suture_safety.paths import PathClasses

    Condition = Callable[[Command, tuple[str, ...], PathClasses], str | None]

_MODE = re.compile(r"[0-7]?[0-7][0-7]([2367])")


def writable_by_all(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """``chmod`` to a mode that lets everyone write; the sticky bit excuses a directory."""
    mode = command.operands[0] if command.operands else ""
    match = _MODE.fullmatch(mode.lstrip("0") or "0")
    if match and not (len(mode.lstrip("0")) == 4 and mode.lstrip("0")[0] in "1357"):
        return mode
    if re.search(r"(?:^|,)[ugo]*[oa][ugo]*[+=][rwxXst]*w|(?:^|,)\+[rx]*w\b", mode):
        return mode
    return None


def kills_everything(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    words = command.arguments
    if "1" in command.operands or "-1" in words[1:]:
        return "1" if "1" in command.operands else "-1"
    return None


def runs_interactively(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A program that waits for a key that nobody will press."""
    return (
        None
        if command.stdin is not None or "-c" in command.options or "-es" in command.options
        else command.name
    )


def asks_questions(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A package manager that asks before it changes something."""
    verb = command.operands[0] if command.operands else ""
    if verb not in (
        "install",
        "upgrade",
        "dist-upgrade",
        "full-upgrade",
        "remove",
        "purge",
        "autoremove",
        "update",
        "erase",
    ):
        return None
    if command.name in ("apt", "apt-get") and verb == "update":
        return None
    if command.has(
        "-y", "--yes", "--assume-yes", "-n", "--non-interactive", "--noconfirm", "-q", "-qq", "--assumeyes"
    ):
        return None
    if (
        command.stdin is not None
        or "DEBIAN_FRONTEND" in command.assigns
        or command.has("-s", "--dry-run", "--download-only")
    ):
        return None
    return verb


def has_no_limit(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    return command.name if not command.has("-c", "-w", "-W") else None


def opens_a_shell(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A session without a command, and without input that would be its commands."""
    if command.stdin is not None or command.piped:
        return None
    name, given = command.name, command.operands
    if name == "visudo":
        return None if command.has("-c", "--check", "--version", "-V") else name
    if name in ("su", "newgrp", "login"):
        return None if command.has("-c", "--command", "--help") or len(given) > 2 else name
    if name == "sudo":
        return name if not given and command.has("-i", "-s", "--login", "--shell") else None
    if name in ("screen", "tmux", "script"):
        return name if not command.arguments else None
    interactive = not command.arguments or set(command.arguments) <= {"-i", "-l", "--login", "-il"}
    return name if interactive else None


def is_fed_a_command(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """An editor whose input holds a line that starts a command: ``!id``, ``r !id``, ``1,$w !id``."""
    fed = command.stdin.text if command.stdin else ""
    found = re.search(r"(?m)^[\d,$%.]*(?:[erw] ?)?!.+", fed)
    return shown(found.group()) if found else None


def prints(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """What goes to a file is kept; what goes anywhere else is shown."""
    return None if command.outputs else ""


def reads_socket(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    sources = (one.target for one in command.redirects if one.operator == "<")
    return next((shown(path) for path in sources if "socket" in classes.of(path)), None)


def is_fed(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    return command.name if command.stdin is not None else None


def sends_credentials(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A secret's path among the words, or a secret read earlier in the pipe."""
    for word in command.arguments:
        path = re.split(r"[@=]", word)[-1]
        if "credentials" in classes.of(path):
            return shown(path)
    named = command.stdin.secret if command.stdin else ""
    return shown(named) if named else None


def dumps_environment(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    dumps = not command.operands and not command.options and (command.outputs or command.piped)
    return command.name if dumps and not any("/dev/" in path for path in command.outputs) else None


def changes_files(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """What names the file must also change it: the destination of a copy, ``sed -i``."""
    name = command.name
    if name in ("cp", "install", "ln"):
        changed = command.paths[-1:]
    elif name in ("sed", "perl", "ed"):
        changed = (
            command.paths if any(word.startswith(("-i", "--in-place")) for word in command.options) else []
        )
    elif name in ("chmod", "chown"):
        mode = command.operands[0] if command.operands else ""
        changed = (
            command.paths[1:] if re.search(r"o?[+=]\w*w|[2367]$|[4-7]$", mode) and name == "chmod" else []
        )
    else:
        changed = command.paths
    guarded = ("accounts", "boot", "guarded_file")
    return next((shown(path) for path in changed if not classes.of(path).isdisjoint(guarded)), None)


def writes_accounts(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    written = (*command.outputs, *(command.paths if command.name in ("tee", "sed") else ()))
    return next((shown(path) for path in written if "accounts" in classes.of(path)), None)


def changes_files_or_prints_to_one(
    command: Command, declared: tuple[str, ...], classes: PathClasses
) -> str | None:
    return (
        command.name
        if command.outputs or any(word.startswith(("-i", "--in-place")) for word in command.options)
        else None
    )


def loosens_sshd(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """What is written is loose: the replacement of ``s/…/…/``, or what is printed to the file."""
    loose = (
        r"(?i)(?:PermitRootLogin|PasswordAuthentication|PermitEmptyPasswords|HostbasedAuthentication)\s+yes"
    )
    if command.name in ("echo", "printf", "tee"):
        return "" if any("ssh" in path for path in (*command.outputs, *command.paths)) else None
    for word in command.arguments:
        parts = re.split(r"(?<!\\)[/|#,@]", word)
        if len(parts) >= 3 and re.search(loose, parts[-2]):
            return shown(parts[-2])
        if re.search(r"\d*[aic]\\?\s*" + loose[4:], word, re.IGNORECASE):
            return shown(word)
    return None


def empties_a_log(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """Nothing is printed into the log: it is only emptied."""
    if command.name in ("", ":", "true") or (command.name == "cat" and "/dev/null" in command.operands):
        return ""
    emptied = command.name == "echo" and not command.joined.strip("-n ")
    system = any(
        re.search(r"/(?:auth|sys|kern|secure|messages|wtmp|btmp|lastlog|audit)", path)
        for path in command.outputs
    )
    return "" if emptied or system else None


def fills_a_disk(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """An endless source that is written to a file."""
    written = [path for path in command.outputs if not path.startswith("/dev/")]
    if not written:
        return None
    endless = command.name == "yes" or (
        command.name in ("cat", "cp")
        and any(
            word in ("/dev/zero", "/dev/urandom", "/dev/random", "/dev/full") for word in command.operands
        )
    )
    return written[0] if endless else None


OF_PATHS = frozenset(("moves_root", "moves_system_file", "changes_files"))
"""The conditions that only hold for a command with an operand in a class of paths."""

CONDITIONS: dict[str, Condition] = {
    "destroys": destroys,
    "moves_root": moves_root,
    "moves_system_file": moves_system_file,
    "removes_device": removes_device,
    "opens_a_shell": opens_a_shell,
    "reads_socket": reads_socket,
    "is_fed": is_fed,
    "prints": prints,
    "is_fed_a_command": is_fed_a_command,
    "deletes_what_it_is_fed": deletes_what_it_is_fed,
    "replaces_a_program": replaces_a_program,
    "takes_configuration": takes_configuration,
    "goes_nowhere": goes_nowhere,
    "looks_for_ever": looks_for_ever,
    "waits_for_lines": waits_for_lines,
    "opens_a_session": opens_a_session,
    "asks_somebody": asks_somebody,
    "asks_before": asks_before,
    "asks_for_more": asks_for_more,
    "sends_credentials": sends_credentials,
    "dumps_environment": dumps_environment,
    "changes_files": changes_files,
    "writes_accounts": writes_accounts,
    "changes_files_or_prints_to_one": changes_files_or_prints_to_one,
    "loosens_sshd": loosens_sshd,
    "empties_a_log": empties_a_log,
    "fills_a_disk": fills_a_disk,
    "removes_if_empty": removes_if_empty,
    "removes_unknown": removes_unknown,
    "removes_elsewhere": removes_elsewhere,
    "writable_by_all": writable_by_all,
    "kills_everything": kills_everything,
    "runs_interactively": runs_interactively,
    "asks_questions": asks_questions,
    "has_no_limit": has_no_limit,
}
