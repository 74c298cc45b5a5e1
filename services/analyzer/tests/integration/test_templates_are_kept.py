"""Templates over commands: listed, created, revised, deleted; each checked, no revision ever changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from suture_analyzer.main import Settings, build
from suture_chassis.app import Service
from suture_contracts.commands import CreateTemplate, DeleteTemplate, ListTemplates, UpdateTemplate
from suture_contracts.events import RcaAnalyzed
from suture_contracts.findings import RcaReceived
from suture_contracts.template import Template
from suture_generation.catalog import released_templates
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

Asked = Callable[..., dict[str, Any]]
BODY = (
    "#!/bin/bash\nset -euo pipefail\nflag={{ flag }}\n"
    'cp -p "$flag" "$flag.backup"\necho "raising $flag"\necho up > "$flag"\ntest -s "$flag"\n'
)


@pytest.fixture
def template() -> Template:
    properties = {"flag": {"type": "string", "pattern": "^/srv/[a-z./]+$", "x-fact": "flag"}}
    return Template.model_validate(
        {
            "id": "raise-flag",
            "title": "Raise a flag",
            "categories": ["Application"],
            "keywords": ["flag is down"],
            "parameters": {"type": "object", "additionalProperties": False, "properties": properties},
            "body": BODY,
            "writes": ["{{ flag }}", "{{ flag }}.backup"],
            "examples": [{"flag": "/srv/app/flag"}],
            "origin": "release",
            "proven": True,
        }
    )


async def test_the_released_templates_are_listed(analyzer: Service, wire: Wire, asked_by: Asked) -> None:
    reply = await wire.request(ListTemplates(**asked_by("agent", "agent-1")))
    assert reply.status == 200
    listed = [template["id"] for template in reply.body["templates"]]
    assert listed == [template.id for template in released_templates()]


async def test_a_created_template_is_unproven_and_used_for_the_next_finding(
    analyzer: Service, wire: Wire, template: Template, finding: RcaReceived, asked_by: Asked
) -> None:
    command = CreateTemplate(template=template, **asked_by(command_id="create-1"))
    reply = await wire.request(command)
    assert reply.status == 201, reply
    assert (reply.body["revision"], reply.body["origin"], reply.body["proven"]) == (1, "edited", False)
    assert await wire.request(command) == reply

    changes = {"root_cause_category": "Application", "root_cause_details": "The flag is down"}
    await wire.publish(finding.model_copy(update=changes))
    analyzed = await wire.expect(RcaAnalyzed)
    assert analyzed.template is not None
    assert analyzed.template.id == "raise-flag"


async def test_an_id_that_exists_is_a_conflict(
    analyzer: Service, wire: Wire, template: Template, asked_by: Asked
) -> None:
    await wire.request(CreateTemplate(template=template, **asked_by()))
    reply = await wire.request(CreateTemplate(template=template, **asked_by()))
    assert reply.status == 409
    released = template.model_copy(update={"id": "missing-configuration-file"})
    assert (await wire.request(CreateTemplate(template=released, **asked_by()))).status == 409


async def test_an_update_writes_the_next_revision_and_leaves_the_old_one(
    analyzer: Service, wire: Wire, template: Template, asked_by: Asked
) -> None:
    await wire.request(CreateTemplate(template=template, **asked_by()))
    command = UpdateTemplate(
        template_id="raise-flag", changes={"title": "Hoist"}, revision=1, **asked_by(command_id="update-1")
    )
    reply = await wire.request(command)
    assert reply.status == 200, reply
    assert (reply.body["revision"], reply.body["title"]) == (2, "Hoist")
    assert await wire.request(command) == reply

    stale = UpdateTemplate(template_id="raise-flag", changes={"title": "Again"}, revision=1, **asked_by())
    refused = await wire.request(stale)
    assert refused.status == 409
    assert refused.problem is not None
    assert refused.problem.state == {"id": "raise-flag", "revision": 2}
    first = await analyzer.store.documents("generative_remediation_templates").get("raise-flag:1")
    assert first is not None
    assert first["template"]["title"] == "Raise a flag"


async def test_a_deleted_template_stays_deleted_and_its_id_is_not_used_again(
    analyzer: Service, wire: Wire, template: Template, asked_by: Asked, trust: Identities
) -> None:
    delete = DeleteTemplate(template_id="missing-configuration-file", **asked_by(command_id="delete-1"))
    reply = await wire.request(delete)
    assert (reply.status, reply.body) == (200, {"id": "missing-configuration-file"})
    assert await wire.request(delete) == reply
    again = await wire.request(DeleteTemplate(template_id="missing-configuration-file", **asked_by()))
    assert again.status == 404

    await analyzer.stop()
    async with build(Settings(**trust.settings_for("analyzer"))):
        listed = (await wire.request(ListTemplates(**asked_by()))).body["templates"]
        assert "missing-configuration-file" not in [template["id"] for template in listed]
        reused = template.model_copy(update={"id": "missing-configuration-file"})
        assert (await wire.request(CreateTemplate(template=reused, **asked_by()))).status == 409


async def test_only_supervisors_and_admins_write(
    analyzer: Service, wire: Wire, template: Template, asked_by: Asked
) -> None:
    for role in ("agent", "operator"):
        reply = await wire.request(CreateTemplate(template=template, **asked_by(role, "somebody")))
        assert reply.status == 403


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"body": "#!/bin/bash\nflag={{ flag\n"}, "template.body"),
    ({"body": '#!/bin/bash\necho "{{ flag }}"\n'}, "template.body"),
    ({"body": "#!/bin/bash\nset -euo pipefail\nflag={{ flag }}\nrm -rf /\n"}, "template.body"),
    ({"body": "#!/bin/bash\nflag={{ other }}\n"}, "template.body"),
    ({"examples": [{"flag": "/srv/$(reboot)"}]}, "template.examples.0"),
    ({"parameters": {"$ref": "http://127.0.0.1:1/"}}, "template.parameters"),
    ({"revision": 7}, "changes.revision"),
    ({"proven": True}, "changes.proven"),
    ({"categories": []}, "changes.categories"),
    ({"colour": "red"}, "changes.colour"),
]


async def test_a_change_that_cannot_stand_is_refused_with_its_field(
    analyzer: Service, wire: Wire, template: Template, asked_by: Asked
) -> None:
    assert (await wire.request(CreateTemplate(template=template, **asked_by()))).status == 201
    for changes, field in REFUSED:
        reply = await wire.request(UpdateTemplate(template_id="raise-flag", changes=changes, **asked_by()))
        assert reply.status == 422, changes
        assert reply.problem is not None
        assert reply.problem.field == field
        assert reply.problem.remedy
    listed = (await wire.request(ListTemplates(**asked_by()))).body["templates"]
    assert next(each for each in listed if each["id"] == "raise-flag")["revision"] == 1


async def test_a_template_without_an_example_is_checked_all_the_same(
    analyzer: Service, wire: Wire, template: Template, asked_by: Asked
) -> None:
    unexplained = template.model_copy(update={"examples": ()})
    reply = await wire.request(CreateTemplate(template=unexplained, **asked_by()))
    assert (reply.status, reply.problem.field) == (422, "template.examples")
    bare = {"examples": (), "parameters": {"type": "object"}, "writes": (), "body": "rm -rf /\n"}
    reply = await wire.request(CreateTemplate(template=template.model_copy(update=bare), **asked_by()))
    assert (reply.status, reply.problem.field) == (422, "template.body")


async def test_what_is_not_there_is_404(analyzer: Service, wire: Wire, asked_by: Asked) -> None:
    unknown = {"template_id": "nothing-like-it"}
    assert (await wire.request(UpdateTemplate(changes={"title": "x"}, **unknown, **asked_by()))).status == 404
    assert (await wire.request(DeleteTemplate(**unknown, **asked_by()))).status == 404
