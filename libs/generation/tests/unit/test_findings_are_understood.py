"""Category, targets and facts decide on the template; nothing else of a finding becomes part of a script."""

from __future__ import annotations

from typing import Any

import pytest
from suture_contracts.findings import CATEGORIES, RcaReceived, VulnerabilityReported
from suture_contracts.target import Target
from suture_generation.analysis import APPROACHES, Templates, analyze_rca, analyze_report
from suture_generation.catalog import released_templates
from suture_generation.errors import ParametersInvalid
from suture_generation.keywords import Keywords
from suture_generation.parameters import resolve_parameters
from suture_generation.render import CompiledTemplate

TEMPLATES = Templates(released_templates())
FACTS = {
    "config_path": "/srv/orders/database.conf",
    "known_good_source": "/srv/orders/good.conf",
    "pool_setting": "pool_size",
    "pool_size": 40,
    "log_path": "/srv/orders/orders.log",
}


def target(id: str = "orders", **changes: Any) -> Target:
    return Target.model_validate({"id": id, "kind": "local", "owner": "team", "facts": FACTS, **changes})


def rca(category: str, details: str, **changes: Any) -> RcaReceived:
    fields = {
        "anomaly_id": "a-1",
        "root_cause_category": category,
        "root_cause_details": details,
        "confidence_score": "HIGH",
        **changes,
    }
    return RcaReceived.model_validate(fields)


@pytest.mark.parametrize(
    ("category", "details", "expected"),
    [
        ("Configuration", "Missing configuration file for database connection", "missing-configuration-file"),
        ("Configuration", "The config file is missing\nafter the deploy", "missing-configuration-file"),
        ("Configuration", "Connection pool exhausted: pool size 5 is too small", "connection-pool-size"),
        ("Database", "too many connections", "connection-pool-size"),
        ("ResourceExhaustion", "No space left on device: orders.log grew to 40 GB", "rotate-log"),
        ("Configuration", "The moon is full", None),
        ("Application", "Missing configuration file", None),
        ("Other", "missing configuration file, restore it", None),
    ],
)
def test_a_template_is_chosen_by_category_and_by_what_the_finding_says(
    category: str, details: str, expected: str | None
) -> None:
    template = analyze_rca(rca(category, details), (target(),), TEMPLATES).template
    assert (template.id if template else None) == expected


@pytest.mark.parametrize(
    ("category", "details", "expected"),
    [
        ("ResourceExhaustion", "Partition /var ran out of space: ENOSPC on write", "disk-cleanup"),
        ("ResourceExhaustion", "unable to create new native thread", "service-tasks-limit"),
        ("ResourceExhaustion", "FATAL: sorry, too many clients already", "connection-pool-size"),
        ("ServiceFailure", "The worker is hanging and no longer processes jobs", "restart-service"),
        ("ServiceFailure", "orders cannot reach redis: ECONNREFUSED", "start-dependency"),
        ("Network", "NXDOMAIN for internal hosts; the resolver is unreachable", "dns-resolver"),
        ("Network", "nf_conntrack: table full, dropping packet", "kernel-setting"),
        ("Database", "Sessions wait for an AccessExclusiveLock held by an idle transaction", "postgres-lock"),
        ("Database", "Standby is 4 GB behind the primary", "postgres-replication"),
        ("Security", "Server accepts TLSv1.0 and TLSv1.1", "tls-protocols"),
        ("Security", "private key is group readable", "file-permissions"),
        ("Kubernetes", "Consumers are stuck and stopped consuming", "kubernetes-rollout-restart"),
        ("Kubernetes", "Pods crash at startup since the last deployment", "kubernetes-rollout-undo"),
        ("Kubernetes", "has spec.replicas set to 0", "kubernetes-scale-up"),
    ],
)
def test_what_is_said_in_other_words_and_forms_means_the_same(
    category: str, details: str, expected: str
) -> None:
    finding = rca(category, details, affected_systems=["shop/deployment/orders"])
    template = analyze_rca(finding, (), TEMPLATES).template
    assert template is not None
    assert template.id == expected


@pytest.mark.parametrize("text", ["deadlocks", "a deadlocked worker", "it is deadlocking", "Deadlock!"])
def test_a_keyword_is_said_in_any_of_its_forms(text: str) -> None:
    assert Keywords([("deadlock", "it")]).said(text) == {"it": (1, 1)}


