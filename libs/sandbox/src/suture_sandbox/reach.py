"""What a target's ``reach`` says, read strictly; each kind has a model of its own."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], reach: dict[str, Any], takes: str) -> M:
    """Raises ``ValueError``, which names the field and what the kind ``takes``."""
    try:
        return model.model_validate(reach)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(("reach", *map(str, first["loc"])))
        raise ValueError(f"{field}: {first['msg']}; {takes}") from None
