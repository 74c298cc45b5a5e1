"""Bad input is refused by name to its sender, or kept as a dead letter; nothing runs, and all goes on."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractRobustChannel
from pamqp import commands
from suture_chassis.custody import seal
from suture_contracts import ids
from suture_contracts.base import Principal
from suture_contracts.commands import Execute, RemoveTarget
from suture_contracts.custody import APPROVAL, VERDICT, Approval, Verdict
from suture_contracts.events import Confidence, ScriptApproved
from suture_contracts.examples import example
from suture_contracts.script import Script, ScriptDocument
from suture_local.model_server import ModelAnswer

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

FINDING: dict[str, Any] = {
    "anomaly_id": "bad-input",
    "root_cause_category": "Configuration",
    "root_cause_details": "Missing configuration file for database connection",
    "confidence_score": "HIGH",
}
STRUCTURED = "application/cloudevents+json"


def json_of(**changes: Any) -> bytes:
    return json.dumps({**FINDING, **changes}).encode()


def raw_number(text: str) -> bytes:
    return json_of(confidence_score=0).replace(
        b'"confidence_score": 0', f'"confidence_score": {text}'.encode()
    )


BODIES: dict[str, tuple[bytes, str]] = {
    "broken JSON": (b"{broken", "body"),
    "an empty body": (b"", "body"),
    "a list": (b"[]", "body"),
    "a missing field": (b"{}", "anomaly_id"),
    "a wrong type": (json_of(anomaly_id={"$gt": ""}), "anomaly_id"),
    "an unknown category": (json_of(root_cause_category="Luck"), "root_cause_category"),
    "an unknown severity": (json_of(severity="grave"), "severity"),
    "a huge field": (json_of(root_cause_details="x" * 20_001), "root_cause_details"),
    "too many items": (json_of(suggested_actions=["x"] * 51), "suggested_actions"),
    "a NUL byte": (json_of(root_cause_details="a\x00b"), "root_cause_details"),
    "a lone surrogate": (json_of(root_cause_details="\ud800"), "body"),
    "invalid UTF-8": (json_of().replace(b"bad-input", b"bad-\xff\xfe"), "body"),
    "100,000 levels": (b'{"a":' * 100_000, "body"),
    "100,000 levels of an unknown field": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body"),
    "an integer of 10,000 digits": (raw_number("9" * 10_000), "body"),
    "1e999": (raw_number("1e999"), "confidence_score"),
    "NaN": (raw_number("NaN"), "confidence_score"),
    "10 MB": (json_of(root_cause_details="x" * 10_000_000), "body"),
}
ATTRIBUTES: dict[str, tuple[dict[str, Any], str]] = {
    "an id of 10 KB": ({"cloudEvents_id": "x" * 10_000}, "id"),
    "a source of control characters": ({"cloudEvents_source": "a\x1b[2Jb"}, "source"),
    "a table for an id": ({"cloudEvents_id": {"a": {"b": [1]}}}, "id"),
    "a time that is none": ({"cloudEvents_time": "yesterday"}, "time"),
    "an old version": ({"cloudEvents_specversion": "0.3"}, "specversion"),
    "no type": ({"cloudEvents_type": None}, "type"),
    "another routing key": ({"suture_routing_key": "rca.analyzed"}, "routing_key"),
    "another type than its routing key": ({"cloudEvents_type": "vulnerability.reported"}, "type"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_finding_on_the_broker_is_a_dead_letter(system: Any, bus: Any, name: str) -> None:
    body, field = BODIES[name]
    await bus.send("rca.received", body, id=(id := str(uuid4())), source="detector")
    await buried(system, id, field, "analyzer.rca.received", "gateway.journal")
    await goes_on(system, bus)


@pytest.mark.parametrize("name", ATTRIBUTES)
async def test_bad_attributes_are_named_in_the_dead_letter(system: Any, bus: Any, name: str) -> None:
    headers, field = ATTRIBUTES[name]
    id = await send_as(bus, headers)
    await buried(system, id, field, "analyzer.rca.received")
    await goes_on(system, bus)


@pytest.mark.parametrize(
    ("content_type", "body", "field"),
    [
        ("text/plain", json_of(), "datacontenttype"),
        ("application/cloudevents-batch+json", json_of(), "content_type"),
        (STRUCTURED, b"[" * 100_000, "body"),
        (STRUCTURED, b'{"data": ' + b"9" * 10_000 + b"}", "body"),
        (STRUCTURED, json_of(), "data"),
    ],
)
async def test_what_is_no_json_event_is_a_dead_letter(
    system: Any, bus: Any, content_type: str, body: bytes, field: str
) -> None:
    id = str(uuid4())
    await bus.send("rca.received", body, id=id, source="detector", content_type=content_type, headers=BARE)
    await buried(system, id, field, "analyzer.rca.received", "gateway.journal")
    await goes_on(system, bus)


BARE = dict.fromkeys(f"cloudEvents_{name}" for name in ("specversion", "source", "type", "time"))


def _text(value: bytes) -> bytes:
    return b"S" + struct.pack(">I", len(value)) + value


def _table(*entries: tuple[bytes, bytes]) -> bytes:
    packed = b"".join(bytes([len(name)]) + name + value for name, value in entries)
    return struct.pack(">I", len(packed)) + packed


def _nested(levels: int) -> bytes:
    value = _text(b"x")
    for _ in range(levels):
        value = b"F" + _table((b"a", value))
    return value


class Wrong(commands.Basic.Properties):
    """Properties as a stranger's own client may write them, byte for byte."""

    def __init__(self, id: str, name: bytes, value: bytes) -> None:
        super().__init__(message_id=id)
        given = {b"specversion": b"1.0", b"id": id.encode(), b"source": b"detector", b"type": b"rca.received"}
        attributes = [(b"cloudEvents_" + key, _text(text)) for key, text in given.items()]
        self.wrong = _table(*attributes, (name, value)) + bytes([2, len(id)]) + id.encode()

    def marshal(self) -> bytes:
        headers, delivery_mode, message_id = 1 << 13, 1 << 12, 1 << 7
        return struct.pack(">H", headers | delivery_mode | message_id) + self.wrong


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"when", b"T" + b"\xff" * 8),
        (b"deep", _nested(40)),
        (b"deeper", _nested(5_000)),
        (b"\xff\xfe", _text(b"x")),
    ],
    ids=["a time beyond the calendar", "nested tables", "5,000 nested tables", "a name that is no text"],
)
async def test_headers_that_no_client_could_read_do_no_harm(
    system: Any, program: Any, name: bytes, value: bytes
) -> None:
    id = str(uuid4())
    connection = await aio_pika.connect_robust(system.stack.broker_url)
    async with connection, connection.channel() as channel:
        assert isinstance(channel, AbstractRobustChannel)
        underlay = await channel.get_underlay_channel()
        await underlay.basic_publish(
            json_of(), exchange="suture.events", routing_key="rca.received", properties=Wrong(id, name, value)
        )
    await buried(system, id, "headers", "analyzer.rca.received", "gateway.journal")
    answer = await asyncio.to_thread(system.call, "operator", "POST", "/api/findings", program.finding())
    done = await asyncio.to_thread(system.wait, answer.json()["remediation_id"])
    assert done["state"] == "succeeded"


