"""The templates that come with a release, read from the package's data."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml
from pydantic import ValidationError
from suture_contracts.template import Template

from suture_generation.errors import TemplateInvalid

MAX_TEMPLATE_BYTES = 100_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def released_templates() -> tuple[Template, ...]:
    """Every packaged template, by id."""
    folder = files("suture_generation") / "templates"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".yaml")]
    templates = (parse_template(entry.read_text("utf-8")) for entry in found)
    return tuple(sorted(templates, key=lambda template: template.id))


def parse_template(text: str) -> Template:
    """A template written as YAML; raises ``TemplateInvalid`` naming the field."""
    if len(text) > MAX_TEMPLATE_BYTES:
        raise TemplateInvalid(
            f"is {len(text):,} characters long", remedy=f"keep it under {MAX_TEMPLATE_BYTES:,}"
        )
    try:
        # Aliases can make a small text enormous.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_LOADER)):
            raise TemplateInvalid("anchors and aliases are not allowed", remedy="write the text out")
        data: Any = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise TemplateInvalid(f"is not YAML: {error}"[:500]) from error
    try:
        return Template.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise TemplateInvalid(first["msg"], field=".".join(str(part) for part in first["loc"])) from error
