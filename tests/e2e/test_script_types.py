"""Python, configuration patches and SQL through the whole system, and back; manifests need a cluster."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def run(system: Any, target: dict[str, Any], script: dict[str, Any]) -> str:
    """Registers the target; the script's remediation once it ran there, approved by somebody else."""
    id = f"typed-{uuid4().hex[:8]}"
    answer = system.call("operator", "POST", "/api/targets", {"id": id, **target})
    assert answer.status_code == 201, answer.text
    answer = system.call("operator", "POST", "/api/scripts", {**script, "targets": [id]})
    assert answer.status_code == 202, answer.text
    remediation = str(answer.json()["remediation_id"])
    found = system.wait(remediation, "awaiting_approval", *system.terminal)
    assert found["state"] == "awaiting_approval", found["error"]
    seen = {"revision": found["revision"], "digest": found["script"]["sha256"]}
    path = f"/api/generative-remediation/scripts/{found['script_id']}/approve"
    assert system.call("supervisor", "POST", path, seen).status_code == 200
    found = system.wait(remediation)
    assert found["state"] == "succeeded", found["error"]
    return remediation


def take_back(system: Any, remediation: str) -> None:
    answer = system.call("operator", "POST", f"/api/remediations/{remediation}/rollback", {})
    assert answer.status_code == 202, answer.text
    system.wait(remediation, "rolled_back")


def test_a_python_script(system: Any, tmp_path: Path) -> None:
    path = tmp_path / "app.json"
    path.write_text('{"host": "db.old"}\n')
    text = f"import json, pathlib\npath = pathlib.Path({str(path)!r})\n"
    script = {
        "script_type": "python",
        "body": text + 'path.write_text(json.dumps({"host": "db.internal"}))\nprint("wrote", path)\n',
        "verify": text + 'assert json.loads(path.read_text())["host"] == "db.internal"\n',
        "writes": [str(path)],
    }
    target = {"kind": "local", "reach": {"root": str(tmp_path)}, "allowed_types": ["python"]}
    remediation = run(system, target, script)
    assert json.loads(path.read_text()) == {"host": "db.internal"}
    take_back(system, remediation)
    assert path.read_text() == '{"host": "db.old"}\n'


def test_a_configuration_patch(system: Any, tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text("# the database\nhost: db.old\n")
    script = {
        "script_type": "config",
        "body": json.dumps({"edits": [{"path": str(path), "set": {"host": "db.internal"}}]}),
        "verify": f"#!/bin/bash\nset -euo pipefail\ngrep -q db.internal {path}\n",
        "writes": [str(path)],
    }
    target = {"kind": "local", "reach": {"root": str(tmp_path)}, "allowed_types": ["config"]}
    remediation = run(system, target, script)
    assert path.read_text() == "# the database\nhost: db.internal\n"
    take_back(system, remediation)
    assert path.read_text() == "# the database\nhost: db.old\n"


def test_an_sql_script(system: Any, tmp_path: Path) -> None:
    path = tmp_path / "orders.db"

    def states() -> list[str]:
        with closing(sqlite3.connect(path)) as database:
            return [state for (state,) in database.execute("SELECT state FROM orders ORDER BY id")]

    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)")
        database.execute("INSERT INTO orders VALUES (1, 'opne'), (2, 'open'), (3, 'shipped')")
        database.commit()
    script = {
        "script_type": "sql",
        "body": "UPDATE orders SET state = 'open' WHERE state = 'opne';\n",
        "verify": "SELECT count(*) = 0 FROM orders WHERE state = 'opne';\n",
    }
    target = {
        "kind": "database",
        "reach": {"engine": "sqlite", "path": str(path)},
        "allowed_types": ["sql"],
    }
    remediation = run(system, target, script)
    assert states() == ["open", "open", "shipped"]
    take_back(system, remediation)
    assert states() == ["opne", "open", "shipped"]