@pytest.mark.parametrize(
    "type_", ["rca.analyzed", "script.generated", "script.validated", "script.approved", "target.registered"]
)
@pytest.mark.parametrize("signed_by", [None, "supervisor", "gateway"])
async def test_an_event_that_is_not_its_publishers_is_a_dead_letter(
    system: Any, bus: Any, type_: str, signed_by: str | None
) -> None:
    body = example(type_).model_dump_json().encode()
    await bus.send(type_, body, as_=signed_by, id=(id := str(uuid4())))
    letter = await buried(system, id, "suture_signature", "gateway.journal")
    assert letter["error"] == "Forged"


@pytest.mark.parametrize(
    ("type_", "publisher", "consumer", "field"),
    [
        ("rehearsal.completed", "executor", "approver", "rehearsal_id"),
        ("execution.completed", "executor", "approver", "execution_id"),
        ("rollback.requested", "approver", "executor", "execution_id"),
    ],
)
async def test_an_event_before_what_it_follows_is_a_dead_letter(
    system: Any, bus: Any, type_: str, publisher: str, consumer: str, field: str
) -> None:
    content = {**json.loads(example(type_).model_dump_json()), "remediation_id": str(uuid4())}
    if type_ == "execution.completed":
        content["approval_id"] = str(uuid4())
    await bus.send(type_, json.dumps(content).encode(), as_=publisher, id=(id := str(uuid4())))
    await buried(system, id, field, f"{consumer}.{type_}")


