"""Manifests, objects and rollouts, judged without a cluster."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from suture_contracts.script import Limits
from suture_sandbox.archives import runner_archive
from suture_sandbox.kubernetes import job
from suture_sandbox.kubernetes.manifests import parse
from suture_sandbox.kubernetes.reach import reach_of
from suture_sandbox.protocol import RunPlan
from suture_sandbox.runner.cluster import objects
from suture_sandbox.runner.cluster.change import NotApplicable, declared

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: '1'}\n"


def test_objects_of_documents_and_lists_get_the_target_s_namespace() -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n"
    found = parse(f"{CONFIG}---\n{listed}", "shop")
    assert [(one["kind"], one["metadata"]["namespace"]) for one in found] == [
        ("ConfigMap", "shop"),
        ("Secret", "shop"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no object"),
        ("a: 1\n", "no object"),
        ("a: [1\n", "body"),
        (CONFIG + "data: {b: '2'}\n", "twice"),
        (CONFIG + "---\n" + CONFIG, "twice"),
        ("a: &x {b: 1}\nc: *x\n", "alias"),
        ("1: a\n", "no text"),
        (CONFIG.replace("{name: web}", "{name: web, namespace: other}"), "namespace"),
        (CONFIG.replace("{name: web}", "{generateName: web}"), "name"),
        (CONFIG.replace("{name: web}", "{name: web, uid: x}"), "uid"),
        (CONFIG.replace("ConfigMap", "PersistentVolumeClaim"), "never changed"),
        (CONFIG.replace("ConfigMap", "Namespace"), "never changed"),
        ("a: " + "[" * 2_000 + "]" * 2_000, "body"),
        ("!!python/object/apply:os.system ['true']", "body"),
        ("---\n".join(CONFIG.replace("web", f"w{n}") for n in range(60)), "more than 50"),
    ],
)
def test_what_has_two_meanings_or_reaches_too_far_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text, "shop")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/api/v1/namespaces/other/configmaps/web",
        "/api/v1/namespaces/shop/configmaps",
        "/api/v1/namespaces/shop/persistentvolumeclaims/data",
        "/apis/apps/v1/namespaces/shop/deployments/web/scale",
    ],
)
def test_a_script_declares_objects_of_its_namespace_alone(path: str) -> None:
    with pytest.raises(NotApplicable):
        declared(path, "shop")


def test_bookkeeping_does_not_count_and_everything_else_does() -> None:
    item: dict[str, Any] = {"kind": "A", "metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"n": 1}}
    kept = {"resourceVersion": "7", "uid": "u", "generation": 2, "managedFields": []}
    served = {**item, "metadata": {**item["metadata"], **kept}, "status": {"ready": True}}
    assert objects.digest(served) == objects.digest(item)
    assert objects.digest({**item, "spec": {"n": 2}}) != objects.digest(item)


def test_a_secret_s_values_are_in_no_difference() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"key": "aHVudGVy"},
    }
    shown = objects.diff({"Secret/s": None}, {"Secret/s": secret})
    assert "sha256:" in shown
    assert "aHVudGVy" not in shown


def plan() -> RunPlan:
    return RunPlan(
        run_id="one-apply", claim_id="one", execution_id="one", mode="apply", target="shop",
        kind="kubernetes", script_type="kubernetes", body=CONFIG, limits=Limits(memory_mb=64),
    )  # fmt: skip


def test_the_same_run_is_the_same_job_and_every_bound_is_in_it() -> None:
    reach = reach_of({"namespace": "shop", "service_account": "suture-target", "image": "script:1"})
    name = job.job_name(plan(), 0)
    assert name == job.job_name(plan(), 0) != job.job_name(plan(), 1)
    made = job.job(plan(), name, reach, "runner", {})
    pod = made["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert (made["spec"]["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert "ttlSecondsAfterFinished" not in made["spec"], "a result is recorded before the Job may go"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"] == "128Mi"
    policy = job.network_policy(name, [("10.0.0.1", 6443)])["spec"]
    assert (policy["policyTypes"], policy["ingress"], len(policy["egress"])) == (["Ingress", "Egress"], [], 1)


def test_the_runner_s_archive_starts_on_the_standard_library_alone(tmp_path: Path) -> None:
    data, digest = runner_archive()
    assert runner_archive()[1] == digest
    assert "__main__.py" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    (tmp_path / "runner.pyz").write_bytes(data)
    (tmp_path / "plan.json").write_text("{}")
    command = [sys.executable, "-I", "-S", str(tmp_path / "runner.pyz"), str(tmp_path / "plan.json")]
    done = subprocess.run(command, capture_output=True, env={}, check=False)
    assert b"KeyError" in done.stderr
    assert b"ModuleNotFoundError" not in done.stderr


@pytest.mark.parametrize(
    ("live", "wanted", "is_so"),
    [
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}, True),
        ({"hard": {"requests.cpu": "1500m", "pods": "9"}}, {"hard": {"requests.cpu": "1.5"}}, True),
        ({"requests": {"cpu": "10m"}}, {"requests": {"cpu": "0.010"}}, True),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": 1}}, True),
        ({"limits": {"memory": "1G"}}, {"limits": {"memory": "1Gi"}}, False),
        ({"limits": {"memory": "none"}}, {"limits": {"memory": "nothing"}}, False),
        ({"data": {"version": "1.0"}}, {"data": {"version": "1"}}, False),
    ],
)
def test_an_amount_is_as_it_shall_be_however_it_is_written_and_nothing_else_is(
    live: dict[str, Any], wanted: dict[str, Any], is_so: bool
) -> None:
    assert objects.contains({"spec": live}, {"spec": wanted}) is is_so
