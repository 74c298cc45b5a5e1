"""Manifests that a platform team would want to look at: none may pass without at least a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from suture_safety import analyse

RISKY = (Path(__file__).parents[1] / "manifests/risky.yaml").read_text(encoding="utf-8").split("---\n")
POD = """
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  containers:
  - name: a
    image: r.example/a:1
    resources: {limits: {memory: 1Mi, cpu: 1}}
    securityContext:
      runAsNonRoot: true
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
"""


@pytest.mark.parametrize("manifest", RISKY, ids=[one.split("\n")[0][2:] for one in RISKY])
def test_no_risky_manifest_passes_in_silence(manifest: str) -> None:
    assert [one for one in analyse(manifest, "kubernetes").findings if one.severity != "info"]


@pytest.mark.parametrize(
    "given",
    [
        "",
        'command: ["sh", "-c", "exec /app/server --port 8080"]',
        'command: ["sh", "-c", "while true; do date; sleep 60; done"]',
        'args: ["tail", "-f", "/dev/null"]',
        'readinessProbe: {exec: {command: ["pg_isready", "-U", "app"]}}',
    ],
)
def test_an_ordinary_pod_has_neither_errors_nor_warnings(given: str) -> None:
    found = analyse(f"{POD}    {given}\n", "kubernetes").findings
    assert [one.rule_id for one in found if one.severity != "info"] == []
