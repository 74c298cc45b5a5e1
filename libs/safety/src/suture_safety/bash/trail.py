"""What a script does in which order: what the quality flags are read from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from suture_safety.bash.values import shown

if TYPE_CHECKING:
    from suture_safety.bash.command import Command

_BACKUP_NAME = re.compile(r"(?i)bak|backup|orig\b|\.old\b|\.save\b|snapshot|\.prev\b|rollback|\.before")
_IN_PLACE = re.compile(r"-\w*i.+|--in-place=")
_COPIERS = frozenset(("cp", "mv", "install", "rsync", "tar", "gzip", "ln"))
_DUMPERS = {"pg_dump", "pg_dumpall", "mysqldump", "etcdctl", "btrfs", "lvcreate", "zfs", "restic", "borg"}
_CHECKS = frozenset(
    """
    test [ diff cmp sha256sum md5sum nginx apachectl apache2ctl sshd visudo named-checkconf haproxy
    postfix python3 jq yamllint curl wget dpkg dpkg-query rpm systemctl ss stat grep pg_isready psql
    mysqladmin redis-cli kubectl ping nc promtool sysctl findmnt id getent service apt-cache needrestart
    openssl pgrep cat awk df lsmod
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_LOGGERS = {"echo", "printf", "logger", "tee", "log", "info", "log_info", "systemd-cat"}


@dataclass(slots=True)
class Trail:
    """Order counts commands; -1 says that something was never seen."""

    order: int = 0
    first_change: int = -1
    last_change: int = -1
    first_backup: int = -1
    last_check: int = -1
    logs: bool = False
    errexit: bool = False
    nounset: bool = False
    change_place: tuple[int, int] = (1, 1)
    options: set[str] = field(default_factory=set)

    def changed(self, place: tuple[int, int]) -> None:
        if self.first_change < 0:
            self.first_change = self.order
            self.change_place = place
        self.last_change = self.order

    def saw(self, command: Command) -> None:
        """Notes what one command means for the script's quality."""
        self.order += 1
        name = command.name
        if name in _LOGGERS:
            self.logs = True
        if self.first_backup < 0 and _is_backup(command):
            self.first_backup = self.order
        if name in _CHECKS:
            self.last_check = self.order

    def checked(self) -> None:
        self.last_check = self.order

    def set_options(self, words: list[str]) -> None:
        """``set -euo pipefail`` and its other spellings."""
        for position, word in enumerate(words):
            if word.startswith("-") and not word.startswith("--"):
                self.errexit |= "e" in word
                self.nounset |= "u" in word
            elif position and words[position - 1].endswith("o"):
                self.errexit |= word == "errexit"
                self.nounset |= word == "nounset"


def _is_backup(command: Command) -> bool:
    name, words = command.name, command.arguments
    if name in _COPIERS:
        return any(_BACKUP_NAME.search(word) for word in words) or (name in ("tar", "rsync"))
    if name in _DUMPERS:
        return True
    if name == "sed" and any(map(_IN_PLACE.match, words)):
        return any(word.startswith(("--in-place=", "-i.")) for word in words)
    if command.redirects and any(_BACKUP_NAME.search(shown(target)) for target in command.outputs):
        return True
    return _named_backup(name)


@lru_cache(1_024)
def _named_backup(program: str) -> bool:
    return _BACKUP_NAME.search(program) is not None
