"""A whole script document: its parts, and what it declares against what it does."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter
from pydantic_core import to_json
from suture_contracts.report import Report
from suture_contracts.script import ScriptDocument
from suture_safety import analyse_document, read_policy

FILE = "/srv/app/app.conf"
HEAD = "#!/bin/bash\nset -euo pipefail\n"
BODY = (
    f'{HEAD}CONFIG=\'{FILE}\'\ncp -p "$CONFIG" "$CONFIG.bak-$(date +%s)"\n'
    "sed -i 's/^a=.*/a=2/' \"$CONFIG\"\ngrep -q '^a=2' \"$CONFIG\"\necho done\n"
)
VERIFY = f"{HEAD}grep -q '^a=2' {FILE}\n"


def _report(body: str = BODY, **fields: Any) -> Report:
    given = {"script_type": "bash", "body": body, "verify": VERIFY, "writes": (FILE,), **fields}
    return analyse_document(ScriptDocument.model_validate(given))


def _rules(report: Report, part: str | None = None) -> list[str]:
    return [one.rule_id for one in report.findings if part is None or one.part == part]


def test_a_declared_change_with_backup_is_clean() -> None:
    report = _report()
    assert report.findings == ()
    assert report.safety_score == 1.0
    assert report.needs.writes[0] == FILE


@pytest.mark.parametrize(
    "body",
    [
        "echo x > /srv/app/other.conf",
        "tee /srv/other < /dev/null",
        "rm -f /srv/app",
        "cp a /srv/app/app.config/x",
        "dd if=a of=/srv/x",
    ],
)
def test_an_undeclared_write_is_an_error(body: str) -> None:
    report = _report(f"{HEAD}{body}\n")
    assert "document.undeclared-write" in _rules(report)
    assert not report.is_valid


@pytest.mark.parametrize(
    "body",
    [
        f"echo x > {FILE}",
        "echo x > /dev/null 2>&1",
        'T=$(mktemp); echo x > "$T"; mv "$T" /srv/app/app.conf',
        f"cp {FILE} {FILE}.bak; mv {FILE}.new {FILE}",
        "echo x > /tmp/suture-x",
    ],
)
def test_declared_files_their_backups_and_scratch_may_be_written(body: str) -> None:
    assert "document.undeclared-write" not in _rules(_report(f"{HEAD}{body}\n"))


def test_a_write_below_a_declared_directory_is_declared() -> None:
    report = _report(f"{HEAD}echo x > /srv/data/a/b\n", writes=("/srv/data",))
    assert "document.undeclared-write" not in _rules(report)


def test_a_write_whose_place_is_not_known_is_at_least_a_warning() -> None:
    report = _report(f'{HEAD}echo x > "$1"\n')
    assert ("document.undeclared-write", "warning") in [
        (one.rule_id, one.severity) for one in report.findings
    ]


def test_what_an_unknown_value_makes_of_a_name_beside_a_declared_file_is_not_declared() -> None:
    assert "document.undeclared-write" in _rules(_report(f'{HEAD}echo x > "{FILE}.$1"\n'))


def test_an_undeclared_connection_is_an_error_and_a_declared_one_is_not() -> None:
    body = f"{HEAD}curl -fsS https://example.com/x >/dev/null\n"
    assert "document.undeclared-egress" in _rules(_report(body))
    assert "document.undeclared-egress" not in _rules(_report(body, egress=("example.com:443",)))


@pytest.mark.parametrize(
    ("command", "rule"), [("touch /srv/app/x", "verify-writes"), ("systemctl restart app", "verify-changes")]
)
def test_a_verification_that_changes_something_is_an_error(command: str, rule: str) -> None:
    report = _report(verify=f"{HEAD}{command}\n")
    assert f"document.{rule}" in _rules(report, "verify")
    assert not report.is_valid


def test_a_verification_that_only_looks_is_fine() -> None:
    verify = f"{HEAD}systemctl is-active app\ncurl -fsS -o /dev/null http://127.0.0.1:80/\ntest -r {FILE}\n"
    assert _rules(_report(verify=verify, egress=("127.0.0.1:80",))) == []


def test_a_finding_says_in_which_part_it_is() -> None:
    report = _report(rollback="rm -rf /\n", verify="mkfs /dev/sda\n")
    assert "filesystem.remove-system-root" in _rules(report, "rollback")
    assert "disks.make-filesystem" in _rules(report, "verify")
    assert any(error.startswith("rollback, line 1") for error in report.errors)


def test_a_script_that_nothing_verifies_is_a_remark() -> None:
    assert "document.no-verification" in _rules(_report(verify=""), "document")


@pytest.mark.parametrize(
    ("body", "rollback", "reversibility"),
    [
        (f"{HEAD}echo x > {FILE}\n", "", "exact"),
        (BODY, "", "exact"),
        (f"{HEAD}cat {FILE}\n", "", "exact"),
        (f"{HEAD}systemctl restart app\n", "", "none"),
        (f"{HEAD}systemctl restart app\n", "systemctl restart app\n", "compensating"),
        (f"{HEAD}apt-get install -y a=1\n", "apt-get install -y a=0\n", "compensating"),
        (f"{HEAD}frobnicate --all\n", "", "none"),
        (f"{HEAD}$X\n", "", "none"),
    ],
)
def test_reversibility_follows_from_what_is_touched(body: str, rollback: str, reversibility: str) -> None:
    assert _report(body, rollback=rollback).reversibility == reversibility


@pytest.mark.parametrize(
    ("kind", "reversibility"),
    [("ConfigMap", "exact"), ("Service", "exact"), ("Job", "none"), ("Widget", "none")],
)
def test_manifests_are_exact_where_objects_put_back_undo_all_of_it(kind: str, reversibility: str) -> None:
    manifest = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{template: {{spec: {{}}}}}}\n"
    given = _report(manifest, script_type="kubernetes", writes=(), verify=manifest)
    assert given.reversibility == reversibility


@pytest.mark.parametrize(
    ("body", "rollback", "reversibility"),
    [
        ("UPDATE orders SET state = 'open' WHERE id = 7", "", "exact"),
        (
            "INSERT INTO orders (id, at) VALUES (7, now());\nUPDATE orders SET a = 1 WHERE id = 8;",
            "",
            "exact",
        ),
        ("UPDATE orders SET a = 1 WHERE id IN (SELECT max(id) FROM old_orders)", "", "exact"),
        ("UPDATE orders SET a = 1 WHERE id = 7", "UPDATE orders SET a = 0 WHERE id = 7", "exact"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_at ON orders (at)", "", "exact"),
        ("DELETE FROM orders WHERE id = 7", "", "compensating"),
        ("ALTER TABLE orders ADD COLUMN a text", "ALTER TABLE orders DROP COLUMN a", "compensating"),
        ("ALTER TABLE orders ADD COLUMN a text", "", "none"),
        ("UPDATE orders SET a = 1 WHERE id = 7; TRUNCATE orders", "", "none"),
        ("UPDATE orders SET a = 1 WHERE id = archive(7)", "", "none"),
        ("UPDATE orders SET a = mine.lower(a) WHERE id = 7", "", "none"),
        ("UPDATE orders SET a = 1 FROM old WHERE old.id = orders.id", "", "none"),
        ("WITH gone AS (DELETE FROM old RETURNING id) INSERT INTO orders SELECT id FROM gone", "", "none"),
        ("INSERT INTO orders (id) VALUES (7) ON CONFLICT (id) DO UPDATE SET a = 1", "", "none"),
        ("CREATE INDEX IF NOT EXISTS orders_at ON orders (at)", "", "none"),
        ("CREATE INDEX ON orders (at)", "", "none"),
        ("UPDATE orders SET a = 1", "", "none"),
        ("VACUUM FULL orders", "", "none"),
        ("UPDATE `orders` SET a = 1 WHERE id = 7", "", "none"),
        ("-- nothing", "", "none"),
    ],
)
def test_sql_is_exact_where_the_runner_keeps_all_that_changes(
    body: str, rollback: str, reversibility: str
) -> None:
    given = _report(body, script_type="sql", writes=(), verify="SELECT true", rollback=rollback)
    assert given.reversibility == reversibility


def test_a_verification_by_manifests_may_name_parts_of_objects_and_must_be_objects() -> None:
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n"
    part = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nstatus: {readyReplicas: 1}\n"
    good = _report(body, script_type="kubernetes", writes=(), verify=part)
    assert good.findings == ()
    for broken in ("kind: [", "kind: Deployment\n"):
        assert not _report(body, script_type="kubernetes", writes=(), verify=broken).is_valid


def test_protected_files_may_be_changed_where_they_are_declared() -> None:
    body = f"{HEAD}cp /etc/sudoers /etc/sudoers.bak\nsed -i 's/a/b/' /etc/sudoers\nvisudo -c\necho done\n"
    declared = _report(body, writes=("/etc/sudoers",))
    assert [one for one in declared.findings if one.severity != "info"] == []
    assert "accounts.edit-accounts" in _rules(_report(body))


def test_a_report_survives_its_own_json() -> None:
    report = _report("rm -rf /\n")
    assert TypeAdapter(Report).validate_json(to_json(report)) == report


POLICY = read_policy(
    """
    commands: {forbidden: [sed]}
    severities: {document.undeclared-write: warning}
    targets:
      host: {paths: {forbidden: [/srv/*]}}
    """
)


def _under(document: ScriptDocument, *kinds: str) -> set[tuple[str, str, str]]:
    report = analyse_document(document, policy=POLICY, target_kinds=kinds)
    return {
        (one.rule_id, one.severity, one.part)
        for one in report.findings
        if one.rule_id.startswith(("policy.", "document."))
    }


def test_an_organisations_policy_holds_for_every_part_of_a_document() -> None:
    document = ScriptDocument(
        script_type="bash", body=BODY, verify=f"{HEAD}sed -n 1p {FILE}\n", writes=(FILE,)
    )
    assert {("policy.commands", "error", "body"), ("policy.commands", "error", "verify")} <= _under(document)


def test_a_policy_weighs_what_is_found_of_the_document_itself() -> None:
    document = ScriptDocument(script_type="bash", body=BODY, verify=VERIFY, writes=())
    assert ("document.undeclared-write", "warning", "body") in _under(document)


def test_what_the_policy_forbids_for_one_kind_of_target_is_forbidden_where_that_kind_is_among_them() -> None:
    document = ScriptDocument(script_type="bash", body=BODY, verify=VERIFY, writes=(FILE,))
    forbidden = ("policy.paths", "error", "body")
    assert forbidden not in _under(document, "local")
    assert forbidden in _under(document, "host")
    assert forbidden in _under(document, "local", "host")


def test_a_script_may_not_use_up_more_than_the_policy_lets_one_on_its_kind_of_target() -> None:
    document = ScriptDocument.model_validate(
        {
            "script_type": "bash",
            "body": BODY,
            "verify": VERIFY,
            "writes": [FILE],
            "limits": {"memory_mb": 512},
        }
    )
    policy = read_policy("limits: {memory_mb: 1024}\ntargets: {host: {limits: {memory_mb: 256}}}")
    found = analyse_document(document, policy=policy, target_kinds=("host",)).findings
    assert [one.message for one in found if one.rule_id == "policy.limits"] == [
        "limits.memory_mb is 512; the policy allows 256"
    ]
    assert analyse_document(document, policy=policy, target_kinds=("local",)).is_valid


@pytest.mark.parametrize(
    ("kind", "command", "state"),
    [
        ("kubernetes", "apt-get install -y jq", "packages"),
        ("kubernetes", "systemctl restart nginx", "services"),
        ("host", "kubectl scale deploy web --replicas=2", "cluster"),
        ("local", "aws s3 cp a s3://b", "cloud"),
    ],
)
def test_what_a_kind_of_target_does_not_have_is_outside_of_it(kind: str, command: str, state: str) -> None:
    document = ScriptDocument(script_type="bash", body=f"{HEAD}{command}\n", verify=f"{HEAD}true\n")
    found = analyse_document(document, target_kinds=(kind,)).findings
    assert [one.message for one in found if one.rule_id == "document.outside-target"] == [
        f"changes {state}, which is no part of a {kind} target"
    ]
    assert "document.outside-target" not in [one.rule_id for one in analyse_document(document).findings]


def test_a_secret_is_read_freely_only_where_the_script_declares_that_it_changes_it() -> None:
    body = f"{HEAD}cp -p /etc/ssl/private/app.key /etc/ssl/private/app.key.bak\n"
    assert "credentials.read" in _rules(_report(body, writes=("/etc/app.conf",)))
    assert "credentials.read" not in _rules(_report(body, writes=("/etc/ssl/private",)))
