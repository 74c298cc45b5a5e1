"""What may go wrong between a finding and its script; each error names the field and the remedy."""

from __future__ import annotations


class GenerationError(Exception):
    """No script came of it. ``field`` is the part of the input at fault, ``remedy`` what to do about it."""

    def __init__(self, reason: str, *, field: str | None = None, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        what = f"; {self.remedy}" if self.remedy else ""
        return f"{where}{self.reason}{what}"


class TemplateInvalid(GenerationError):
    """The template itself cannot be used: its Jinja, its JSON Schema or an example of it."""


class ParametersInvalid(GenerationError):
    """A template's parameters are missing, unknown or against its schema."""


class RenderRefused(GenerationError):
    """The rendered text breaks a bound."""
