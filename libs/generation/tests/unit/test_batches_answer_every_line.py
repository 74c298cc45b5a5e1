"""Each line of a batch ends in an outcome with its reason; answers beside a case are not looked at."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from suture_generation.batch import BatchGenerator
from suture_generation.providers import get_llm_client
from suture_safety import analyse_document

GENERATOR = BatchGenerator(get_llm_client("none"))
OPENSSL = {
    "cve": "CVE-2022-0778",
    "package": "openssl",
    "fixed_version": "1:1.1.1k-6.el8_5",
    "distro": "rocky",
    "distro_version": "8",
}


def generated(row: Any) -> dict[str, Any]:
    return asyncio.run(GENERATOR.generate(row)).as_row()


def incident(details: str, *objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"category": "kubernetes", "details": details, "affected_system": list(objects), **more}


def test_a_fixed_package_gets_exactly_its_version_by_its_distributions_manager() -> None:
    row = generated(OPENSSL)
    assert (row["outcome"], row["package_manager"], row["version"]) == (
        "generated",
        "dnf",
        "1:1.1.1k-6.el8_5",
    )
    assert "1:1.1.1k-6.el8_5" in row["script"]


@pytest.mark.parametrize("missing", [None, ""])
def test_no_version_is_invented_where_none_is_fixed(missing: str | None) -> None:
    row = generated(OPENSSL | {"fixed_version": missing})
    assert (row["outcome"], row["version"], row["script"]) == ("no_action", None, None)
    assert "no fixed version" in row["reason"]


def test_what_a_data_set_says_is_right_changes_nothing() -> None:
    answers = {
        "package_manager": "apt",
        "note": "use apt",
        "label": "no_fix",
        "expected_version": "9",
        "kind": "x",
    }
    assert generated(OPENSSL | answers) == generated(OPENSSL)


@pytest.mark.parametrize(
    ("details", "kind", "expected"),
    [
        ("the target port of the service is wrong", "Service", "kubernetes-service-target-port"),
        ("ImagePullBackOff: the image cannot be pulled", "Deployment", "kubernetes-rollout-undo"),
        ("a scheduled chaos mesh experiment delays requests", "Schedule", "kubernetes-chaos-schedule"),
        ("the workload was scaled to zero", "Deployment", "kubernetes-scale-up"),
        ("pods ask for a non-existent node", "StatefulSet", "kubernetes-node-selector"),
    ],
)
def test_an_incident_gets_a_script_for_the_object_that_it_names(
    details: str, kind: str, expected: str
) -> None:
    made = asyncio.run(
        GENERATOR.generate(incident(details, {"kind": kind, "name": "cart", "namespace": "shop"}))
    )
    assert made.template == expected
    assert made.document is not None
    assert "namespace=shop" in made.document.body
    assert "cart" in made.document.body
    assert analyse_document(made.document).is_valid


def test_several_workloads_are_undone_together() -> None:
    named = [{"kind": "Deployment", "name": name, "namespace": "shop"} for name in ("cart", "checkout")]
    row = generated(incident("a bad rollout: invalid command", *named))
    assert row["targets"] == ["shop/deployment/cart", "shop/deployment/checkout"]


def test_a_namespace_that_is_not_named_is_looked_up_when_the_script_runs() -> None:
    row = generated(incident("a bad rollout", {"kind": "microservice", "name": "cart", "namespace": None}))
    assert "namespace=\n" in row["script"]
    assert "in no namespace, or in several; nothing was changed" in row["script"]


def test_a_finding_that_names_nothing_needs_no_action() -> None:
    row = generated(incident("Something is slow", {"kind": None, "name": None, "namespace": None}))
    assert row["outcome"] == "no_action"
    assert "names no object" in row["reason"]


@pytest.mark.parametrize("name", ["cart; reboot", "$(reboot)", "-A", "../x", "a\nb", "x" * 1_000])
def test_a_name_that_is_none_never_reaches_a_script(name: str) -> None:
    row = generated(incident("a bad rollout", {"kind": "Deployment", "name": name, "namespace": "shop"}))
    assert row["outcome"] != "generated"


@pytest.mark.parametrize("row", [None, 7, [], "text", {}, {"cve": "CVE-1", "package": 7}])
def test_a_line_that_is_nothing_known_fails_with_its_reason(row: Any) -> None:
    made = generated(row)
    assert made["outcome"] == "generation_failed"
    assert made["reason"]