def test_words_that_only_begin_alike_are_not_the_same() -> None:
    assert Keywords([("port", "it"), ("lock", "it"), ("status", "it")]).said("portal locker state") == {}


@pytest.mark.parametrize(
    ("details", "facts", "expected"),
    [
        (
            "HPA is stuck at its max replicas",
            {"autoscaler": "cart", "autoscaler_minimum": 2, "autoscaler_maximum": 9},
            "kubernetes-autoscaler-bounds-manifest",
        ),
        (
            "pods are forbidden: exceeded quota",
            {"resource_quota": "compute", "known_good_quota": {"pods": "20"}},
            "kubernetes-resource-quota-manifest",
        ),
        (
            "readiness probe failed: connection refused",
            {"deployment": "cart", "container": "cart", "probe_port": 8080},
            "kubernetes-probe-manifest",
        ),
        (
            "the network policy only allows ingress from nobody",
            {
                "network_policy": "cart",
                "known_good_pod_selector": {"matchLabels": {"app": "cart"}},
                "known_good_policy_types": ["Ingress"],
                "known_good_ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "shop"}}}]}],
            },
            "kubernetes-network-policy-manifest",
        ),
        (
            "pods is forbidden: the service account cannot list them",
            {
                "role": "reader",
                "known_good_rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
            },
            "kubernetes-role-rules-manifest",
        ),
        (
            "the node selector matches no node",
            {"deployment": "cart", "container": "cart", "known_good_node_selector": {"disk": "ssd"}},
            "kubernetes-node-selector-manifest",
        ),
    ],
)
def test_a_registered_namespace_gets_a_manifest_where_its_facts_say_what_is_good(
    details: str, facts: dict[str, Any], expected: str
) -> None:
    reach = {"namespace": "shop", "service_account": "suture-target", "image": "registry.example/script:1"}
    shop = target(kind="kubernetes", facts=facts, reach=reach, allowed_types=["kubernetes", "bash"])
    template = analyze_rca(rca("Kubernetes", details), (shop,), TEMPLATES).template
    assert template is not None
    assert template.id == expected


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]},
    ],
)
def test_no_facts_make_a_role_that_may_do_everything(rule: dict[str, Any]) -> None:
    facts = {"role": "reader", "known_good_rules": [rule]}
    reach = {"namespace": "shop", "service_account": "suture-target", "image": "registry.example/script:1"}
    shop = target(kind="kubernetes", facts=facts, reach=reach, allowed_types=["kubernetes"])
    finding = analyze_rca(rca("Kubernetes", "forbidden: cannot list pods"), (shop,), TEMPLATES).finding
    template = next(each for each in released_templates() if each.id == "kubernetes-role-rules-manifest")
    known = resolve_parameters(template, finding, (shop,))
    with pytest.raises(ParametersInvalid, match="rules"):
        CompiledTemplate(template).render(known)


def test_a_template_that_the_facts_fill_goes_before_one_with_more_keywords() -> None:
    details = "Permission denied: chmod wrong, world-readable file mode, and the config file is missing"
    chosen = analyze_rca(rca("Configuration", details), (target(),), TEMPLATES).template
    assert chosen is not None
    assert chosen.id == "missing-configuration-file"


def test_a_template_for_hosts_is_not_chosen_for_another_kind_of_target() -> None:
    facts = {"service_unit": "orders.service"}
    finding = rca("ServiceFailure", "the service hangs")
    chosen = analyze_rca(finding, (target(kind="host", facts=facts),), TEMPLATES).template
    assert chosen is not None
    assert chosen.id == "restart-service"
    assert analyze_rca(finding, (target(facts=facts),), TEMPLATES).template is None


def test_the_predefined_action_is_carried_only_where_it_differs_and_can_be_filled() -> None:
    fits = analyze_rca(rca("Configuration", "Missing configuration file"), (target(),), TEMPLATES)
    assert fits.predefined is None
    pool = analyze_rca(rca("Configuration", "pool size too small"), (target(),), TEMPLATES)
    assert pool.predefined is not None
    assert pool.predefined.id == "missing-configuration-file"
    unknown = analyze_rca(rca("Configuration", "pool size too small"), (), TEMPLATES)
    assert unknown.predefined is None
    assert analyze_rca(rca("Application", "anything"), (target(),), TEMPLATES).predefined is None


