"""Python, SQL, Kubernetes manifests and configuration patches, each read as what it is."""

from __future__ import annotations

import pytest
from suture_contracts.base import ScriptType
from suture_safety import analyse

POD = """apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  SPEC
  containers:
  - name: c
    image: example.org/app:1.2
    EXTRA
"""


def _found(text: str, script_type: ScriptType) -> list[tuple[str, str]]:
    return [(one.rule_id, one.severity) for one in analyse(text, script_type).findings]


@pytest.mark.parametrize(
    ("code", "rule", "severity"),
    [
        ("def f(:\n", "python.syntax", "error"),
        ("import os\nos.system('rm -rf /')", "filesystem.remove-system-root", "error"),
        ("from os import system as s\ns('rm -rf ' + '/')", "filesystem.remove-system-root", "error"),
        ("import subprocess as sp\nsp.run(['rm', '-rf', '/etc'])", "filesystem.remove-system-root", "error"),
        (
            "import subprocess\nC = 'mkfs.ext4 /dev/sda'\nsubprocess.call(C, shell=True)",
            "disks.make-filesystem",
            "error",
        ),
        ("__import__('os').system('rm -rf /')", "filesystem.remove-system-root", "error"),
        ("import os\ngetattr(os, 'sys' + 'tem')('rm -rf /')", "filesystem.remove-system-root", "error"),
        ("import shutil\nshutil.rmtree('/etc')", "filesystem.remove-system-root", "error"),
        ("import shutil, sys\nshutil.rmtree(sys.argv[1])", "filesystem.remove-unknown", "warning"),
        ("from pathlib import Path\nPath('/etc/passwd').unlink()", "filesystem.remove-accounts", "error"),
        ("open('/etc/passwd', 'w')", "filesystem.overwrite-accounts", "error"),
        ("import os\nos.chmod('/opt/a', 0o777)", "permissions.world-writable", "warning"),
        ("import os, sys\nos.system(sys.argv[1])", "dynamic.code", "warning"),
        ("exec('import os; os.system(\"rm -rf /\")')", "filesystem.remove-system-root", "error"),
        ("eval(input())", "python.eval", "warning"),
        ("import requests\nrequests.get('https://x.org', verify=False)", "python.unverified", "warning"),
        ("while True:\n    pass\n", "python.endless-loop", "warning"),
        ("c.execute('DELETE FROM orders')", "sql.delete-all", "error"),
        ("c.execute(f\"DELETE FROM orders WHERE a = '{x}'\")", "python.built-query", "warning"),
    ],
)
def test_dangerous_python_is_found(code: str, rule: str, severity: str) -> None:
    assert (rule, severity) in _found(code, "python")


def test_ordinary_python_has_neither_errors_nor_warnings() -> None:
    code = (
        "#!/usr/bin/env python3\nimport json, shutil\nfrom pathlib import Path\n"
        "path = Path('/srv/app/app.json')\nshutil.copy2(path, '/srv/app/app.json.bak')\n"
        "try:\n    data = json.loads(path.read_text())\n    data['a'] = 'x'.replace('x', 'y')\n"
        "    path.write_text(json.dumps(data))\n    print('done')\nexcept OSError as error:\n"
        "    raise SystemExit(f'failed: {error}')\n"
    )
    report = analyse(code, "python")
    assert (report.errors, report.warnings) == ((), ())
    assert report.needs.writes == ("/srv/app/app.json", "/srv/app/app.json.bak")


@pytest.mark.parametrize(
    ("statement", "rule", "severity"),
    [
        ("DELETE FROM orders", "sql.delete-all", "error"),
        ("DELETE FROM orders WHERE 1 = 1", "sql.delete-all", "error"),
        ("UPDATE orders SET a = 1", "sql.update-all", "error"),
        ("WITH x AS (DELETE FROM orders RETURNING *) SELECT * FROM x", "sql.delete-all", "error"),
        ("DROP TABLE orders", "sql.drop", "error"),
        ("drop /* x */ database orders", "sql.drop", "error"),
        ("TRUNCATE orders", "sql.truncate", "error"),
        ("GRANT SELECT ON orders TO app", "sql.grant", "warning"),
        ("GRANT ALL ON orders TO app", "sql.grant-all", "error"),
        ("ALTER TABLE orders DROP COLUMN a", "sql.drop-column", "warning"),
        ("CREATE INDEX i ON orders (a)", "sql.blocking-index", "warning"),
        ("COPY orders TO PROGRAM 'sh'", "sql.copy-program", "error"),
        ("ALTER SYSTEM SET fsync = off", "sql.alter-system", "error"),
        ("SELECT pg_read_file('/etc/passwd')", "sql.dangerous-function", "error"),
        ("\\! rm -rf /", "sql.shell-command", "error"),
        ("DO $$ BEGIN EXECUTE 'x'; END $$", "sql.dynamic", "warning"),
        ("SELEC 1 FRM (", "sql.syntax", "error"),
        ("SELEC * FRM orders", "sql.syntax", "error"),
        ("FLUSH PRIVILEGES", "sql.not-analysed", "warning"),
        ("SELECT 1;\nDELETE FROM a", "sql.delete-all", "error"),
    ],
)
def test_dangerous_sql_is_found(statement: str, rule: str, severity: str) -> None:
    assert (rule, severity) in _found(statement, "sql")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM orders",
        "UPDATE orders SET a = 1 WHERE id = 3",
        "DELETE FROM orders WHERE id IN (SELECT id FROM old)",
        "BEGIN; INSERT INTO a (b) VALUES ('DROP TABLE x'); COMMIT",
        "CREATE INDEX CONCURRENTLY i ON orders (a)",
        "VACUUM orders",
        "SET lock_timeout = '1s'",
    ],
)
def test_ordinary_sql_has_neither_errors_nor_warnings(statement: str) -> None:
    assert [severity for _, severity in _found(statement, "sql") if severity != "info"] == []