async def test_another_finding_under_the_same_id_is_a_dead_letter(system: Any, bus: Any) -> None:
    id = str(uuid4())
    await bus.send("rca.received", json_of(severity="info"), id=id, source="detector")
    first = str(ids.remediation_id("detector", id))
    assert (await asyncio.to_thread(system.wait, first, "no_action"))["state"] == "no_action"
    await bus.send("rca.received", json_of(severity="high"), id=id, source="detector")
    letter = await buried(system, id, "id", "analyzer.rca.received")
    assert letter["error"] == "Conflict"
    assert system.remediation(first)["state"] == "no_action"


@pytest.mark.parametrize(
    "document", ['{"script_type":"bash","evil":true}', "[" * 100_000, '"text"', '{"script_type":"bash"}']
)
async def test_a_signed_script_that_is_no_script_is_rejected(system: Any, bus: Any, document: str) -> None:
    remediation = uuid4()
    content = json.loads(example("script.generated").model_dump_json())
    content |= {"remediation_id": str(remediation), "repairs_left": 0, "targets": []}
    content["script"] = {
        "script_id": str(ids.script_id(remediation)),
        "revision": 1,
        "document": document,
        "sha256": ids.sha256(document.encode()),
    }
    await bus.send("script.generated", json.dumps(content).encode(), as_="generator", id=str(uuid4()))
    found = await asyncio.to_thread(system.wait, str(remediation), "rejected")
    assert [one["rule_id"] for one in found["report"]["findings"]] == ["document.invalid"]


async def test_a_script_whose_digest_is_not_its_own_is_a_dead_letter(system: Any, bus: Any) -> None:
    content = json.loads(example("script.generated").model_dump_json())
    content["script"]["document"] += " "
    await bus.send("script.generated", json.dumps(content).encode(), as_="generator", id=(id := str(uuid4())))
    await buried(system, id, "script", "validator.script.generated", "gateway.journal")


async def test_an_expired_approval_runs_nothing(system: Any, program: Any, bus: Any) -> None:
    event = approved(system.stack.keys.signer, program, timedelta(seconds=-1))
    id = await bus.publish(event, as_="approver")
    await buried(system, id, "approval.not_after", "executor.script.approved")
    found = await asyncio.to_thread(system.wait, str(event.remediation_id), "not_applied")
    assert found["runs"] == [] or found["runs"][0]["outcome"] == "not_applied"
    assert not program.config.exists()


