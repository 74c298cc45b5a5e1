"""suture templates: what is shown goes back as it is; supervisors write, and a revision is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from click.testing import Result

Suture = Callable[..., Result]
ID = "missing-configuration-file"
PATH = "/api/generative-remediation/templates"


def test_the_releases_templates_are_listed_without_a_running_system(suture: Suture, workdir: Path) -> None:
    listed = json.loads(suture("templates", "list", "--released", "--json").stdout)["templates"]
    assert len(listed) >= 45
    assert ID in {each["id"] for each in listed}


def test_what_is_shown_is_written_as_the_next_revision(running: Any, suture: Suture, workdir: Path) -> None:
    shown = suture("templates", "show", ID, "--released").stdout
    template = {**yaml.safe_load(shown), "title": "Another title"}
    file = workdir / "template.yaml"
    file.write_text(yaml.safe_dump(template))
    running.on("PUT", f"{PATH}/{ID}", (200, {"id": ID, "revision": 2}))
    assert suture("templates", "edit", str(file)).stdout == f"{ID} revision 2\n"
    ((_, _, body, headers),) = running.requests
    assert (body["title"], body["revision"]) == ("Another title", template["revision"])
    assert headers["Authorization"] == "Bearer key-of-supervisor"


def test_a_template_is_added_and_deleted(running: Any, suture: Suture, workdir: Path) -> None:
    file = workdir / "template.yaml"
    file.write_text(suture("templates", "show", ID, "--released").stdout)
    running.on("POST", PATH, (201, {"id": ID, "revision": 1}))
    running.on("DELETE", f"{PATH}/{ID}", (200, {"id": ID}))
    assert suture("templates", "add", str(file)).stdout == f"{ID} revision 1\n"
    assert suture("templates", "delete", ID).stdout == f"{ID} deleted\n"
    assert [request[:2] for request in running.requests] == [("POST", PATH), ("DELETE", f"{PATH}/{ID}")]


def test_a_template_that_is_none_is_named_before_anything_is_sent(
    running: Any, suture: Suture, workdir: Path
) -> None:
    file = workdir / "template.yaml"
    file.write_text("id: x\ntitle: without a body\n")
    result = suture("templates", "add", str(file))
    assert result.exit_code == 2
    assert str(file) in result.output
    assert not running.requests
