"""Which registered targets a request means."""

from __future__ import annotations

from typing import Any

import pytest
from suture_analyzer.domain import MAX_TARGETS, Registry, Request, TooManyTargets
from suture_contracts.base import Principal
from suture_contracts.findings import RcaReceived
from suture_contracts.target import Target


def target(id: str, owner: str = "team", services: Any = ()) -> Target:
    return Target(id=id, kind="local", owner=owner, facts={"services": services})


def request(*systems: str, asker: Principal | None = None) -> Request:
    message = RcaReceived(
        anomaly_id="a-1",
        root_cause_category="Other",
        root_cause_details="broken",
        confidence_score=0.5,
        affected_systems=systems,
    )
    return Request(message, "automatic", asker)


def found(registry: Registry, asked: Request) -> list[str]:
    return [target.id for target in registry.resolve(asked)]


def test_a_system_is_a_targets_id_or_one_of_its_services() -> None:
    registry = Registry(
        [target("a", services=["orders"]), target("b", services=["orders", "billing"]), target("c")]
    )
    assert found(registry, request("c")) == ["c"]
    assert found(registry, request("orders")) == ["a", "b"]
    assert found(registry, request("billing", "c", "unknown")) == ["b", "c"]
    assert found(registry, request("unknown")) == []
    assert found(registry, request()) == []


def test_an_agent_that_names_no_system_means_its_own_targets() -> None:
    registry = Registry([target("a", owner="agent-1"), target("b", owner="agent-2")])
    agent = Principal(id="agent-1", role="agent")
    assert found(registry, request(asker=agent)) == ["a"]
    assert found(registry, request("b", asker=agent)) == ["b"]
    assert found(registry, request(asker=Principal(id="agent-1", role="operator"))) == []


def test_an_updated_target_loses_its_old_names() -> None:
    registry = Registry([target("a", owner="one", services=["orders"])])
    registry.put(target("a", owner="two", services=["billing"]))
    assert found(registry, request("orders")) == []
    assert found(registry, request("billing")) == ["a"]
    assert found(registry, request(asker=Principal(id="one", role="agent"))) == []
    registry.remove("a")
    registry.remove("a")
    assert found(registry, request("a", "billing")) == []


@pytest.mark.parametrize("services", ["orders", 7, None, [1, {"a": 2}], {"orders": True}])
def test_services_of_another_shape_name_nothing(services: Any) -> None:
    assert found(Registry([target("a", services=services)]), request("orders", "o")) == []


def test_more_targets_than_a_script_may_have_are_refused() -> None:
    registry = Registry([target(f"t{number}", services=["all"]) for number in range(MAX_TARGETS + 1)])
    with pytest.raises(TooManyTargets, match="101"):
        registry.resolve(request("all"))


def test_a_stored_request_comes_back_as_it_was() -> None:
    asked = request("a", asker=Principal(id="agent-1", role="agent"))
    assert Request.of(asked.stored()) == asked
    assert asked.digest() == Request.of(asked.stored()).digest()
    assert asked.digest() != request("b", asker=asked.requested_by).digest()