def approved(signer: Any, program: Any, window: timedelta) -> ScriptApproved:
    """A whole chain, signed by those who may, for a window that ends that long from now."""
    remediation, now = uuid4(), datetime.now(UTC)
    document = ScriptDocument(
        script_type="bash",
        body=f"#!/bin/bash\nset -euo pipefail\ncp {program.known_good} {program.config}\n",
        verify=f"#!/bin/bash\ntest -s {program.config}\n",
        writes=(str(program.config),),
        targets=(program.id,),
    )
    script = Script.of(ids.script_id(remediation), 1, document)
    approval_id = ids.approval_id(script.script_id, 1)
    verdict = Verdict(
        script_id=script.script_id, revision=1, ruleset="0" * 64, is_valid=True, safety_score=1.0,
        reversibility="exact", at=now,
    )  # fmt: skip
    granted = Approval(
        approval_id=approval_id, script_id=script.script_id, revision=1, mode="automatic",
        targets=(program.id,), not_before=now - timedelta(minutes=1), not_after=now + window,
    )  # fmt: skip

    def sealed(by: str, kind: str, predicate: Any) -> Any:
        return seal(
            signer(by),
            subject_name=f"script:{script.script_id}:1",
            subject_sha256=script.sha256,
            predicate_type=kind,
            predicate=predicate,
        )

    return ScriptApproved(
        remediation_id=remediation, sequence=1, causation_id="1", causation_digest="0" * 64, script=script,
        approval_id=approval_id, verdict=sealed("validator", VERDICT, verdict),
        approval=sealed("approver", APPROVAL, granted),
        confidence=Confidence(total=90, level="HIGH", parts={}), reversibility="exact",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "signed_by", "status", "field"),
    [
        ({}, None, 403, "suture_signature"),
        ({}, "validator", 403, "suture_signature"),
        ({"principal": Principal(id="admin", role="admin")}, "supervisor", 403, "principal"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "gateway", 410, "expires_at"),
        ({}, "gateway", 404, "target_id"),
    ],
    ids=["unsigned", "by a service that may not", "in another's name", "expired", "unknown target"],
)
async def test_a_bad_command_gets_a_named_reply(
    bus: Any, changes: dict[str, Any], signed_by: str, status: int, field: str
) -> None:
    given = {
        "command_id": str(uuid4()),
        "principal": Principal(id="supervisor", role="operator"),
        "issued_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(minutes=1),
    }
    reply = await bus.request(RemoveTarget(**{**given, **changes}, target_id="nobody"), as_=signed_by)
    assert (reply.status, reply.problem.field) == (status, field)
    assert reply.problem.remedy


async def test_a_command_that_nobody_waits_for_is_a_dead_letter(system: Any, bus: Any) -> None:
    now = datetime.now(UTC)
    command = Execute(
        command_id=str(uuid4()), principal=Principal(id="operator", role="operator"), issued_at=now,
        expires_at=now + timedelta(minutes=1), script_id=UUID(int=0),
    )  # fmt: skip
    id = await bus.publish(command, as_=None)
    await buried(system, id, "suture_signature", "executor.execute")


