"""validate: local, with a caret under the place, and an exit code that a hook can use."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Suture = Callable[..., Result]
GOOD = """#!/bin/bash
set -euo pipefail
echo "restoring"
cp /srv/app/app.conf /srv/app/app.conf.bak
cp /srv/good/app.conf /srv/app/app.conf
test -s /srv/app/app.conf
"""
BAD = '#!/bin/bash\nset -euo pipefail\necho "cleaning"\n  rm -rf /\n'


def test_a_clean_script_is_valid(workdir: Path, suture: Suture) -> None:
    (workdir / "good.sh").write_text(GOOD)
    result = suture("validate", "good.sh")
    assert result.exit_code == 0, result.stdout
    assert "good.sh: valid" in result.stdout


def test_a_finding_has_its_place_a_caret_and_a_remedy(workdir: Path, suture: Suture) -> None:
    (workdir / "bad.sh").write_text(BAD)
    result = suture("validate", "bad.sh")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("bad.sh:4:"))
    column = int(lines[at].split(":")[2])
    assert lines[at + 1] == "      rm -rf /"
    assert lines[at + 2] == " " * (4 + column - 1) + "^"
    assert lines[at + 3].strip()


def test_json_is_one_object_a_file(workdir: Path, suture: Suture) -> None:
    (workdir / "good.sh").write_text(GOOD)
    (workdir / "bad.sh").write_text(BAD)
    for option in (("--format", "json"), ("--json",)):
        result = suture("validate", "good.sh", "bad.sh", *option)
        reports = [json.loads(line) for line in result.stdout.splitlines()]
        assert [(report["file"], report["is_valid"]) for report in reports] == [
            ("good.sh", True),
            ("bad.sh", False),
        ]
        assert {"rule_id", "line", "column", "message", "remedy"} <= set(reports[1]["findings"][0])
        assert result.exit_code == 1


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("a.py", "import os\nos.system('rm -rf /')\n", "python"),
        ("a.sql", "DROP TABLE users;\n", "sql"),
        ("a.yaml", "kind: Pod\n", "kubernetes"),
        ("a.patch", "not a patch", "config"),
        ("script", "#!/usr/bin/env python3\nprint(1)\n", "python"),
        ("script", "#!/bin/sh\necho 1\n", "bash"),
    ],
)
def test_the_type_is_seen_by_name_or_first_line(
    workdir: Path, suture: Suture, name: str, text: str, shown: str
) -> None:
    (workdir / name).write_text(text)
    assert json.loads(suture("validate", name, "--json").stdout)["type"] == shown


def test_stdin_needs_a_type_or_a_first_line_that_tells(workdir: Path, suture: Suture) -> None:
    assert suture("validate", "-", input=BAD).exit_code == 1
    assert suture("validate", "-", "--type", "sql", input="SELECT 1;").exit_code == 0
    result = suture("validate", "-", input="echo hello")
    assert (result.exit_code, "--type" in result.stderr) == (2, True)


def test_what_cannot_be_read_is_2_and_the_others_are_still_checked(workdir: Path, suture: Suture) -> None:
    (workdir / "bad.sh").write_text(BAD)
    (workdir / "binary.sh").write_bytes(b"\xff\xfe\x00")
    (workdir / "folder.sh").mkdir()
    result = suture("validate", "none.sh", "binary.sh", "folder.sh", "bad.sh")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 3
    assert "bad.sh:4" in result.stdout


def test_a_script_cannot_steer_the_terminal(workdir: Path, suture: Suture) -> None:
    (workdir / "bad.sh").write_text('#!/bin/bash\necho "\x1b[2J"; rm -rf /\n')
    result = suture("validate", "bad.sh")
    assert "\x1b[2J" not in result.stdout
    assert "\\x1b[2J" in result.stdout


def test_with_fail_on_warning_they_count_too(workdir: Path, suture: Suture) -> None:
    (workdir / "plain.sh").write_text("#!/bin/bash\nchmod 777 /srv/a\n")
    warned = json.loads(suture("validate", "plain.sh", "--json").stdout)
    assert warned["warnings"]
    assert suture("validate", "plain.sh").exit_code == (1 if warned["errors"] else 0)
    assert suture("validate", "plain.sh", "--fail-on", "warning").exit_code == 1


def test_validate_imports_nothing_that_it_does_not_need() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from suture_cli.main import main;"
        "CliRunner().invoke(main, ['validate', '-'], input='#!/bin/bash\\necho 1\\n');"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = [
        "pydantic",
        "rich",
        "httpx",
        "pymongo",
        "faststream",
        "aio_pika",
        "suture_local",
        "agent_sdk",
        "sqlglot",
    ]
    done = subprocess.run(
        [sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_shellcheck_is_asked_where_it_is_wanted(workdir: Path, suture: Suture) -> None:
    (workdir / "plain.sh").write_text("#!/bin/bash\nset -euo pipefail\necho $@\n")
    assert "SC2068" not in suture("validate", "plain.sh").stdout
    asked = suture("validate", "plain.sh", "--shellcheck", "--fail-on", "warning")
    assert "plain.sh:3:6" in asked.stdout
    assert "SC2068" in asked.stdout
    assert asked.exit_code == 1
    assert suture("validate", "--batch", "--shellcheck").exit_code == 2
