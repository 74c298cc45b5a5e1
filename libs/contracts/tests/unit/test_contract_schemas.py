"""The contract as others see it: whoever breaks it sees the difference here."""

from __future__ import annotations

import difflib

import pytest
from suture_contracts import schemas, topology
from suture_contracts.examples import example

NAMES = sorted(schemas.messages())


def test_committed_schemas_are_those_of_the_models() -> None:
    rendered = schemas.rendered()
    committed = {path.name: path.read_text() for path in schemas.FOLDER.glob("*.json")}
    difference = [
        line
        for name in sorted(rendered.keys() | committed.keys())
        for line in difflib.unified_diff(
            committed.get(name, "").splitlines(),
            rendered.get(name, "").splitlines(),
            f"committed/{name}",
            f"models/{name}",
            lineterm="",
        )
    ]
    assert not difference, "the contract changed; if that is meant, run `make schemas`:\n" + "\n".join(
        difference
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_message_has_an_example_that_survives_the_wire(name: str) -> None:
    message = example(name)
    assert type(message).model_validate_json(message.model_dump_json()) == message
    assert name == message.TYPE


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_a_newer_producer_does_not_break_a_consumer(name: str) -> None:
    message = example(name)
    newer = {**message.model_dump(mode="json"), "field_of_tomorrow": 1}
    assert type(message).model_validate(newer) == message


def test_every_event_of_ours_has_one_publisher_and_every_command_one_owner() -> None:
    public = {"rca.received", "vulnerability.reported"}
    assert set(topology.PUBLISHERS) | public == set(topology.EVENTS)
    assert set(topology.OWNERS) == set(topology.COMMANDS)


def test_the_public_spine_keeps_its_names() -> None:
    spine = ["rca.received", "script.generated", "script.validated", "script.approved", "execution.completed"]
    assert [topology.EVENTS[name].TYPE for name in spine] == spine


def test_asyncapi_names_a_channel_for_every_message() -> None:
    assert sorted(schemas.asyncapi()["channels"]) == NAMES


def test_every_work_queue_is_durable_bounded_and_leads_to_the_dead_letters() -> None:
    work = [queue for service in topology.SERVICES for queue in topology.work_queues(service)]
    assert len({queue.name for queue in work}) == len(work)
    for queue in work:
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-dead-letter-exchange"] == topology.DEAD_EXCHANGE
        assert queue.arguments["x-delivery-limit"] >= 10
