"""What a script in no sandbox is held to: its declared paths, packages and units, before and after."""

from __future__ import annotations

import os

from suture_sandbox.runner import packages, snapshot, units
from suture_sandbox.runner.durable import read_json, write_json
from suture_sandbox.runner.tree import ABSENT, Root, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from suture_sandbox.runner.job import Job
    from suture_sandbox.runner.tree import Entries


class State:
    """The declared paths, all packages and units, at one time."""

    def __init__(self, entries: Entries, versions: packages.Versions, found: units.States) -> None:
        self.entries = entries
        self.versions = versions
        self.units = found


def keep(job: Job) -> State:
    """The state before the body, durably. Raises ``PathRefused``, ``Unknown``, ``OSError``."""
    folder = os.path.join(job.claim, "snapshot")
    entries = snapshot.take(Root(job.plan["root"]), job.plan["writes"], folder)
    state = State(entries, packages.versions(job.environment), _units(job))
    write_json(os.path.join(job.claim, "packages.json"), state.versions)
    write_json(os.path.join(job.claim, "units.json"), state.units)
    snapshot.make_durable(folder, entries)
    return state


def kept(job: Job) -> State | None:
    """What ``keep`` kept; ``None`` where it came to no end."""
    entries = snapshot.load(os.path.join(job.claim, "snapshot"))
    versions = read_json(os.path.join(job.claim, "packages.json"))
    found = read_json(os.path.join(job.claim, "units.json"))
    return None if entries is None or versions is None else State(entries, versions, found or {})


def keep_after(job: Job, state: State) -> None:
    write_json(os.path.join(job.claim, "after.json"), [state.entries, state.versions, state.units])


def kept_after(job: Job) -> State:
    return State(*read_json(os.path.join(job.claim, "after.json")))


def look(job: Job, known: State) -> State:
    """The present state, of all that is ``known``. Raises as ``keep`` does."""
    entries = snapshot.look(Root(job.plan["root"]), job.plan["writes"])
    for path in known.entries:
        entries.setdefault(path, dict(ABSENT))
    return State(entries, packages.versions(job.environment), _units(job))


def differing(before: State, after: State) -> dict[str, tuple[str, str]]:
    """Old and new word by path, and by package as ``package NAME``."""
    found = {
        path: (before.entries.get(path, ABSENT)["kind"], entry["kind"])
        for path, entry in after.entries.items()
        if not same(before.entries.get(path, ABSENT), entry)
    }
    for name, pair in packages.differing(before.versions, after.versions).items():
        found[f"package {name}"] = pair
    return found


def unlike_units(job: Job, before: State, only: set[str] | None) -> units.Changes:
    """See ``units.unlike``: those now, and ``only`` these where it says which."""
    found = units.unlike(before.units, _units(job))
    return {name: pair for name, pair in found.items() if only is None or name in only}


def named_units(job: Job, state: State) -> units.States:
    """The units that the script names."""
    return units.named(state.units, _names(job))


def _units(job: Job) -> units.States:
    return units.states(job.environment, _names(job))


def _names(job: Job) -> frozenset[str]:
    return units.names_in(job.plan["body"], job.plan["rollback"])
