"""The templates: /api/generative-remediation/templates. The analyzer owns them and judges every field."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from suture_contracts import commands
from suture_contracts.template import Template

from suture_gateway.http.bodies import documented, json_body
from suture_gateway.http.context import send
from suture_gateway.http.parameters import Reader, Supervisor, TemplateId
from suture_gateway.http.problems import problem
from suture_gateway.http.requests import FreeForm, camel_keys
from suture_gateway.http.scripts import BASE

router = APIRouter(prefix=f"{BASE}/templates", tags=["templates"])
_OF_THE_SYSTEM = ("origin", "proven")


@router.get("")
async def list_templates(request: Request, caller: Reader) -> JSONResponse:
    """The newest revision of every template."""
    reply = await send(request, caller, commands.ListTemplates)
    return JSONResponse({"templates": [camel_keys(template) for template in reply.body["templates"]]})


@router.post("", status_code=201, openapi_extra=documented(Template))
async def create_template(
    request: Request, caller: Supervisor, body: Annotated[FreeForm, Depends(json_body(FreeForm))]
) -> JSONResponse:
    """Add a template; it is not proven until its test or a supervised run has passed."""
    fields = {**_checked(body.fields()), "origin": "edited", "proven": False, "revision": 1}
    reply = await send(request, caller, commands.CreateTemplate, template=Template.model_validate(fields))
    return _template(reply.body, reply.status)


@router.put("/{template_id}", openapi_extra=documented(FreeForm))
async def update_template(
    request: Request,
    caller: Supervisor,
    template_id: TemplateId,
    body: Annotated[FreeForm, Depends(json_body(FreeForm))],
) -> JSONResponse:
    """Write the next revision with these fields changed; ``revision`` is the one that the caller saw."""
    changes = _checked(body.fields())
    revision = changes.pop("revision", None)
    if changes.get("id", template_id) != template_id:
        raise problem(422, "a template keeps its id", field="id", remedy="create another template instead")
    changes.pop("id", None)
    reply = await send(
        request,
        caller,
        commands.UpdateTemplate,
        template_id=template_id,
        changes=changes,
        revision=revision,
    )
    return _template(reply.body, reply.status)


@router.delete("/{template_id}")
async def delete_template(request: Request, caller: Supervisor, template_id: TemplateId) -> JSONResponse:
    """Remove a template; scripts that were made from it keep theirs."""
    reply = await send(request, caller, commands.DeleteTemplate, template_id=template_id)
    return JSONResponse(camel_keys(reply.body), reply.status)


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(fields) - set(Template.model_fields))
    if unknown:
        known = ", ".join(name for name in Template.model_fields if name not in _OF_THE_SYSTEM)
        raise problem(422, "a template has no such field", field=unknown[0][:200], remedy=f"use {known}")
    # Whether a template is proven is not for its author to say.
    return {name: value for name, value in fields.items() if name not in _OF_THE_SYSTEM}


def _template(body: dict[str, Any], status: int) -> JSONResponse:
    return JSONResponse(camel_keys(body.get("template", body)), status)
