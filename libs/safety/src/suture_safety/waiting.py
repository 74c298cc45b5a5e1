"""Commands that wait for somebody: a session, a prompt, a question, or words that never end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, MANY, SOME

if TYPE_CHECKING:
    from suture_safety.bash.command import Command
    from suture_safety.paths import PathClasses

_LANGUAGES = frozenset(
    {"python", "python2", "python3", "node", "ruby", "irb", "php", "lua", "ghci", "redis-cli", "bc"}
)
_HAS_CODE = (
    "-e",
    "-c",
    "-f",
    "-l",
    "-m",
    "-q",
    "-b",
    "-r",
    "-V",
    "-v",
    "-h",
    "-?",
    "-cmd",
    "-batch",
    "-execute",
)
_HAS_CODE_BY_NAME = (
    *("--execute", "--command", "--file", "--list", "--version", "--help", "--eval", "--query"),
    *("--batch", "--stats", "--scan", "--bigkeys", "--rdb", "--pipe", "--latency"),
)
_NO_SESSION = ("-N", "-f", "-V", "-O", "-Q", "-G", "-W", "--version", "--help")
_ANSWERED = (
    *("-f", "-s", "-k", "-l", "-n", "-u", "-c", "-p", "--frontend", "--batch", "--version", "--help"),
    *("--use-default", "--default-priority"),
)
_SAMPLERS = ("vmstat", "iostat", "mpstat", "dstat", "sar")
_VIEWS = (["get"], ["logs"], ["events"], ["stats"])
_NO_KEY_MADE = (
    "-N",
    "-R",
    "-F",
    "-l",
    "-y",
    "-A",
    "-H",
    "-e",
    "-i",
    "-s",
    "-p",
    "-c",
    "-L",
    "-Y",
    "-Q",
    "-k",
)


def goes_nowhere(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    return None if command.piped or command.outputs or command.options else command.name


def waits_for_lines(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A client or interpreter without anything that it could run."""
    if command.stdin is not None or command.has(*_HAS_CODE, *_HAS_CODE_BY_NAME):
        return None
    given = command.operands
    if any(word in (ANY, SOME, MANY) for word in given):
        return None  # there may be code among what is not known
    if command.name in _LANGUAGES:
        return None if given else command.name
    if command.name == "sqlite3":
        return None if len(given) > 1 else command.name
    return None if any(word.endswith(".js") for word in given) else command.name


def opens_a_session(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    alone = command.stdin is None and len(command.operands) == 1 and not command.has(*_NO_SESSION)
    return command.name if alone else None


def asks_somebody(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    answered = command.stdin is not None or "DEBIAN_FRONTEND" in command.assigns or command.has(*_ANSWERED)
    return None if answered else command.name


def asks_before(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    asks = command.has("-i", "--interactive") and not command.has("-f", "--force")
    return command.name if asks and command.stdin is None else None


def asks_for_more(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """What each of these programs asks for when no option says it."""
    if command.stdin is not None:
        return None
    name, verb = command.name, command.operands[0] if command.operands else ""
    if name == "adduser":
        asks = len(command.operands) == 1 and not command.options
    elif name == "openssl" and verb == "req":
        asks = command.has("-new", "-x509", "-newkey") and not command.has("-subj", "-batch", "-config")
    elif name == "openssl":
        asks = verb == "s_client"
    elif name == "cryptsetup":
        asks = not command.has("--key-file", "-d", "--test-passphrase", "--master-key-file")
    elif name == "htpasswd":
        asks = not command.has("-b", "-i", "-D", "-v")
    else:
        asks = command.has("-t") and not command.has(*_NO_KEY_MADE)
    return name if asks else None


def looks_for_ever(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A view that goes on until somebody ends it; ``timeout`` around it does that."""
    if "timeout" in command.wrappers:
        return None
    name, given = command.name, command.operands
    if name == "watch":
        endless = not command.has("-g", "--chgexit", "-e", "--errexit", "-q", "--version", "--help")
    elif name in _SAMPLERS:
        endless = len([word for word in given if word.isdigit()]) == 1
    elif name in ("kubectl", "docker"):
        logs = given[:1] == ["logs"] and "-f" in command.arguments
        endless = logs or (given[:1] in _VIEWS and command.has("-w", "--watch", "--watch-only", "--follow"))
    elif name == "inotifywait":
        endless = command.has("-m", "--monitor") and not command.has("-t", "--timeout")
    else:
        endless = not command.has("-1", "-b", "-n", "--version", "--help")
    return name if endless else None
