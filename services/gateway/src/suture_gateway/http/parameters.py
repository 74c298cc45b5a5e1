"""The bounded parameters that several routes take, and who calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from suture_contracts.base import Principal

from suture_gateway.domain import STATES
from suture_gateway.http.context import LETTERS, OPERATORS, READERS, SUPERVISORS, TARGETS, requires
from suture_gateway.http.problems import problem

Reader = Annotated[Principal, Depends(requires(*READERS))]
Operator = Annotated[Principal, Depends(requires(*OPERATORS))]
Supervisor = Annotated[Principal, Depends(requires(*SUPERVISORS))]
LetterKeeper = Annotated[Principal, Depends(requires(*LETTERS))]
TargetKeeper = Annotated[Principal, Depends(requires(*TARGETS))]

Wait = Annotated[
    float, Query(ge=0, le=120, allow_inf_nan=False, description="Seconds to wait for an outcome")
]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(min_length=1, max_length=200, description="nextCursor of the last page")]
Word = Annotated[str | None, Query(min_length=1, max_length=40, pattern=r"^[A-Za-z_]+$")]
Reference = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[\w.:/@+~-]+$")]
TargetId = Annotated[str, Path(max_length=200, pattern=r"^[\w.:/@+~-]+$")]
RunId = Annotated[str, Path(max_length=200, pattern=r"^[\w.-]+$")]
TemplateId = Annotated[str, Path(max_length=200, pattern=r"^[\w.:/@+~-]+$")]
LetterCursor = Annotated[
    str, Query(max_length=200, pattern=r"^[\w.:+-]*$", description="next_after of the last page")
]
LetterPrefix = Annotated[
    str, Query(max_length=200, pattern=r"^[\w.:-]*$", description="Only those whose id begins so")
]
LetterId = Annotated[str, Path(max_length=200, pattern=r"^[\w.:-]+$")]


def known_state(state: str | None, field: str) -> str | None:
    """A state's word, or none. Raises 422 for anything else."""
    if state is not None and state not in STATES:
        raise problem(422, "not a state", field=field, remedy=f"use one of {', '.join(STATES)}")
    return state
