"""An organisation's policy: one YAML file that says what is allowed, over what the rules say.

It can raise and lower severities and forbid more; what could not be read or was over a bound stays an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from suture_safety.amounts import UNBOUNDED
from suture_safety.bash.values import ANY, UNKNOWN, shown
from suture_safety.collector import Effects, finding
from suture_safety.images import registry, spellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from suture_contracts.report import Part, SafetyFinding

Severity = Literal["error", "warning", "info", "off"]
_SEVERITIES = ("error", "warning", "info", "off")
_LISTS = ("commands", "paths", "hosts", "images", "registries", "users", "service_accounts")
_TEXT_LIMITS = ("lines", "characters")
_RUN_LIMITS = ("timeout_seconds", "memory_mb", "processes", "cpu_seconds", "file_size_mb", "output_bytes")
_MANIFEST_LIMITS = ("container_memory_mb", "container_millicpu", "replicas", "job_seconds")
_LIMITS = (*_TEXT_LIMITS, *_RUN_LIMITS, *_MANIFEST_LIMITS)
_FIXED = ("bounds.", "text.")
_MAX_ENTRIES = 2_000


class InvalidPolicy(ValueError):
    """The policy cannot be used; the text names the field and the remedy."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Patterns as in a shell; ``allowed`` empty: everything that is not forbidden."""

    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()

    def refuses(self, *names: str) -> bool:
        """``names``: all that one thing is called; each ``*`` in them stands for what is not known."""
        if any(fnmatchcase(name, pattern) for pattern in self.forbidden for name in names):
            return True
        if not self.allowed:
            return False
        return not any(fnmatchcase(name, pattern) for pattern in self.allowed for name in names)

    def may_refuse(self, *names: str) -> bool:
        """Whether what is not known of the names leaves room for something forbidden."""
        return any("*" in name and fnmatchcase(pattern, name) for pattern in self.forbidden for name in names)


@dataclass(frozen=True, slots=True)
class Policy:
    """``targets`` holds what is different for one kind of target."""

    severities: dict[str, Severity] = field(default_factory=dict)
    lists: dict[str, Allowed] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    targets: dict[str, Policy] = field(default_factory=dict)

    def of_target(self, kind: str | None) -> Policy:
        """The policy for one kind of target: its own entries over the general ones."""
        own = self.targets.get(kind or "")
        if own is None:
            return self
        return replace(
            self,
            severities={**self.severities, **own.severities},
            lists={**self.lists, **own.lists},
            limits={**self.limits, **own.limits},
        )


_used: list[Policy] = []


def use_policy(policy: Policy) -> None:
    """The policy of this process, for whoever names none."""
    _used[:] = [policy]


def used_policy() -> Policy | None:
    return _used[0] if _used else None


def read_policy(text: str) -> Policy:
    """A policy from YAML. Raises ``InvalidPolicy``."""
    import yaml

    from suture_safety.bounds import BoundExceeded, Budget
    from suture_safety.yaml_reader import BrokenYaml, read_documents

    try:
        if len(read_documents(text, Budget())) != 1:
            raise InvalidPolicy("holds no or several documents; keep one")
        return _policy(yaml.safe_load(text), "policy", nested=False)
    except (BrokenYaml, BoundExceeded) as error:
        raise InvalidPolicy(f"is not usable YAML: {error}") from error


def _policy(entry: Any, where: str, *, nested: bool) -> Policy:
    if not isinstance(entry, dict):
        raise InvalidPolicy(f"{where}: is no mapping")
    known = {"severities", "limits", *_LISTS, *(() if nested else ("targets",))}
    if unknown := sorted(str(key) for key in set(entry) - known):
        raise InvalidPolicy(f"{where}: unknown keys {unknown}; known are {sorted(known)}")
    severities = _mapping(entry, "severities", where)
    for rule, severity in severities.items():
        if severity not in _SEVERITIES and severity is not False:  # YAML reads `off` as false
            raise InvalidPolicy(f"{where}.severities.{rule}: must be one of {', '.join(_SEVERITIES)}")
    limits = _mapping(entry, "limits", where)
    for name, value in limits.items():
        if name not in _LIMITS or not isinstance(value, int) or value < 1:
            raise InvalidPolicy(
                f"{where}.limits.{name}: must be one of {', '.join(_LIMITS)}, a number above 0"
            )
    return Policy(
        {rule: "off" if severity is False else severity for rule, severity in severities.items()},
        {name: _allowed(entry[name], f"{where}.{name}") for name in _LISTS if name in entry},
        limits,
        {
            kind: _policy(one, f"{where}.targets.{kind}", nested=True)
            for kind, one in _mapping(entry, "targets", where).items()
        },
    )


