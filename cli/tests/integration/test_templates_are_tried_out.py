"""``suture templates test``: what a release brings is really run, and what does not work is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from suture_cli.main import main
from suture_generation.catalog import released_templates

TEMPLATES = {template.id: template for template in released_templates()}
# One of each way to change something; ``make test-templates`` runs them all.
SAMPLE = ("cron-entry", "disk-cleanup", "file-permissions", "module-blocklist", "release-symlink")
OTHER_TYPES = ("renew-certificate", "config-setting", "sql-wrong-value", "sqlite-missing-index")
BYTE_FOR_BYTE = "rollback restores every byte"


def tried(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["templates", "test", *arguments], input=stdin)


def own(**changes: Any) -> str:
    """The template of drifted files, as somebody's own, changed."""
    data = TEMPLATES["configuration-drift"].model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump({**data, "id": "own", **changes})


@pytest.mark.parametrize("template_id", SAMPLE + OTHER_TYPES)
def test_a_released_template_fixes_its_fixture_and_takes_it_back_byte_for_byte(template_id: str) -> None:
    told = tried(template_id, "--json")
    assert told.exit_code == 0, told.output
    result = json.loads(told.output)
    for run in result["runs"]:
        assert (run["ran"], run["passes"]) == (True, True), run
        assert run["steps"][:3] == ["check fails before", "check passes after", BYTE_FOR_BYTE]


def test_every_template_has_a_fixture_or_says_what_it_needs_to_be_run() -> None:
    assert [each.id for each in TEMPLATES.values() if bool(each.fixtures) is bool(each.needs)] == []
    told = tried("kubernetes-image")
    assert (told.exit_code, "not run: needs cluster" in told.output) == (0, True)


def test_a_check_that_passes_before_the_fix_is_found() -> None:
    files = {"/srv/orders/etc/orders.conf": "same", "/srv/orders/release/orders.conf": "same"}
    told = tried("-", stdin=own(fixtures=[{"files": files}]))
    assert (told.exit_code, "its check passes before the fix" in told.output) == (1, True)


def test_a_rollback_that_leaves_something_behind_is_found_and_names_it() -> None:
    kept = TEMPLATES["configuration-drift"].rollback.replace('rm -f -- "$backup"', ":")
    told = tried("-", stdin=own(rollback=kept))
    assert told.exit_code == 1
    assert (
        "after its own rollback this is not as it was: srv/orders/etc/orders.conf.suture-backup"
        in told.output
    )


def test_a_file_that_is_not_as_the_fixture_expects_is_found() -> None:
    fixture = TEMPLATES["configuration-drift"].fixtures[0].model_dump(mode="json")
    fixture["expect"] = {"/srv/orders/etc/orders.conf": "host = other\n"}
    told = tried("-", stdin=own(fixtures=[fixture]))
    assert (told.exit_code, "not 'host = other" in told.output) == (1, True)


def test_a_fix_that_writes_what_it_did_not_declare_is_found() -> None:
    told = tried("-", stdin=own(writes=["{{ config_path }}"]))
    assert (told.exit_code, "FAILS: the fix rolled_back" in told.output) == (1, True)


def test_what_the_analysis_refuses_is_not_run(tmp_path: Path) -> None:
    body = f"#!/usr/bin/env bash\nset -euo pipefail\nrm -rf /\ntouch {tmp_path}/ran\n"
    told = tried("-", stdin=own(body=body))
    assert (told.exit_code, "refused before it was run" in told.output) == (1, True)
    assert not (tmp_path / "ran").exists()


def test_a_program_that_is_not_installed_is_named_and_fails_nothing() -> None:
    fixture = TEMPLATES["configuration-drift"].fixtures[0].model_dump(mode="json")
    told = tried("-", stdin=own(fixtures=[{**fixture, "programs": ["no-such-program"]}]))
    assert told.exit_code == 0
    assert "not run: needs no-such-program, which is not installed here" in told.output


@pytest.mark.parametrize("path", ["/usr/bin/env", "/srv/../etc/passwd", "relative", "/proc/1/mem"])
def test_a_fixture_outside_of_the_scratch_folder_names_the_field(path: str) -> None:
    told = tried("-", stdin=own(fixtures=[{"files": {path: "x"}}]))
    assert told.exit_code != 0
    assert "fixtures.0.files" in told.output
