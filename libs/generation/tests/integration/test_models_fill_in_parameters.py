"""A model says the values that a template lacks; each is held to the parameter's schema, and none is code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from suture_contracts.findings import RcaReceived
from suture_contracts.target import Target
from suture_generation.analysis import analyze_rca
from suture_generation.authoring import Authored, Task
from suture_generation.catalog import released_templates
from suture_generation.filling import fill_or_write
from suture_generation.providers import ModelAnswerInvalid, Provider, get_llm_client
from suture_generation.render import TemplateCache
from suture_local.model_server import ModelServer
from suture_safety import analyse_document

TEMPLATES = {template.id: template for template in released_templates()}


@pytest_asyncio.fixture
async def model(model_server: ModelServer) -> AsyncIterator[Provider]:
    client = get_llm_client("openai", model="small", base_url=model_server.openai_url, api_key="k", timeout=5)
    yield client
    await client.close()


@pytest.fixture
def task() -> Callable[..., Task]:
    def build(template: str = "missing-configuration-file", **facts: Any) -> Task:
        reach = {"root": "/srv/orders"}
        target = Target(id="orders", kind="local", reach=reach, owner="me", facts=facts)
        finding = RcaReceived(
            anomaly_id="a",
            root_cause_category="Configuration",
            root_cause_details="Missing configuration file",
            confidence_score="HIGH",
            affected_systems=("orders",),
        )
        return Task(analyze_rca(finding, (target,), _none()).finding, (target,), "bash", TEMPLATES[template])

    return build


def _none() -> Any:
    from suture_generation.analysis import Templates

    return Templates(())


async def made(model: Provider, task: Task) -> Authored:
    return await fill_or_write(model, task, TemplateCache(), max_retries=0)


HOSTILE = (
    "/srv/orders/$(touch pwned)",
    "/srv/orders/a; rm -rf /",
    "/srv/orders/a\nrm -rf /",
    "/srv/orders/`id`",
    "/srv/orders/a' || true #",
    ["/srv/orders/a"],
    7,
)


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
async def test_a_value_against_its_schema_is_said_so_once_and_then_the_model_writes(
    model: Provider, model_server: ModelServer, task: Callable[..., Task], value: Any, written: dict[str, Any]
) -> None:
    bad = {"parameters": {"known_good_source": value}}
    model_server.queue += [bad, bad, written]
    authored = await made(model, task(config_path="/srv/orders/etc/a.conf"))
    assert authored.origin == "adapted"
    assert authored.document.body == written["body"]
    assert "known_good_source: breaks" in model_server.requests[1].prompt
    assert (authored.completion.calls, authored.completion.input_tokens) == (3, 300)


async def test_a_corrected_value_is_taken_and_the_script_passes_the_analysis(
    model: Provider, model_server: ModelServer, task: Callable[..., Task]
) -> None:
    for value in ("relative/path", "/srv/orders/release/a b.conf"):
        model_server.queue.append({"parameters": {"known_good_source": value}})
    authored = await made(model, task(config_path="/srv/orders/etc/a.conf"))
    assert authored.origin == "filled"
    assert "='/srv/orders/release/a b.conf'\n" in authored.document.body
    assert analyse_document(authored.document).is_valid
    assert authored.reversibility == TEMPLATES["missing-configuration-file"].reversibility
    assert authored.completion.calls == 2


async def test_a_path_outside_of_the_target_is_not_taken(
    model: Provider, model_server: ModelServer, task: Callable[..., Task], written: dict[str, Any]
) -> None:
    elsewhere = {"parameters": {"config_path": "/etc/shadow", "known_good_source": "/srv/orders/a"}}
    model_server.queue += [elsewhere, elsewhere, written]
    assert (await made(model, task())).origin == "adapted"
    assert "outside of the targets" in model_server.requests[1].prompt


async def test_a_version_is_never_asked_for(
    model: Provider, model_server: ModelServer, task: Callable[..., Task], written: dict[str, Any]
) -> None:
    model_server.queue.append(written)
    assert (await made(model, task("package-update-apt"))).origin == "adapted"
    (request,) = model_server.requests
    assert request.body["response_format"]["json_schema"]["name"] == "remediation_script"


async def test_numbers_and_words_of_a_list_are_asked_for_as_what_they_are(
    model: Provider, model_server: ModelServer, task: Callable[..., Task]
) -> None:
    model_server.queue.append({"parameters": {"parameter": "vm.swappiness", "value": "10"}})
    kernel = task("kernel-setting")
    host = kernel.targets[0].model_copy(update={"kind": "host", "reach": {}})
    authored = await made(model, Task(kernel.finding, (host,), "bash", kernel.template))
    assert authored.origin == "filled"
    asked = model_server.requests[0].body["response_format"]["json_schema"]["schema"]
    parts = asked["properties"]["parameters"]["properties"]
    assert None in parts["parameter"]["enum"]
    assert parts["value"]["type"] == ["string", "null"]
    assert "pattern ^[0-9]" in parts["value"]["description"]


async def test_what_filling_in_took_counts_where_nothing_comes_of_it(
    model: Provider, model_server: ModelServer, task: Callable[..., Task]
) -> None:
    model_server.queue.append({"parameters": {"known_good_source": None}})
    model_server.answering = lambda request: "no { json"
    with pytest.raises(ModelAnswerInvalid) as caught:
        await made(model, task(config_path="/srv/orders/etc/a.conf"))
    assert (caught.value.input_tokens, caught.value.output_tokens) == (200, 100)
