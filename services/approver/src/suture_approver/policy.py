"""The approval policy: one YAML file, read strictly, whole or not at all."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from suture_contracts.base import Complexity
from suture_contracts.events import ConfidenceLevel, Origin

_MAX_FILE_BYTES = 100_000
_Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Weight = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
_Minutes = Annotated[float, Field(gt=0, le=525_600, allow_inf_nan=False)]


class PolicyError(ValueError):
    """The policy file cannot be used; the message names the file, the field and what it must be."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Weights(_Strict):
    template_match: _Weight
    complexity: _Weight
    validation: _Weight
    rca_confidence: _Weight
    track_record: _Weight

    @model_validator(mode="after")
    def _together_100(self) -> Weights:
        total = sum(self.model_dump().values())
        if abs(total - 100) > 1e-6:
            raise ValueError(f"the weights add up to {total:g}; make it 100")
        return self


class ConfidenceRules(_Strict):
    weights: Weights
    origins: dict[Origin, _Part]
    complexity: dict[Complexity, _Part]

    @model_validator(mode="after")
    def _complete(self) -> ConfidenceRules:
        for name, given, wanted in (
            ("origins", self.origins, get_args(Origin)),
            ("complexity", self.complexity, get_args(Complexity)),
        ):
            if missing := set(wanted) - set(given):
                raise ValueError(f"{name} lacks {', '.join(sorted(missing))}")
        return self


class Levels(_Strict):
    HIGH: Annotated[float, Field(gt=0, le=100)]
    MEDIUM: Annotated[float, Field(gt=0, le=100)]

    @model_validator(mode="after")
    def _ordered(self) -> Levels:
        if self.MEDIUM >= self.HIGH:
            raise ValueError("MEDIUM begins below HIGH")
        return self


class Approvers(_Strict):
    HIGH: Annotated[int, Field(ge=0, le=10)]
    MEDIUM: Annotated[int, Field(ge=1, le=10)]
    LOW: Annotated[int, Field(ge=1, le=10)]

    def of(self, level: ConfidenceLevel) -> int:
        return {"HIGH": self.HIGH, "MEDIUM": self.MEDIUM, "LOW": self.LOW}[level]


class Caps(_Strict):
    any_warning: bool
    complexity_high: bool
    rca_confidence_below: _Part
    denied_before: bool


class Expiry(_Strict):
    awaiting_approval_minutes: _Minutes
    awaiting_target_minutes: _Minutes
    approval_minutes: _Minutes
    rollback_minutes: _Minutes

    @property
    def awaiting_approval(self) -> timedelta:
        return timedelta(minutes=self.awaiting_approval_minutes)

    @property
    def awaiting_target(self) -> timedelta:
        return timedelta(minutes=self.awaiting_target_minutes)

    @property
    def approval(self) -> timedelta:
        return timedelta(minutes=self.approval_minutes)

    @property
    def rollback(self) -> timedelta:
        return timedelta(minutes=self.rollback_minutes)


class Rehearsal(_Strict):
    levels: list[ConfidenceLevel]
    timeout_minutes: _Minutes

    @property
    def timeout(self) -> timedelta:
        return timedelta(minutes=self.timeout_minutes)


class Breaker(_Strict):
    failures: Annotated[int, Field(ge=1, le=50)]
    window_minutes: _Minutes
    block_minutes: _Minutes

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.window_minutes)

    @property
    def block(self) -> timedelta:
        return timedelta(minutes=self.block_minutes)


class TrackRecord(_Strict):
    runs: Annotated[int, Field(ge=1, le=200)]


class Policy(_Strict):
    confidence: ConfidenceRules
    levels: Levels
    approvers: Approvers
    caps: Caps
    expiry: Expiry
    rehearsal: Rehearsal
    breaker: Breaker
    track_record: TrackRecord


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, where YAML would quietly take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            raise yaml.MarkedYAMLError(problem="a key is there twice", problem_mark=node.start_mark)
        return mapping


def load_policy(path: Path | None = None) -> Policy:
    """The policy in ``path``, or the packaged one. Raises ``PolicyError``."""
    source = path or resources.files("suture_approver").joinpath("policy.yaml")
    try:
        with source.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise PolicyError(f"policy {source}: is longer than {_MAX_FILE_BYTES} bytes")
        return Policy.model_validate(yaml.load(data, Loader=_Loader))  # noqa: S506  a SafeLoader
    except OSError as error:
        raise PolicyError(f"policy {source}: {error}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise PolicyError(f"policy {source}: not YAML: {error}") from error
    except ValidationError as error:
        raise PolicyError(f"policy {source}: {_describe(error)}") from None


def _describe(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in problems[:5]
    )
