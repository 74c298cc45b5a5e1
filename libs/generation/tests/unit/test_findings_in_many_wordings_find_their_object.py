"""Alerts, people and detectors say the same in other words: template and object are found all the same."""

from __future__ import annotations

from typing import Any

import pytest
from suture_generation.analysis import Templates, analyze_rca
from suture_generation.batch import BatchGenerator, Generated
from suture_generation.catalog import released_templates
from suture_generation.providers import get_llm_client
from suture_generation.rows import category_of, read_row

TEMPLATES = Templates(released_templates())
GENERATOR = BatchGenerator(get_llm_client("none"))


async def made_of(details: str, **fields: Any) -> Generated:
    return await GENERATOR.generate({"details": details, **fields})


@pytest.mark.parametrize(
    ("details", "template", "namespace", "workload"),
    [
        (
            "KubePodCrashLooping: Pod shop/checkout-7d9f8b6c5d-x2x4z in CrashLoopBackOff since the deploy",
            "kubernetes-rollout-undo",
            "shop",
            "deployment/checkout",
        ),
        (
            'KubeContainerWaiting pod="ship-6f8d9c7b5-lk2mn" namespace="boutique" reason=ImagePullBackOff',
            "kubernetes-rollout-undo",
            "boutique",
            "deployment/ship",
        ),
        ("kafka-0 pod is in a crash loop, -n infra", "kubernetes-rollout-undo", "infra", "statefulset/kafka"),
        (
            "Somebody scaled deployment user-service to 0 replicas; it was never scaled back",
            "kubernetes-scale-up",
            None,
            "deployment/user-service",
        ),
        ("deployment cart in namespace web: OOMKilled", "kubernetes-memory-limit", "web", "deployment/cart"),
        (
            "statefulset/elastic: the memory limit is too low",
            "kubernetes-memory-limit",
            None,
            "statefulset/elastic",
        ),
        (
            "Pods of deployment orders-worker are Pending: 5 Insufficient cpu",
            "kubernetes-cpu-request",
            None,
            "deployment/orders-worker",
        ),
        (
            "The init container of deployment named mail crashes: /init.sh: syntax error",
            "kubernetes-rollout-undo",
            None,
            "deployment/mail",
        ),
    ],
)
async def test_a_workload_is_found_however_it_is_written(
    details: str, template: str, namespace: str | None, workload: str
) -> None:
    made = await made_of(details)
    assert (made.category, made.template) == ("Kubernetes", template), made.reason
    assert made.document is not None
    given = made.document.parameters
    assert workload in (given.get("workload"), *given.get("workloads", ()))
    assert given.get("namespace") == namespace


@pytest.mark.parametrize(
    "details",
    [
        "the deployment in the same namespace is slow",
        "a deployment named after the team, and the service called by another one, crash",
        "pods of some deployment in namespace where nobody looks do not respond",
        "check every deployment/pod and configmap/secret: something hangs",
    ],
)
async def test_ordinary_words_are_no_names(details: str) -> None:
    made = await made_of(details)
    assert made.document is None or not {"same", "after", "where", "pod", "by", "secret"} & {
        str(value).rpartition("/")[2] for value in made.document.parameters.values()
    }


@pytest.mark.parametrize(
    ("text", "category"),
    [
        (
            "NodeFilesystemAlmostOutOfSpace: / at web01 has only 2.1% available space left",
            "ResourceExhaustion",
        ),
        ("nginx: accept4() failed (24: Too many open files)", "ResourceExhaustion"),
        ("bind() to 0.0.0.0:80 failed (98: Address already in use)", "ServiceFailure"),
        ("Name resolution fails, the nameserver does not answer", "Network"),
        ("Table events is bloated: 80% dead tuples", "Database"),
        ("TLSv1.0 still enabled", "Security"),
        ("node/ip-10-0-1-7 was left cordoned after the drain", "Kubernetes"),
        ("The moon is full", "Other"),
    ],
)
def test_a_category_that_nobody_names_is_that_of_the_templates_which_fit(text: str, category: str) -> None:
    assert category_of(text) == category


@pytest.mark.parametrize(
    ("category", "text", "expected"),
    [
        (
            "ServiceFailure",
            "orders.service is in failed state, start-limit-hit after 5 restarts",
            "service-crash-loop",
        ),
        ("ServiceFailure", "orders cannot start because redis-server is stopped", "start-dependency"),
        ("Network", "db.internal resolves to an old address from /etc/hosts", "hosts-entry"),
        (
            "Database",
            "Index orders_customer is INVALID after CREATE INDEX CONCURRENTLY",
            "postgres-invalid-index",
        ),
        ("Security", "kernel.randomize_va_space is 0", "kernel-setting"),
        ("Database", "Waiting for changelog lock.... Liquibase", "liquibase-lock"),
        ("Security", "SSL problem: unable to get local issuer certificate", "ca-bundle-entry"),
        ("ServiceFailure", "refuses to start: stale pid file", "stale-lock-file"),
    ],
)
def test_the_template_that_says_it_most_exactly_is_chosen(category: str, text: str, expected: str) -> None:
    fields = {"root_cause_category": category, "root_cause_details": text, "confidence_score": "HIGH"}
    row = read_row({"anomaly_id": "a", "affected_systems": ["web01"], **fields}, 1)
    chosen = analyze_rca(row.message, (), TEMPLATES).template  # type: ignore[arg-type]
    assert (chosen.id if chosen else None) == expected


@pytest.mark.parametrize(
    ("row", "manager", "version"),
    [
        (
            {
                "cve_id": "CVE-1",
                "package_name": "openssl",
                "fix_version": "3.0.13-1~deb12u1",
                "os": "Debian 12",
            },
            "apt",
            "3.0.13-1~deb12u1",
        ),
        (
            {
                "VulnerabilityID": "CVE-2",
                "PkgName": "glibc",
                "InstalledVersion": "2.34-60.el9",
                "FixedVersion": "2.34-100.el9_4.2",
                "platform": "AlmaLinux 9",
            },
            "dnf",
            "2.34-100.el9_4.2",
        ),
        (
            {
                "id": "DSA-1",
                "aliases": ["CVE-3"],
                "affected": [
                    {
                        "package": {"ecosystem": "Debian:12", "name": "curl"},
                        "ranges": [{"events": [{"introduced": "0"}, {"fixed": "7.88.1-10+deb12u6"}]}],
                    }
                ],
            },
            "apt",
            "7.88.1-10+deb12u6",
        ),
        (
            {
                "cve": "CVE-4",
                "package": "bind",
                "fixed_version": "32:9.11.36-11.el8_9",
                "distro": "cpe:/o:redhat:enterprise_linux:8",
            },
            "dnf",
            "32:9.11.36-11.el8_9",
        ),
    ],
)
async def test_advisories_are_read_in_the_forms_that_others_give_them(
    row: dict[str, Any], manager: str, version: str
) -> None:
    made = await GENERATOR.generate(row)
    assert (made.outcome, made.facts["package_manager"]) == ("generated", manager), made.reason
    assert made.document is not None
    assert made.document.parameters["fixed_version"] == version


async def test_a_record_of_a_language_s_library_says_that_no_package_manager_installs_it() -> None:
    made = await GENERATOR.generate({"affected": [{"package": {"ecosystem": "npm", "name": "x"}}]})
    assert (made.outcome, made.document) == ("generation_failed", None)
    assert "affected: names no package of a distribution that is known" in made.reason
