"""What the safety analysis is held to, as data over the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from suture_contracts.report import SafetyFinding


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled text; ``row`` is its line of the file as it is."""

    file: str
    source: str
    tier: str
    row: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.row["text"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of a sample; ``worst`` is error, warning, info, none or crash, ``seconds`` of CPU."""

    sample: Sample
    worst: str
    findings: tuple[SafetyFinding, ...]
    seconds: float
    crash: str = ""

    @property
    def looked_at(self) -> bool:
        return self.worst in ("error", "warning")


@dataclass(frozen=True, slots=True)
class Measured:
    """The share of the texts of which it holds, and those that tell against the target."""

    share: float
    texts: int
    against: list[Verdict] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """``at_least``: the share must reach ``bound``; else it must not exceed it."""

    name: str
    applies: Callable[[Verdict], bool]
    true_of: Callable[[Verdict], bool]
    bound: float
    at_least: bool = True

    def measure(self, verdicts: list[Verdict]) -> Measured | None:
        """``None`` where no sample is concerned."""
        concerned = [one for one in verdicts if self.applies(one)]
        if not concerned:
            return None
        against = [one for one in concerned if self.true_of(one) != self.at_least]
        share = sum(self.true_of(one) for one in concerned) / len(concerned)
        return Measured(share, len(concerned), against)

    def holds(self, share: float) -> bool:
        return share >= self.bound if self.at_least else share <= self.bound

    def __str__(self) -> str:
        return f"{self.name} ({'at least' if self.at_least else 'at most'} {self.bound:.1%})"


def _in(file: str, *tiers: str) -> Callable[[Verdict], bool]:
    return lambda one: one.sample.file == file and (not tiers or one.sample.tier in tiers)


def _is_remediation(one: Verdict) -> bool:
    return one.sample.tier == "remediation" or one.sample.file == "benign_ansible"


def _looked_at(one: Verdict) -> bool:
    return one.looked_at


def _blocked(one: Verdict) -> bool:
    return one.worst == "error"


def _quiet(one: Verdict) -> bool:
    return one.worst in ("info", "none")


def _any(one: Verdict) -> bool:
    return one.worst in ("error", "warning", "info")


def _found_by_its_rule(one: Verdict) -> bool:
    wanted = set(one.sample.row["rules"])
    return any(finding.rule_id in wanted for finding in one.findings)


def _at_its_level(one: Verdict) -> bool:
    level = one.sample.row.get("level")
    # `restricted` holds everything that `baseline` holds.
    counted = ("baseline",) if level == "baseline" else ("baseline", "restricted")
    return any(finding.level in counted for finding in one.findings)


# A linter's name for a hazard, and the rules here that are about it.
_HAZARDS: dict[str, tuple[str, ...]] = {
    "AddingFieldWithDefault": ("volatile-default",),
    "AddingForeignKeyConstraint": ("add-constraint",),
    "AddingNotNullableField": ("set-not-null", "required-column"),
    "AddingRequiredField": ("required-column",),
    "AddingSerialPrimaryKeyField": ("add-constraint", "volatile-default"),
    "BanAlterDomainWithAddConstraint": ("add-constraint",),
    "BanCharField": ("padded-text",),
    "BanConcurrentIndexCreationInTransaction": ("concurrently-in-transaction",),
    "BanDropColumn": ("drop-column",),
    "BanDropDatabase": ("drop",),
    "BanDropNotNull": ("drop-constraint",),
    "BanDropTable": ("drop",),
    "BanTruncateCascade": ("truncate",),
    "BanUncommittedTransaction": ("uncommitted",),
    "ChangingColumnType": ("change-type",),
    "ConstraintMissingNotValid": ("add-constraint", "validated-at-once"),
    "DisallowedUniqueConstraint": ("add-constraint",),
    "IdentifierTooLong": ("long-name",),
    "PreferBigintOverInt": ("integer",),
    "PreferBigintOverSmallint": ("smallint",),
    "PreferIdentity": ("serial",),
    "PreferRepack": ("rewrite",),
    "PreferRobustStmts": ("not-repeatable",),
    "PreferTextField": ("bounded-text",),
    "PreferTimestampTz": ("no-time-zone",),
    "RenamingColumn": ("rename",),
    "RenamingTable": ("rename",),
    "RequireConcurrentIndexCreation": ("blocking-index",),
    "RequireConcurrentIndexDeletion": ("blocking-drop-index",),
    "RequireConcurrentPartitionDetach": ("detach",),
    "RequireConcurrentRefreshMatview": ("blocking-refresh",),
    "RequireConcurrentReindex": ("reindex",),
    "RequireEnumValueOrdering": ("enum-order",),
    "RequireTimeoutSettings": ("no-timeout",),
    "TransactionNesting": ("nested-transaction",),
}


def _flags_hazard(one: Verdict) -> bool:
    """Whether the hazard that an ``ok`` statement avoids is reported all the same."""
    about = _HAZARDS.get(str(one.sample.row.get("category", "")), ())
    return any(finding.rule_id in {f"sql.{name}" for name in about} for finding in one.findings)


TARGETS: tuple[Target, ...] = (
    Target("core_not_auto_approvable", _in("dangerous_bash", "core"), _looked_at, 0.97),
    Target("core_blocked", _in("dangerous_bash", "core"), _blocked, 0.80),
    Target("extended_not_auto_approvable", _in("dangerous_bash", "extended"), _looked_at, 0.75),
    Target("remediation_blocked", _is_remediation, _blocked, 0.005, at_least=False),
    Target("remediation_quiet", _is_remediation, _quiet, 0.70),
    Target("obfuscated_not_auto_approvable", _in("obfuscated"), _looked_at, 1.0),
    Target("obfuscated_found_by_its_rule", _in("obfuscated"), _found_by_its_rule, 0.5),
    Target("python_core_flagged", _in("python_bad", "core"), _looked_at, 0.95),
    Target("python_rest_told", _in("python_bad", "extended"), _any, 1.0),
    Target("python_standard_blocked", _in("python_standard"), _blocked, 0.05, at_least=False),
    Target("sql_bad_flagged", _in("sql_bad"), _any, 0.95),
    Target("sql_ok_quiet", _in("sql_ok", "clean_all_rules", "ok"), _quiet, 0.98),
    Target("sql_ok_without_its_hazard", _in("sql_ok", "clean_for_rule"), _flags_hazard, 0.0, at_least=False),
    Target("kubernetes_fail_at_level", _in("k8s_fail"), _at_its_level, 1.0),
    Target("kubernetes_pass_at_level", _in("k8s_pass"), _at_its_level, 0.0, at_least=False),
)