def _mapping(entry: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    found = entry.get(key, {})
    if not isinstance(found, dict) or len(found) > _MAX_ENTRIES:
        raise InvalidPolicy(f"{where}.{key}: must be a mapping of at most {_MAX_ENTRIES:,} entries")
    return {str(name): value for name, value in found.items()}


def _allowed(entry: Any, where: str) -> Allowed:
    if not isinstance(entry, dict) or set(entry) - {"allowed", "forbidden"}:
        raise InvalidPolicy(f"{where}: must have allowed or forbidden, and nothing else")
    lists: dict[str, tuple[str, ...]] = {}
    for key, patterns in entry.items():
        good = isinstance(patterns, list) and len(patterns) <= _MAX_ENTRIES
        if not good or not all(isinstance(one, str) for one in patterns):
            raise InvalidPolicy(f"{where}.{key}: must be a list of at most {_MAX_ENTRIES:,} texts")
        lists[key] = tuple(patterns)
    return Allowed(**lists)


def apply_policy(
    policy: Policy, text: str, findings: list[SafetyFinding], effects: Effects, part: Part = "body"
) -> list[SafetyFinding]:
    """The findings as the policy weighs them, and those that are its own."""
    kept = [weighed for one in findings if (weighed := _weighed(policy, one)) is not None]
    for kind, allowed in policy.lists.items():
        for name, (line, column), names in _named(kind, effects):
            refused = allowed.refuses(*names)
            if not refused and not allowed.may_refuse(*names):
                continue
            does = "does not" if refused else "may not"
            message = f"the policy {does} allow {shown(name)} among {kind}"
            remedy = "Do without it, or have the policy changed."
            kept.append(finding(f"policy.{kind}", "error", message, remedy, line, column, part))
    for name, size in (("lines", text.count("\n") + 1), ("characters", len(text))):
        if size > policy.limits.get(name, size):
            message = f"has {size:,} {name}; the policy allows {policy.limits[name]:,}"
            kept.append(finding("policy.limits", "error", message, "Make it shorter.", part=part))
    for name, (asked, (line, column)) in effects.amounts.items():
        if asked > policy.limits.get(name, asked):
            does = "does not bound" if asked == UNBOUNDED else f"asks for {asked:,} of"
            message = f"{does} {name}; the policy allows {policy.limits[name]:,}"
            remedy = "Ask for that or less in the manifest, or have the policy changed."
            kept.append(finding("policy.limits", "error", message, remedy, line, column, part))
    return kept


def for_targets(
    policy: Policy,
    kinds: Sequence[str],
    text: str,
    findings: list[SafetyFinding],
    effects: Effects,
    part: Part,
) -> list[SafetyFinding]:
    """As ``apply_policy`` for each of these kinds of target: what any of them forbids is forbidden."""
    found: dict[tuple[str, str, int, int], SafetyFinding] = {}
    for kind in kinds or (None,):
        for one in apply_policy(policy.of_target(kind), text, findings, effects, part):
            key = (one.rule_id, one.message, one.line, one.column)
            known = found.get(key)
            if known is None or _SEVERITIES.index(one.severity) < _SEVERITIES.index(known.severity):
                found[key] = one
    return list(found.values())


def limits_over(policy: Policy, kinds: Sequence[str], limits: dict[str, int]) -> list[SafetyFinding]:
    """What a script may use up, where that is more than the policy allows on any of these kinds of target."""
    found: dict[str, SafetyFinding] = {}
    for kind in kinds or (None,):
        bounds = policy.of_target(kind).limits
        for name in _RUN_LIMITS:
            if limits[name] > bounds.get(name, limits[name]):
                message = f"limits.{name} is {limits[name]:,}; the policy allows {bounds[name]:,}"
                remedy = "Ask for less, or have the policy changed."
                found[message] = finding("policy.limits", "error", message, remedy, part="document")
    return list(found.values())


def _weighed(policy: Policy, one: SafetyFinding) -> SafetyFinding | None:
    severity = policy.severities.get(one.rule_id) or policy.severities.get(
        one.rule_id.partition(".")[0] + ".*"
    )
    if severity is None or one.rule_id.startswith(_FIXED) or one.rule_id.endswith(".syntax"):
        return one
    return None if severity == "off" else replace(one, severity=severity)


def _named(kind: str, effects: Effects) -> Iterator[tuple[str, tuple[int, int], tuple[str, ...]]]:
    """What a list of this kind is held against: its name, its place, and all that it is called."""
    if kind == "images":
        yield from ((image, where, spellings(image)) for image, where in effects.images.items())
        return
    found: dict[str, tuple[int, int]] = {}
    if kind == "registries":
        for image, where in effects.images.items():
            found.setdefault(registry(image), where)
    elif kind == "hosts":
        for address, where in effects.egress.items():
            found.setdefault(address.rpartition(":")[0].lower(), where)
    elif kind == "users":
        found = effects.users
    elif kind == "service_accounts":
        found = effects.service_accounts
    elif kind == "paths":
        # Where the script is by then is not known: such a path may lie anywhere.
        found = {name if name.startswith("/") else ANY: where for name, where in effects.writes.items()}
    else:
        found = dict.fromkeys(effects.executes, (1, 1))
    for name, where in found.items():
        yield name, where, (UNKNOWN.sub("*", name),)
