"""What a target's ``reach`` says, read strictly; each kind has a model of its own."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

_Word = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00\n]+$")]


class Reload(BaseModel):
    """A command, in words and without a shell, that runs on the target's machine after ``path``, or what is
    below it, was changed or put back. Its owner registers it; no finding and no script can.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(pattern=r"^/[^\x00\n]{1,1000}$")
    command: tuple[_Word, ...] = Field(min_length=1, max_length=20)
    timeout_seconds: int = Field(default=30, ge=1, le=600)


class _Reloads(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    reload: tuple[Reload, ...] = Field(default=(), max_length=20)


M = TypeVar("M", bound=BaseModel)


def read(model: type[M], reach: dict[str, Any], takes: str) -> M:
    """Raises ``ValueError``, which names the field and what the kind ``takes``."""
    try:
        return model.model_validate(reach)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(("reach", *map(str, first["loc"])))
        raise ValueError(f"{field}: {first['msg']}; {takes}") from None


def reloads_of(reach: dict[str, Any]) -> list[dict[str, Any]]:
    """What a target's ``reload`` says, for a runner. Raises ``ValueError``, as ``read`` does."""
    found = read(_Reloads, reach, 'reload is [{"path": "/a/folder", "command": ["nginx", "-s", "reload"]}]')
    return [hook.model_dump(mode="json") for hook in found.reload]