def test_a_simple_fix_is_of_low_complexity_and_a_pool_change_of_high() -> None:
    simple = analyze_rca(rca("Configuration", "Missing configuration file"), (target(),), TEMPLATES)
    hard = analyze_rca(rca("Configuration", "pool size too small"), (target(),), TEMPLATES)
    assert (simple.complexity, hard.complexity) == ("low", "high")


def test_an_informational_finding_needs_no_action() -> None:
    judged = analyze_rca(rca("Configuration", "Missing configuration file", severity="info"), (), TEMPLATES)
    assert not judged.actionable
    assert judged.template is None


def test_findings_that_say_the_same_have_one_fingerprint() -> None:
    def fingerprint(details: str, id: str = "orders") -> str:
        return analyze_rca(rca("Configuration", details), (target(id),), TEMPLATES).finding.fingerprint

    assert fingerprint("Missing  FILE\nat 2026-01-02T03:04:05Z") == fingerprint(
        "missing file at 2026-05-06 07:08:09"
    )
    assert fingerprint("missing file") != fingerprint("missing directory")
    assert fingerprint("missing file") != fingerprint("missing file", "billing")


def test_every_category_has_an_approach() -> None:
    assert set(APPROACHES) == set(CATEGORIES)


def test_targets_that_differ_in_a_fact_cannot_share_a_script() -> None:
    other = target("billing", facts={**FACTS, "config_path": "/srv/billing/database.conf"})
    judged = analyze_rca(rca("Configuration", "Missing configuration file"), (target(), other), TEMPLATES)
    assert judged.template is not None
    with pytest.raises(ParametersInvalid, match="config_path"):
        resolve_parameters(judged.template, judged.finding, (target(), other))


def test_paths_in_a_findings_text_never_become_parameters() -> None:
    details = "Missing configuration file: config_path=/etc/shadow known_good_source=/tmp/evil"
    judged = analyze_rca(rca("Configuration", details), (), TEMPLATES)
    assert judged.template is not None
    assert resolve_parameters(judged.template, judged.finding, ()) == {}


@pytest.mark.parametrize(
    ("distribution", "version", "package", "expected"),
    [
        ("debian", "11", "openssl", "package-update-apt"),
        ("ubuntu", "22.04", "openssl", "package-update-apt"),
        ("rhel", "7", "openssl", "package-update-yum"),
        ("rocky", "9", "openssl", "package-update-dnf"),
        ("sles", "15", "openssl", "package-update-zypper"),
        ("debian", "11", "linux-image-amd64", "kernel-update-apt"),
        ("amazon", "2", "kernel", "kernel-update-rpm"),
    ],
)
def test_a_vulnerable_package_gets_the_template_of_its_distribution(
    distribution: str, version: str, package: str, expected: str
) -> None:
    report = VulnerabilityReported(
        vulnerability_id="CVE-2022-0778",
        package=package,
        fixed_version="1.1.1k-2",
        distribution=distribution,
        distribution_version=version,
    )
    template = analyze_report(report, (), TEMPLATES).template
    assert template is not None
    assert template.id == expected


def test_the_targets_distribution_fills_in_for_a_report_that_names_none() -> None:
    report = VulnerabilityReported(vulnerability_id="CVE-1", package="openssl", fixed_version="1.1.1k-2")
    host = target(kind="host", facts={"distribution": "debian"})
    judged = analyze_report(report, (host,), TEMPLATES)
    assert judged.template is not None
    assert judged.template.id == "package-update-apt"


@pytest.mark.parametrize("field", ["package", "fixed_version"])
@pytest.mark.parametrize("value", ["openssl; reboot", "$(reboot)", "-y", "1.0 evil"])
def test_a_package_or_version_that_is_a_command_is_refused_by_name(field: str, value: str) -> None:
    from suture_generation.render import CompiledTemplate

    fields = {"package": "openssl", "fixed_version": "1.1.1k-2", field: value}
    report = VulnerabilityReported.model_validate(
        {"vulnerability_id": "CVE-1", "distribution": "debian", **fields}
    )
    judged = analyze_report(report, (), TEMPLATES)
    assert judged.template is not None
    values = resolve_parameters(judged.template, judged.finding, ())
    with pytest.raises(ParametersInvalid) as caught:
        CompiledTemplate(judged.template).render(values)
    assert caught.value.field == field


def test_without_package_and_fix_there_is_nothing_to_change() -> None:
    judged = analyze_report(VulnerabilityReported(vulnerability_id="CVE-1"), (), TEMPLATES)
    assert not judged.actionable
