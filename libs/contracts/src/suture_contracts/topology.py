"""Everything that stands on the broker, in one place; every service declares all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from suture_contracts import commands, events, findings
from suture_contracts.base import Command, Event

EVENTS_EXCHANGE = "suture.events"
COMMANDS_EXCHANGE = "suture.commands"
DEAD_EXCHANGE = "suture.dead"
DEAD_QUEUE = "suture.dead-letters"
SUPERVISORS_QUEUE = "supervisors.approvals"
DELAYS_SECONDS = (5, 30, 300)
DELIVERY_LIMIT = 20
PREFETCH = 64

SERVICES = ("analyzer", "generator", "validator", "approver", "executor", "gateway")

EVENTS: dict[str, type[Event]] = {
    message.TYPE: message
    for message in (
        findings.RcaReceived,
        findings.VulnerabilityReported,
        events.RcaAnalyzed,
        events.ScriptGenerated,
        events.ScriptGenerationFailed,
        events.ScriptValidated,
        events.ScriptRejected,
        events.RehearsalRequested,
        events.RehearsalCompleted,
        events.ApprovalRequested,
        events.ScriptApproved,
        events.ScriptDenied,
        events.ScriptLapsed,
        events.RollbackRequested,
        events.ExecutionRefused,
        events.ExecutionStarted,
        events.ExecutionCompleted,
        events.TargetRegistered,
        events.TargetUpdated,
        events.TargetRemoved,
    )
}

COMMANDS: dict[str, type[Command]] = {
    message.TYPE: message
    for message in (
        commands.Generate,
        commands.SubmitScript,
        commands.Batch,
        commands.ShowSpending,
        commands.ListTemplates,
        commands.CreateTemplate,
        commands.UpdateTemplate,
        commands.DeleteTemplate,
        commands.Validate,
        commands.Approve,
        commands.Deny,
        commands.RequestRollback,
        commands.Execute,
        commands.Stop,
        commands.Resume,
        commands.ShowProgress,
        commands.ReportResult,
        commands.TakeLease,
        commands.RenewLease,
        commands.EndLease,
        commands.RegisterTarget,
        commands.RemoveTarget,
        commands.ListTargets,
        commands.CheckTarget,
    )
}

PUBLISHERS: dict[str, str] = {
    "rca.analyzed": "analyzer",
    "script.generated": "generator",
    "script.generation_failed": "generator",
    "script.validated": "validator",
    "script.rejected": "validator",
    "rehearsal.requested": "approver",
    "approval.requested": "approver",
    "script.approved": "approver",
    "script.denied": "approver",
    "script.lapsed": "approver",
    "rollback.requested": "approver",
    "rehearsal.completed": "executor",
    "execution.refused": "executor",
    "execution.started": "executor",
    "execution.completed": "executor",
    "target.registered": "executor",
    "target.updated": "executor",
    "target.removed": "executor",
}
"""Who alone may publish an event. What is not here (the two findings) comes from outside, unsigned."""

OWNERS: dict[str, str] = {
    "generate": "analyzer",
    "submit-script": "analyzer",
    "batch": "analyzer",
    "show-spending": "generator",
    "list-templates": "analyzer",
    "create-template": "analyzer",
    "update-template": "analyzer",
    "delete-template": "analyzer",
    "validate": "validator",
    "approve": "approver",
    "deny": "approver",
    "request-rollback": "approver",
    "execute": "executor",
    "stop": "executor",
    "resume": "executor",
    "show-progress": "executor",
    "report-result": "executor",
    "take-lease": "executor",
    "renew-lease": "executor",
    "end-lease": "executor",
    "register-target": "executor",
    "remove-target": "executor",
    "list-targets": "executor",
    "check-target": "executor",
}
"""Which service owns a command."""

CONSUMED: dict[str, tuple[str, ...]] = {
    "analyzer": (
        "rca.received",
        "vulnerability.reported",
        "target.registered",
        "target.updated",
        "target.removed",
    ),
    "generator": ("rca.analyzed", "script.rejected", "script.lapsed", "execution.completed"),
    "validator": ("script.generated",),
    "approver": (
        "script.validated",
        "rehearsal.completed",
        "execution.refused",
        "execution.completed",
        "target.registered",
        "target.updated",
        "target.removed",
    ),
    "executor": ("script.approved", "rehearsal.requested", "rollback.requested"),
}
"""The events that each service consumes, besides the gateway, which journals every one."""

JOURNAL_QUEUE = "gateway.journal"


@dataclass(frozen=True)
class Exchange:
    name: str
    type: str = "topic"


@dataclass(frozen=True)
class Queue:
    """A durable quorum queue; ``bindings`` are pairs of exchange and routing key."""

    name: str
    bindings: tuple[tuple[str, str], ...]
    arguments: dict[str, Any] = field(default_factory=dict)


def delay_exchange(seconds: int) -> str:
    return f"suture.delay.{seconds}s"


def work_queue(service: str, message_type: str) -> str:
    return f"{service}.{message_type}"


def exchanges() -> tuple[Exchange, ...]:
    delays = tuple(Exchange(delay_exchange(seconds)) for seconds in DELAYS_SECONDS)
    return (
        Exchange(EVENTS_EXCHANGE),
        Exchange(COMMANDS_EXCHANGE),
        Exchange(DEAD_EXCHANGE, "fanout"),
        *delays,
    )


def work_queues(service: str) -> tuple[Queue, ...]:
    """The queues that one service consumes."""
    if service == "gateway":
        return (_work(JOURNAL_QUEUE, EVENTS_EXCHANGE, "#"),)
    consumed = [_work(work_queue(service, key), EVENTS_EXCHANGE, key) for key in CONSUMED[service]]
    owned = [key for key, owner in OWNERS.items() if owner == service]
    return (*consumed, *(_work(work_queue(service, key), COMMANDS_EXCHANGE, key) for key in owned))


def other_queues() -> tuple[Queue, ...]:
    """The queues that no service consumes: supervisors', delays, dead letters."""
    # A message waits in a delay queue with its work queue's name as routing key: when its time is up, the
    # default exchange takes it back there.
    delays = tuple(
        Queue(
            delay_exchange(seconds),
            ((delay_exchange(seconds), "#"),),
            {
                "x-queue-type": "quorum",
                "x-message-ttl": seconds * 1000,
                "x-dead-letter-exchange": "",
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        for seconds in DELAYS_SECONDS
    )
    # Listing dead letters takes and returns them, which counts as deliveries: no limit that could drop one.
    unlimited = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000}
    return (
        Queue(SUPERVISORS_QUEUE, ((EVENTS_EXCHANGE, "approval.requested"),), unlimited),
        Queue(DEAD_QUEUE, ((DEAD_EXCHANGE, "#"),), unlimited),
        *delays,
    )


def queues() -> tuple[Queue, ...]:
    return (*(queue for service in SERVICES for queue in work_queues(service)), *other_queues())


def _work(name: str, exchange: str, key: str) -> Queue:
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    return Queue(name, ((exchange, key),), arguments)
