"""Python calls that a shell has words for: they are judged as those commands, by the same rules."""

from __future__ import annotations

import ast
import re
import shlex
from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, UNKNOWN, is_known, shown

if TYPE_CHECKING:
    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector
    from suture_safety.python_names import Names

_SHELLS = frozenset(
    """
    os.system os.popen os.popen2 os.popen3 os.popen4 subprocess.getoutput subprocess.getstatusoutput
    commands.getoutput popen2.popen2 popen2.popen3 popen2.popen4 asyncio.create_subprocess_shell
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_RUNS = frozenset(
    """
    subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen
    asyncio.create_subprocess_exec os.execv os.execve os.execl os.execle os.execlp os.execlpe os.execvp
    os.execvpe os.spawnl os.spawnv os.spawnvp os.spawnlp os.spawnle os.spawnve os.spawnvpe
    os.posix_spawn os.posix_spawnp os.startfile
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_AS_COMMAND = {
    "shutil.rmtree": "rm -rf",
    "os.remove": "rm -f",
    "os.unlink": "rm -f",
    "os.rmdir": "rmdir",
    "os.removedirs": "rmdir",
    "os.rename": "mv",
    "os.replace": "mv",
    "shutil.move": "mv",
    "shutil.copy": "cp",
    "shutil.copy2": "cp",
    "shutil.copyfile": "cp",
    "shutil.copytree": "cp -r",
    "os.mkdir": "mkdir",
    "os.makedirs": "mkdir -p",
    "os.symlink": "ln -s",
    "os.link": "ln",
    "os.truncate": "truncate -s 0",
    "os.mkfifo": "mkfifo",
    "os.mknod": "mknod",
}
_PATH_METHODS = {
    "unlink": "rm -f",
    "rmdir": "rmdir",
    "write_text": ":>",
    "write_bytes": ":>",
    "touch": "touch",
    "mkdir": "mkdir -p",
    "rename": "mv",
    "replace": "mv",
    "symlink_to": "ln -s",
}
_HTTP = re.compile(
    r"(?:requests|httpx|aiohttp)\.(?:get|post|put|patch|delete|head|request|Session|Client)|urllib\.request\.(?:urlopen|urlretrieve|Request)|urllib\.urlopen|urllib2\.urlopen"
)
_WHOLE_ENVIRONMENT = re.compile(r"\bos\.environ\b(?!\s*\[|\.get)")
_SQL = re.compile(r"(?i)^\s*(?:select|insert|update|delete|drop|truncate|alter|create|grant|with)\b")


def check_call(
    node: ast.Call, name: str, names: Names, collector: Collector, budget: Budget, place: tuple[int, int]
) -> None:
    """Judges one call by what it does outside Python."""
    if not name and not isinstance(node.func, ast.Attribute):
        return
    if UNKNOWN.search(name):
        _dynamic(collector, place, "which function is called cannot be told")
    elif name in _SHELLS:
        _shell(names.text(node.args[0] if node.args else None), name, collector, budget, place)
    elif name in _RUNS:
        _run(node, name, names, collector, budget, place)
    elif name in _AS_COMMAND:
        words = [names.text(argument) for argument in node.args[: 2 if _takes_two(name) else 1]] or [ANY]
        _as_bash(f"{_AS_COMMAND[name]} -- {_quoted(words)}", collector, budget, place)
    elif name in ("os.chmod", "os.chown", "os.lchown"):
        _change(node, name, names, collector, budget, place)
    elif name in ("eval", "exec") and node.args:
        _nested(names.text(node.args[0]), collector, budget, place)
    elif name == "os.open":
        _open_for(node, names, collector, budget, place)
    elif name in ("open", "io.open", "codecs.open", "builtins.open"):
        _open(node, names, collector, budget, place)
    elif _HTTP.fullmatch(name):
        _request(node, name, names, collector, place)
    elif isinstance(node.func, ast.Attribute):
        _method(node, node.func, names, collector, budget, place)


def _takes_two(name: str) -> bool:
    return (name.startswith("shutil.") and name != "shutil.rmtree") or name in (
        "os.rename",
        "os.replace",
        "os.symlink",
        "os.link",
    )


def _quoted(words: list[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)


def _as_bash(command: str, collector: Collector, budget: Budget, place: tuple[int, int]) -> None:
    from suture_safety.bash.analyse import analyse_bash  # each analyser hands over to the other

    analyse_bash(command, collector, budget, place, exact=False)


def _dynamic(collector: Collector, place: tuple[int, int], message: str) -> None:
    collector.effects.complete = False
    collector.add("dynamic.code", "warning", message, "Name the command or function literally.", place)


def _shell(code: str, name: str, collector: Collector, budget: Budget, place: tuple[int, int]) -> None:
    if not is_known(code):
        _dynamic(collector, place, f"{name} runs a command into which an unknown value is put: {shown(code)}")
        collector.add(
            "python.shell", "warning", f"{name} starts a shell", "subprocess.run with a list.", place
        )
    else:
        collector.add("python.shell", "info", f"{name} starts a shell", "subprocess.run with a list.", place)
    if UNKNOWN.sub("", code).strip():
        _as_bash(code, collector, budget, place)


def _run(
    node: ast.Call, name: str, names: Names, collector: Collector, budget: Budget, place: tuple[int, int]
) -> None:
    shell = next((k.value for k in node.keywords if k.arg == "shell"), None)
    arguments = node.args[1:] if name.startswith("os.spawn") else node.args
    command = arguments[0] if arguments else next((k.value for k in node.keywords if k.arg == "args"), None)
    if shell is not None and not (isinstance(shell, ast.Constant) and not shell.value):
        code = names.text(command)
        if isinstance(command, (ast.List, ast.Tuple)):
            code = names.text(command.elts[0]) if command.elts else ANY
        _shell(code, name, collector, budget, place)
        return
    words: list[str]
    if isinstance(command, (ast.List, ast.Tuple)):
        words = [names.text(element) for element in command.elts]
    elif name.startswith(("os.exec", "os.spawn", "os.posix_spawn", "asyncio")):
        words = [names.text(command)]
        rest = arguments[1:]
        if rest and isinstance(rest[0], (ast.List, ast.Tuple)):
            words += [names.text(element) for element in rest[0].elts[1:]]
        else:
            words += [names.text(one) for one in rest[0 if name.startswith("asyncio") else 1 :]]
    else:
        words = [names.text(command)]
    if not words or not is_known(words[0]):
        _dynamic(collector, place, f"{name} runs a command that is only known when it runs")
    else:
        collector.add(
            "python.subprocess", "info", f"{name} starts {shown(words[0])}", "Use a module of Python.", place
        )
        _as_bash(_quoted(words), collector, budget, place)


def _change(
    node: ast.Call, name: str, names: Names, collector: Collector, budget: Budget, place: tuple[int, int]
) -> None:
    path = names.text(node.args[0] if node.args else None)
    second = node.args[1] if len(node.args) > 1 else None
    if name == "os.chmod":
        known = isinstance(second, ast.Constant) and isinstance(second.value, int)
        mode = (
            f"{second.value:o}"
            if known and isinstance(second, ast.Constant) and isinstance(second.value, int)
            else ANY
        )
        _as_bash(f"chmod {shlex.quote(mode)} {shlex.quote(path)}", collector, budget, place)
    else:
        _as_bash(f"chown {ANY} {shlex.quote(path)}", collector, budget, place)


def _nested(code: str, collector: Collector, budget: Budget, place: tuple[int, int]) -> None:
    """``eval`` and ``exec`` of a constant: read as the Python that it is."""
    from suture_safety.python_code import analyse_python

    if is_known(code) and len(code) < 20_000 and collector.deeper():
        analyse_python(code, collector, budget, base=place)
        collector.nested -= 1


def _open(node: ast.Call, names: Names, collector: Collector, budget: Budget, place: tuple[int, int]) -> None:
    mode_node = (
        node.args[1]
        if len(node.args) > 1
        else next((k.value for k in node.keywords if k.arg == "mode"), None)
    )
    mode = "r" if mode_node is None else names.text(mode_node)
    path = names.text(node.args[0] if node.args else None)
    if any(letter in mode for letter in "wxa+") or not is_known(mode):
        operator = ">>" if "a" in mode else ">"
        _as_bash(f": {operator} {shlex.quote(path)}", collector, budget, place)
    else:
        _as_bash(f"cat {shlex.quote(path)}", collector, budget, place)


def _open_for(
    node: ast.Call, names: Names, collector: Collector, budget: Budget, place: tuple[int, int]
) -> None:
    flags = ast.unparse(node.args[1]) if len(node.args) > 1 else ""
    verb = ": >" if re.search("O_(?:WRONLY|RDWR|TRUNC|CREAT|APPEND)", flags) else "cat"
    path = names.text(node.args[0] if node.args else None)
    _as_bash(f"{verb} {shlex.quote(path)}", collector, budget, place)


def _request(node: ast.Call, name: str, names: Names, collector: Collector, place: tuple[int, int]) -> None:
    url = names.text(node.args[0] if node.args else None)
    if _WHOLE_ENVIRONMENT.search(ast.unparse(node)):
        collector.add(
            "credentials.environment-dump",
            "warning",
            f"{name} sends the whole environment, which holds secrets",
            "Name the variables that are needed.",
            place,
        )
    match = re.match(r"(https?)://([^/:\s?#]+)(?::(\d+))?", url)
    port = (match[3] or {"http": "80", "https": "443"}[match[1]]) if match else "0"
    collector.effects.connect(f"{match[2] if match else ANY}:{port}", place)
    for keyword in node.keywords:
        if keyword.arg == "verify" and isinstance(keyword.value, ast.Constant) and not keyword.value.value:
            collector.add(
                "python.unverified",
                "warning",
                f"{name} does not check who answers",
                "Remove verify=False.",
                place,
            )
    if name.startswith(("requests.", "httpx.", "urllib.request.urlopen")) and not any(
        k.arg == "timeout" for k in node.keywords
    ):
        collector.add("python.no-timeout", "info", f"{name} may wait for ever", "Give timeout=.", place)


def _method(
    node: ast.Call,
    function: ast.Attribute,
    names: Names,
    collector: Collector,
    budget: Budget,
    place: tuple[int, int],
) -> None:
    """Methods whose object is not known by name: of a path, of a database cursor."""
    if function.attr in _PATH_METHODS:
        path = names.text(function.value)
        verb = _PATH_METHODS[function.attr]
        if function.attr in ("replace", "rename") and len(node.args) != 1:
            return  # a string's method
        if path == ANY and function.attr in ("touch", "mkdir", "unlink", "rmdir") and node.args:
            return  # most likely not a path's method
        words = [path, *(names.text(argument) for argument in node.args[:1] if verb in ("mv", "ln -s"))]
        _as_bash(f"{verb} {_quoted(words)}", collector, budget, place)
    elif function.attr in ("execute", "executescript", "executemany", "raw", "extra") and node.args:
        code = names.text(node.args[0])
        if not is_known(code) and UNKNOWN.sub("", code).strip() and _SQL.match(code):
            collector.add(
                "python.built-query",
                "warning",
                "puts a value into a query's text",
                "Pass it as a parameter.",
                place,
            )
        elif is_known(code) and _SQL.match(code):
            from suture_safety.sql import analyse_sql

            dialect = "sqlite" if "sqlite3" in names.imported.values() else "postgres"
            analyse_sql(code, collector, budget, dialect=dialect, place=place)


_OTHERS = ("eval", "exec", "compile", "__import__", "os.chmod", "os.chown")
DOES = _SHELLS.union(_RUNS, _AS_COMMAND, _OTHERS)
"""What acts outside Python, or runs code, when it is called."""
