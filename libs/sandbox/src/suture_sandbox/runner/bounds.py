"""What a script sees and may use up, as bubblewrap's arguments and the kernel's limits."""

from __future__ import annotations

import os
import resource

from suture_sandbox.runner import seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ETC = (
    "alternatives", "debian_version", "group", "hosts", "ld.so.cache", "localtime", "mime.types",
    "nsswitch.conf", "os-release", "passwd", "protocols", "services", "ssl/certs", "ssl/openssl.cnf",
)  # fmt: skip
"""All that is seen of /etc: what programs need to run, and nothing that says more."""
_CHECKERS_NEED = ("/run/systemd", "/var/spool/cron")
"""What systemd-analyze and crontab write to before they read: empty folders of the sandbox's own."""
_INSIDE = "/run/suture/script"
_NOBODY = 65534
_FIRST_RUN_UID = 2_000_000_000


class Cage:
    """The bounds of one script; ``identity`` is ``uid`` (a user of its own) or ``userns`` (a mapped one)."""

    def __init__(self, job: dict[str, Any], script: str, alive_fd: int, network: bool) -> None:
        plan = job["plan"]
        limits = plan["limits"]
        self.bwrap: str = job["bwrap"]
        self.identity: str = job["identity"]
        self.uid = run_uid(plan["run_id"])
        self.root: str = plan["root"]
        self.reads: list[str] = plan["reads"]
        self.hide: list[str] = plan["hide"]
        self.interpreter: list[str] = job["interpreters"][plan["script_type"]]
        self.extra: list[str] = job["binds"]
        self.script = script
        self.alive_fd = alive_fd
        self.network = network
        self.checks = plan["script_type"] == "config"
        self.passwd = ""
        self.timeout: float = limits["timeout_seconds"]
        self.processes: int = limits["processes"]
        self.memory_bytes: int = limits["memory_mb"] << 20
        self.scratch_bytes = min(limits["file_size_mb"], limits["memory_mb"]) << 20
        self.environment = {
            "PATH": PATH,
            "HOME": "/tmp",  # noqa: S108  (the sandbox's own)
            "TMPDIR": "/tmp",  # noqa: S108
            "LANG": "C.UTF-8",
            "SUTURE_TARGET": plan["target"],
            "SUTURE_EXECUTION_ID": plan["execution_id"],
            "SUTURE_MODE": plan["mode"],
        }
        self.limits = [
            (resource.RLIMIT_AS, self.memory_bytes),
            (resource.RLIMIT_CPU, limits["cpu_seconds"]),
            (resource.RLIMIT_FSIZE, limits["file_size_mb"] << 20),
            (resource.RLIMIT_NOFILE, 1_024),
            (resource.RLIMIT_CORE, 0),
        ]
        if self.identity == "uid":
            # Without a user namespace this counts the run's own user alone; else prlimit sets it inside.
            self.limits.append((resource.RLIMIT_NPROC, self.processes))


def run_uid(run_id: str) -> int:
    """A user that no one else is: its processes are counted apart, and no file belongs to it."""
    number = 0
    for byte in run_id.encode():
        number = (number * 257 + byte) % 16_777_213
    return _FIRST_RUN_UID + number


def command(cage: Cage, mounts: list[str], status_fd: int) -> tuple[list[str], list[int]]:
    """The whole command line, and the open files that it names; ``mounts`` show the scratch."""
    files: list[int] = []
    identity = ["--unshare-user", "--uid", str(_NOBODY), "--gid", str(_NOBODY)]
    within = ["/usr/bin/prlimit", f"--nproc={cage.processes}:{cage.processes}", "--"]
    if cage.identity == "uid":
        identity = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        user = str(cage.uid)
        within = [
            "/usr/bin/setpriv",
            "--reuid",
            user,
            "--regid",
            user,
            "--clear-groups",
            "--inh-caps=-all",
            "--",
        ]
    arguments = [
        cage.bwrap, "--cap-drop", "ALL", *identity, "--unshare-pid", "--unshare-ipc", "--unshare-uts",
        *([] if cage.network else ["--unshare-net"]), "--new-session", "--die-with-parent",
        "--json-status-fd", str(status_fd), *_filter(files),
        # Held by the sandbox's first process, closed in the script's: it says whether anything still lives.
        *(["--sync-fd", str(cage.alive_fd)] if cage.alive_fd >= 0 else []),
        *_system(cage, files), *_target(cage, mounts),
        "--ro-bind", cage.script, _INSIDE, "--chdir", "/tmp",  # noqa: S108
        *[part for name, value in cage.environment.items() for part in ("--setenv", name, value)],
        "--remount-ro", "/dev", "--remount-ro", "/", "--", *within, *cage.interpreter, _INSIDE,
    ]  # fmt: skip
    return arguments, files


def _filter(files: list[int]) -> list[str]:
    if not seccomp.available():
        return []
    read_from, write_to = os.pipe()
    os.write(write_to, seccomp.program())
    os.close(write_to)
    files.append(read_from)
    return ["--seccomp", str(read_from)]


def _system(cage: Cage, files: list[int]) -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = f"/{name}"
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    arguments += _folders("/etc/ssl/x") + _folders(_INSIDE)
    names = (*_ETC, "resolv.conf") if cage.network else _ETC
    for name in names:
        source = cage.passwd if name == "passwd" and cage.passwd else f"/etc/{name}"
        arguments += _shown(source, f"/etc/{name}", files)
    size = str(cage.scratch_bytes)
    arguments += [
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--size",
        str(16 << 20),
        "--tmpfs",
        "/dev/shm",  # noqa: S108
    ]
    arguments += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]  # noqa: S108
    for path in _CHECKERS_NEED if cage.checks else ():
        arguments += [*_folders(path), "--perms", "1777", "--size", size, "--tmpfs", path]
    for path in cage.extra:
        arguments += [*_folders(path), "--ro-bind", path, path]
    return arguments


def _shown(source: str, path: str, files: list[int]) -> list[str]:
    """A folder as it is, a file as a copy: a mount costs each start about a millisecond."""
    if os.path.isdir(source):
        return ["--ro-bind", source, path]
    try:
        files.append(os.open(source, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return []  # not here, or not for this user
    return ["--perms", "0444", "--file", str(files[-1]), path]


def _folders(path: str) -> list[str]:
    """Make the folders above a mount point: bubblewrap's own would be closed to the run's user."""
    parts = path.split("/")[1:-1]
    return [
        word
        for count in range(1, len(parts) + 1)
        for word in ("--perms", "0755", "--dir", "/" + "/".join(parts[:count]))
    ]


def _target(cage: Cage, mounts: list[str]) -> list[str]:
    arguments: list[str] = []
    for path in (*cage.reads, cage.root):
        arguments += [*_folders(path), "--ro-bind", path, path]
    arguments += mounts
    for path in cage.hide:
        shown = any(path == top or path.startswith(top.rstrip("/") + "/") for top in (cage.root, *cage.reads))
        if not shown:
            continue
        if os.path.isdir(path):
            arguments += ["--perms", "0000", "--tmpfs", path, "--remount-ro", path]
        elif os.path.exists(path):
            arguments += ["--ro-bind", "/dev/null", path]
    return arguments


def said(status: bytes, key: str) -> int | None:
    """A number from bubblewrap's status lines, which are JSON objects."""
    _, found, rest = status.partition(f'"{key}":'.encode())
    digits = rest.lstrip()
    end = 0
    while end < len(digits) and digits[end : end + 1].isdigit():
        end += 1
    # Without what follows the digits the line may be cut in the middle of them.
    return int(digits[:end]) if found and 0 < end < len(digits) else None