REQUESTS: dict[str, tuple[bytes, int, str | None]] = {
    "broken JSON": (b"{broken", 400, None),
    "no JSON at all": (b"\x00\x01\x02", 400, None),
    "a missing field": (b"{}", 422, "anomaly_id"),
    "a wrong type": (json_of(anomaly_id={"$gt": ""}), 422, "anomaly_id"),
    "an unknown category": (json_of(root_cause_category="Luck"), 422, "root_cause_category"),
    "a huge field": (json_of(root_cause_details="x" * 20_001), 422, "root_cause_details"),
    "a NUL byte": (json_of(root_cause_details="a\x00b"), 422, "root_cause_details"),
    "a lone surrogate": (json_of(root_cause_details="\ud800"), 422, "root_cause_details"),
    "invalid UTF-8": (json_of().replace(b"bad-input", b"bad-\xff\xfe"), 400, None),
    "a key twice": (b'{"anomaly_id": "a", "anomaly_id": "b"}', 400, "anomaly_id"),
    "100,000 levels": (b'{"a":' * 100_000, 422, None),
    "an integer of 10,000 digits": (raw_number("9" * 10_000), 400, None),
    "1e999": (raw_number("1e999"), 400, None),
    "10 MB": (json_of(root_cause_details="x" * 10_000_000), 413, None),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bad_request_gets_a_problem(system: Any, name: str) -> None:
    content, status, field = REQUESTS[name]
    refused(post(system, "/api/findings", content), status, field)
    assert post(system, "/api/findings", json_of(severity="info")).status_code == 202


@pytest.mark.parametrize("key", [b"a\tb", b"a b", b"", b"x" * 201, b"\xc3\xa9", b"a\x7f"])
def test_a_bad_idempotency_key_is_named(system: Any, key: bytes) -> None:
    answer = post(system, "/api/findings", json_of(severity="info"), {b"Idempotency-Key": key})
    refused(answer, 422, "Idempotency-Key")


def test_an_idempotency_key_for_another_request_is_refused(system: Any) -> None:
    key = {b"Idempotency-Key": uuid4().hex.encode()}
    assert post(system, "/api/findings", json_of(severity="info"), key).status_code == 202
    refused(post(system, "/api/findings", json_of(severity="low"), key), 422, "Idempotency-Key")


def test_an_unknown_key_path_method_and_script_are_named(system: Any) -> None:
    stranger = {"headers": {"Authorization": "Bearer guessed"}}
    refused(system.call("operator", "GET", "/api/targets", **stranger), 401, "Authorization")
    refused(system.call("operator", "GET", "/api/nothing"), 404, None)
    refused(system.call("operator", "DELETE", "/api/findings"), 405, None)
    path = f"/api/generative-remediation/scripts/{uuid4()}"
    refused(system.call("operator", "POST", f"{path}/execute", {}), 404, "script_id")
    decision = {"revision": 1, "digest": "0" * 64}
    refused(system.call("supervisor", "POST", f"{path}/approve", decision), 404, "script_id")
    refused(system.call("operator", "DELETE", "/api/targets/nobody"), 404, "target_id")


def test_a_template_with_an_unknown_parameter_is_refused(system: Any) -> None:
    template = {
        "id": f"t-{uuid4().hex[:8]}",
        "title": "Greets",
        "categories": ["Other"],
        "body": '#!/bin/bash\nset -euo pipefail\nname={{ nobody_said_this }}\necho "$name"\n',
    }
    answer = system.call("supervisor", "POST", "/api/generative-remediation/templates", template)
    refused(answer, 422, "template.body")
    assert "nobody_said_this" in answer.text


def test_a_root_that_is_no_folder_of_an_application_is_refused(
    system: Any, program: Any, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(program.root)
    for root in ("/", "/etc", f"{program.root}/../etc", str(tmp_path / "link"), str(tmp_path / "none"), 5):
        target = {**program.target(), "reach": {"root": root}}
        refused(system.call("operator", "POST", "/api/targets", target), 422, "target.reach.root")


def test_facts_beyond_every_bound_are_refused(system: Any, program: Any) -> None:
    many = program.target(**{f"fact_{number}": "x" * 20_000 for number in range(198)})
    refused(system.call("operator", "POST", "/api/targets", many), 413, None)
    long = program.target(fact="x" * 20_001)
    refused(system.call("operator", "POST", "/api/targets", long), 422, "facts")
    refused(system.call("operator", "POST", "/api/targets", program.target(number=2**70)), 400, None)


HOSTILE_FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "a command": ({"known_good_source": "$(touch MARK)"}, "known_good_source"),
    "a command in a path": ({"known_good_source": "/srv/$(touch MARK)"}, "known_good_source"),
    "a quote": ({"known_good_source": "/srv/'; touch MARK; '"}, "known_good_source"),
    "a new line": ({"config_path": "/srv/a\ntouch MARK\n"}, "config_path"),
    "a path that leaves its root": ({"config_path": "/srv/a/../../etc/passwd"}, "/srv/a/../../etc/passwd"),
    "a list": ({"config_path": ["/srv/a"]}, "config_path"),
}


@pytest.mark.parametrize("name", HOSTILE_FACTS)
def test_a_hostile_fact_makes_no_script_and_runs_nothing(
    system: Any, program: Any, make_program: Any, tmp_path: Path, name: str
) -> None:
    facts, named = HOSTILE_FACTS[name]
    mark = tmp_path / "mark"
    hostile = registered(
        system, make_program, tmp_path, json.loads(json.dumps(facts).replace("MARK", str(mark)))
    )
    system.model_server.answering = lambda request: ModelAnswer("not now", status=400)
    found = repaired(system, hostile.finding())
    assert found["state"] == "generation_failed"
    assert named in found["failure"]["reason"]
    assert repaired(system, program.finding())["state"] == "succeeded"
    assert not mark.exists()


def test_targets_that_differ_in_a_fact_get_no_common_script(
    system: Any, make_program: Any, tmp_path: Path
) -> None:
    one, other = (registered(system, make_program, tmp_path, {}) for _ in range(2))
    system.model_server.answering = lambda request: ModelAnswer("not now", status=400)
    found = repaired(system, one.finding(affected_systems=[one.id, other.id]))
    assert found["state"] == "generation_failed"
    assert "config_path" in found["failure"]["reason"]
    assert not one.config.exists()
    assert not other.config.exists()


def test_a_path_outside_the_root_is_not_applied(system: Any, make_program: Any, tmp_path: Path) -> None:
    before = Path("/etc/passwd").read_bytes()
    outside = registered(system, make_program, tmp_path, {"config_path": "/etc/passwd"})
    found = repaired(system, outside.finding())
    assert found["state"] in ("not_applied", "rejected")
    assert "/etc/passwd" in json.dumps([found["runs"], found["report"]])
    assert Path("/etc/passwd").read_bytes() == before


def registered(system: Any, make_program: Any, folder: Path, facts: dict[str, Any]) -> Any:
    """A program of its own with these facts, once findings about it reach it."""
    return system.register(make_program(folder, f"program-{uuid4().hex[:8]}"), **facts)


def repaired(system: Any, finding: dict[str, Any]) -> dict[str, Any]:
    """What became of a finding in the end."""
    return dict(system.wait(post(system, "/api/findings", finding).json()["remediation_id"]))


def post(
    system: Any, path: str, content: bytes | dict[str, Any], headers: dict[bytes, bytes] | None = None
) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    token = system.stack.tokens["operator"].encode()
    given = [(b"Authorization", b"Bearer " + token), (b"Content-Type", b"application/json")]
    with httpx.Client(base_url=system.stack.api_url, timeout=60, trust_env=False) as client:
        return client.post(path, content=body, headers=[*given, *(headers or {}).items()])


def refused(answer: httpx.Response, status: int, field: str | None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["title"]
    assert problem["detail"]
    assert problem["remedy"]
    assert problem.get("field") == field


async def send_as(bus: Any, headers: dict[str, Any]) -> str:
    id = str(uuid4())
    await bus.send("rca.received", json_of(), id=id, source="detector", headers=headers)
    return id


async def goes_on(system: Any, bus: Any) -> None:
    """A good finding behind the bad one, on the same queues, is analysed and journalled."""
    id = str(uuid4())
    await bus.send("rca.received", json_of(severity="info"), id=id, source="detector")
    await asyncio.to_thread(system.wait, str(ids.remediation_id("detector", id)), "no_action")


async def buried(system: Any, message_id: str, field: str, *queues: str) -> dict[str, Any]:
    """The dead letter of each of these queues, taken out; returns the last one."""
    return await asyncio.to_thread(_buried, system, message_id, field, queues)


def _buried(system: Any, message_id: str, field: str, queues: tuple[str, ...]) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while True:
        answer = system.call("operator", "GET", "/api/dead-letters?limit=200")
        assert answer.status_code == 200, answer.text
        found = {each["origin"]: each for each in answer.json()["dead_letters"] if _is(each, message_id)}
        if set(queues) <= found.keys():
            break
        assert time.monotonic() < deadline, f"of {message_id} only {sorted(found)} are dead letters"
        time.sleep(0.05)
    for letter in found.values():
        assert letter["reason"]
        assert letter["remedy"]
        assert system.call("operator", "DELETE", f"/api/dead-letters/{letter['id']}").status_code < 300
    for queue in queues:
        assert found[queue]["field"] == field, found[queue]["reason"]
    return dict(found[queues[-1]])


def _is(letter: dict[str, Any], message_id: str) -> bool:
    return bool(letter["message_id"] == message_id)