def test_a_sql_finding_has_its_own_line() -> None:
    found = next(
        one for one in analyse("SELECT 1;\n\n  DROP TABLE a;\n", "sql").findings if one.rule_id == "sql.drop"
    )
    assert (found.line, found.column) == (3, 3)


@pytest.mark.parametrize(
    ("spec", "extra", "rule"),
    [
        ("hostNetwork: true", "", "kubernetes.host-namespace"),
        ("hostPID: true", "", "kubernetes.host-namespace"),
        ("volumes: [{name: v, hostPath: {path: /}}]", "", "kubernetes.host-path"),
        ("", "securityContext: {privileged: true}", "kubernetes.privileged"),
        ("", "securityContext: {capabilities: {add: [SYS_ADMIN]}}", "kubernetes.capability"),
        ("", "ports: [{containerPort: 1, hostPort: 80}]", "kubernetes.host-port"),
    ],
)
def test_a_pod_that_leaves_its_box_is_an_error_of_the_baseline(spec: str, extra: str, rule: str) -> None:
    manifest = POD.replace("SPEC", spec or "restartPolicy: Never").replace("EXTRA", extra or "tty: false")
    found = next(one for one in analyse(manifest, "kubernetes").findings if one.rule_id == rule)
    assert (found.severity, found.level) == ("error", "baseline")
    assert found.line >= 5


def test_an_ordinary_pod_has_only_remarks() -> None:
    manifest = POD.replace("SPEC", "restartPolicy: Never").replace("EXTRA", "tty: false")
    assert {severity for _, severity in _found(manifest, "kubernetes")} <= {"info"}


def test_a_binding_to_cluster_admin_is_an_error() -> None:
    manifest = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: a}\n"
        "roleRef: {kind: ClusterRole, name: cluster-admin}\nsubjects: []\n"
    )
    assert ("kubernetes.cluster-admin", "error") in _found(manifest, "kubernetes")


@pytest.mark.parametrize("text", ["a: [", "just words", "- 1\n- 2", "kind: Pod"])
def test_what_is_no_manifest_is_an_error(text: str) -> None:
    assert not analyse(text, "kubernetes").is_valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"a": 1}', True),
        ('{"a": 1', False),
        ("a: 1\nb: [x, y]\n", True),
        ("a: 1\n b: 2\n", False),
        ("[main]\nhost = db\n", True),
        ("[package]\nname = 'x'\n", True),
        ("server { listen 80; }\n", True),
        ("server { listen 80;\n", False),
        ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n", True),
        ("--- a/x\n+++ b/x\n@@ -1,9 +1,2 @@\n a\n-b\n+c\n", False),
        ("--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", False),
    ],
)
def test_a_configuration_is_parsed_by_its_shape(text: str, valid: bool) -> None:
    assert analyse(text, "config").is_valid == valid


def test_loosened_security_is_a_warning_only_where_it_is_added() -> None:
    assert ("config.loosened", "warning") in _found("PermitRootLogin yes\n", "config")
    tightened = "--- a/s\n+++ b/s\n@@ -1 +1 @@\n-PermitRootLogin yes\n+PermitRootLogin no\n"
    assert "config.loosened" not in [rule for rule, _ in _found(tightened, "config")]


def test_a_manifest_inside_bash_is_read_as_a_manifest() -> None:
    pod = POD.replace("SPEC", "hostNetwork: true").replace("EXTRA", "tty: false")
    found = [
        one
        for one in analyse(f"kubectl apply -f - <<'E'\n{pod}E\n", "bash").findings
        if one.severity == "error"
    ]
    assert [(one.rule_id, one.line) for one in found] == [("kubernetes.host-namespace", 6)]


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ("pwsh -Command 'Remove-Item -Recurse -Force C:\\Windows'", "powershell.remove-system-root"),
        ("echo 'DROP TABLE a;' > /tmp/a.sql; psql -f /tmp/a.sql", "sql.drop"),
        (
            "cat > /tmp/a.yaml <<'E'\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\nE\n"
            "kubectl apply -f /tmp/a.yaml",
            "kubernetes.cluster-wide",
        ),
    ],
)
def test_what_bash_hands_to_another_language_is_read_in_that_language(script: str, rule: str) -> None:
    assert rule in [one.rule_id for one in analyse(script, "bash").findings]
