"""Templates rendered to script documents: no model, no loop, every parameter quoted, everything bounded."""

from __future__ import annotations

import posixpath
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import ValidationError
from suture_contracts.base import ScriptType
from suture_contracts.script import ScriptDocument
from suture_contracts.template import Template

from suture_generation.errors import GenerationError, ParametersInvalid, RenderRefused, TemplateInvalid
from suture_generation.insertions import check_insertions, check_language
from suture_generation.quoting import Quote, identifier, plain, quote_for
from suture_generation.schema import ParameterSchema, compile_schema, validate_parameters

MAX_SCRIPT_CHARACTERS = 200_000
_CACHED_TEMPLATES = 256
_PARTS = ("body", "rollback", "verify")


class CompiledTemplate:
    """One template revision, ready to render; raises ``TemplateInvalid`` when it is not usable."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.parameters: ParameterSchema = compile_schema(template)
        self._names = dict.fromkeys(self.parameters.properties)
        self._parts = {part: self._compile(part, getattr(template, part)) for part in _PARTS}
        self._writes = tuple(self._line("writes", text) for text in template.writes)
        self._egress = tuple(self._line("egress", text) for text in template.egress)

    def render(self, values: Mapping[str, Any], targets: Sequence[str] = ()) -> ScriptDocument:
        """The document for these parameters and target ids; raises ``GenerationError``."""
        known = validate_parameters(self.parameters, values)
        context = self._names | known
        parts = {name: self._render(part, context, name) for name, part in self._parts.items()}
        try:
            return ScriptDocument(
                script_type=self.template.script_type,
                writes=self._lines(self._writes, context, "writes"),
                egress=self._lines(self._egress, context, "egress"),
                targets=tuple(targets),
                parameters=known,
                limits=self.template.limits,
                **parts,
            )
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise RenderRefused(
                first["msg"], field=field, remedy="correct the parameter that it is made of"
            ) from error

    def _compile(self, part: str, source: str) -> jinja2.Template | None:
        if not source:
            return None
        # A configuration patch is verified by a shell script.
        is_shell = self.template.script_type == "config" and part != "body"
        language: ScriptType = "bash" if is_shell else self.template.script_type
        environment = _environment(quote_for(language))
        try:
            check_insertions(environment.parse(source), language, part)
            return environment.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateInvalid(f"line {error.lineno}: {error.message}", field=part) from error
        except jinja2.TemplateError as error:
            raise TemplateInvalid(str(error)[:300], field=part) from error

    def _line(self, part: str, source: str) -> jinja2.Template:
        environment = _environment(plain)
        try:
            check_language(environment.parse(source), part)
            return environment.from_string(source)
        except jinja2.TemplateError as error:
            raise TemplateInvalid(str(error)[:300], field=part) from error

    def _lines(self, lines: Sequence[jinja2.Template], context: dict[str, Any], name: str) -> tuple[str, ...]:
        rendered = (self._render(line, context, name).strip() for line in lines)
        return tuple(dict.fromkeys(line for line in rendered if line))

    def _render(self, part: jinja2.Template | None, context: dict[str, Any], name: str) -> str:
        if part is None:
            return ""
        try:
            text = part.render(context)
        except jinja2.UndefinedError as error:
            raise ParametersInvalid(
                f"{error.message}: the template inserts a parameter that its schema does not know",
                field=name,
                remedy="add it to the template's parameters",
            ) from error
        except GenerationError as error:
            raise RenderRefused(error.reason, field=name, remedy=error.remedy) from error
        except Exception as error:
            raise RenderRefused(f"could not be rendered: {error}"[:300], field=name) from error
        if len(text) > MAX_SCRIPT_CHARACTERS:
            raise RenderRefused(
                f"is {len(text):,} characters long",
                field=name,
                remedy=f"keep it under {MAX_SCRIPT_CHARACTERS:,}",
            )
        return text


class TemplateCache:
    """Compiled revisions by id and revision; bounded, the longest unused one goes first."""

    def __init__(self, size: int = _CACHED_TEMPLATES) -> None:
        self._size = size
        self._compiled: OrderedDict[tuple[str, int], CompiledTemplate] = OrderedDict()

    def compiled(self, template: Template) -> CompiledTemplate:
        key = (template.id, template.revision)
        known = self._compiled.get(key)
        # Comparing the texts costs less than digesting them, and trusts no number that a message brought.
        if known is None or known.template != template:
            known = self._compiled[key] = CompiledTemplate(template)
        self._compiled.move_to_end(key)
        while len(self._compiled) > self._size:
            self._compiled.popitem(last=False)
        return known


def check_template(template: Template) -> tuple[ScriptDocument, ...]:
    """Compiles a template and renders its examples; raises ``GenerationError`` naming the field at fault."""
    compiled = CompiledTemplate(template)
    _check_names(template, tuple(compiled.parameters.properties))
    documents = []
    for number, example in enumerate(template.examples):
        try:
            documents.append(compiled.render(example))
        except GenerationError as error:
            raise TemplateInvalid(
                str(error), field=f"examples.{number}", remedy="correct the example"
            ) from error
    return tuple(documents)


def _check_names(template: Template, known: Sequence[str]) -> None:
    # Also where no example would come by the insertion.
    texts = {part: (getattr(template, part),) for part in _PARTS}
    for field, sources in (texts | {"writes": template.writes, "egress": template.egress}).items():
        for source in sources:
            for name in _environment(plain).parse(source).find_all(jinja2.nodes.Name):
                if name.name not in known:
                    raise TemplateInvalid(
                        f"line {name.lineno}: the parameter {name.name[:100]!r} is not known",
                        field=field,
                        remedy="add it to the template's parameters"
                        + (f", or use one of {', '.join(known)}" if known else ""),
                    )


@lru_cache(maxsize=8)
def _environment(quote: Quote) -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=quote,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # every value is quoted for its own language by finalize
        cache_size=0,
    )
    environment.filters = {
        "host_port": _host_port,
        "basename": posixpath.basename,
        "dirname": posixpath.dirname,
        "identifier": identifier,
        "default": lambda value, other: other if value is None else value,
    }
    environment.globals = {}
    return environment


def _host_port(url: str) -> str:
    """``host:port`` of an address, with the port that its scheme implies."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RenderRefused(f"{url[:100]!r} is not an http address", remedy="give http://host:port/path")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
