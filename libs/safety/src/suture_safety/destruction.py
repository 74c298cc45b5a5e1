"""Words by which a client of a service says that it removes or ends something there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import shown

if TYPE_CHECKING:
    from suture_safety.bash.command import Command
    from suture_safety.paths import PathClasses

_DESTRUCTIVE = (
    "delete|del|destroy|purge|drop|remove|rm|rmi|revoke|disable|reset|wipe|flush|flushall|flushdb|terminate|kill"
    "|deregister|unregister|detach|prune|uninstall|archive|cancel|clear|clean|erase|truncate|expire|rollback|roll"
    "|unsubscribe|unlink|undeploy|abandon|decommission|evict|suspend|deactivate|invalidate|unpublish|yank|forget"
    "|factory-reset|demote|retire|unset|unassign|stop|shutdown|failover|downgrade|restore|nuke|teardown"
)
# The verb alone, or as the first or last part of a compound: delete-job, clear_permissions, kv:key-delete.
_DESTROYS = re.compile(
    rf"(?:{_DESTRUCTIVE})(?:[-_:][\w-]+)?|[^\W_]+(?:(?:_+|[-:])[^\W_]+)*(?:_+|[-:])(?:{_DESTRUCTIVE})|(?:create-)?invalidation",
    re.IGNORECASE,
)
_DESTROYING_OPTION = re.compile(
    r"--?(?:(?:delete|remove|purge|prune|wipe|destroy|drop|reset|revoke|erase)(?:-[\w-]+)?)"
)
_KEEPS = re.compile(r"--?(?:no|dont|skip|never)[-_].*|--dry-?run.*|--what-?if|--check|--help|-h")
_FIRST_WORDS = 6


def destroys(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A verb that removes or ends, among the first words, in the program's name, or as an option."""
    options = command.options
    if any(_KEEPS.fullmatch(option) for option in options) or not command.arguments:
        return None
    for word in command.operands[:_FIRST_WORDS]:
        if _DESTROYS.fullmatch(word):
            return shown(word)
    option = next((one for one in options if _DESTROYING_OPTION.fullmatch(one)), None)
    if option is not None:
        return option
    stem = command.name.rpartition(".")[0] or command.name
    return stem if re.search(r"(?:^|[-_])(?:delete|destroy|purge|wipe|remove|drop)(?:[-_]|$)", stem) else None
