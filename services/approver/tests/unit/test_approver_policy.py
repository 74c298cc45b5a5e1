"""The policy file is read strictly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from suture_approver.policy import PolicyError, load_policy

PACKAGED = resources.files("suture_approver").joinpath("policy.yaml").read_text()


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text)
    return path


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = yaml.safe_load(PACKAGED)
    change(content)
    return written(folder, yaml.safe_dump(content))


def test_the_packaged_policy_is_the_one_that_the_documentation_describes() -> None:
    policy = load_policy()
    assert (policy.levels.HIGH, policy.levels.MEDIUM) == (80, 50)
    assert [policy.approvers.of(level) for level in ("HIGH", "MEDIUM", "LOW")] == [0, 1, 2]
    assert policy.expiry.awaiting_approval == timedelta(days=1)
    assert policy.breaker.window == policy.breaker.block == timedelta(hours=1)


def test_a_copy_of_it_from_a_file_says_the_same(tmp_path: Path) -> None:
    assert load_policy(written(tmp_path, PACKAGED)) == load_policy()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda p: p.pop("breaker"), "breaker"),
        (lambda p: p.update(surprise=1), "surprise"),
        (lambda p: p["confidence"]["weights"].update(complexity=16), "add up to 101"),
        (lambda p: p["confidence"]["weights"].update(complexity=-15), "complexity"),
        (lambda p: p["confidence"]["origins"].pop("novel"), "lacks novel"),
        (lambda p: p["confidence"]["origins"].update(novel=1.5), "novel"),
        (lambda p: p["levels"].update(MEDIUM=80), "MEDIUM begins below HIGH"),
        (lambda p: p["approvers"].update(MEDIUM=0), "approvers.MEDIUM"),
        (lambda p: p["approvers"].update(LOW="two"), "approvers.LOW"),
        (lambda p: p["expiry"].update(approval_minutes=0), "approval_minutes"),
        (lambda p: p["expiry"].update(approval_minutes=float("inf")), "approval_minutes"),
        (lambda p: p["rehearsal"].update(levels=["SOMETIMES"]), "rehearsal.levels"),
        (lambda p: p["caps"].update(any_warning="yes"), "caps.any_warning"),
        (lambda p: p["breaker"].update(failures=0), "breaker.failures"),
    ],
)
def test_a_policy_that_is_not_whole_or_not_sound_is_refused_by_its_field(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], named: str
) -> None:
    with pytest.raises(PolicyError, match=named):
        load_policy(changed(tmp_path, change))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "a: &a [*a]", "x: !!python/object:os.system {}", "breaker: {}\nbreaker: {}", "[" * 5000],
)
def test_what_is_not_a_policy_is_refused_with_the_file_s_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        load_policy(written(tmp_path, text))


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file"):
        load_policy(tmp_path / "nothing.yaml")
    with pytest.raises(PolicyError, match="longer than"):
        load_policy(written(tmp_path, PACKAGED + "#" * 200_000))
