from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from suture_gateway.keys import KeyRing, UnusableKeys
from suture_gateway.rate import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def entry(token: str, role: str = "agent", id: str = "agent-1") -> dict[str, Any]:
    return {"id": id, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}


def write(path: Path, *entries: dict[str, Any]) -> Path:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": entries}))
    os.replace(fresh, path)
    return path


def test_a_known_token_is_its_holder(tmp_path: Path) -> None:
    ring = KeyRing(write(tmp_path / "keys", entry("one"), entry("two", "admin", "root")))
    found = ring.authenticate("two")
    assert found is not None
    assert (found.id, found.role) == ("root", "admin")
    assert ring.authenticate("three") is None
    assert ring.authenticate("\ud7ff€") is None


def test_a_changed_file_counts_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    path = write(tmp_path / "keys", entry("one"))
    ring = KeyRing(path, clock)
    assert ring.authenticate("one")
    write(path, entry("two"))
    clock.now = 1.1
    assert ring.authenticate("one") is None
    assert ring.authenticate("two")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"keys": [{"id": "a", "role": "king", "sha256": "00"}]}',
        json.dumps({"keys": [entry("a"), entry("b")]}),
        json.dumps({"keys": [{**entry("a"), "token": "a"}]}),
    ],
)
def test_an_unusable_file_lets_nobody_in(tmp_path: Path, content: str) -> None:
    clock = Clock()
    path = write(tmp_path / "keys", entry("one"))
    ring = KeyRing(path, clock)
    assert ring.authenticate("one")
    path.write_text(content)
    clock.now = 2
    with pytest.raises(UnusableKeys):
        ring.authenticate("one")
    with pytest.raises(UnusableKeys):
        ring.authenticate("one")
    write(path, entry("one"))
    assert ring.authenticate("one")


def test_a_missing_file_lets_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(UnusableKeys):
        KeyRing(tmp_path / "keys").authenticate("one")


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    clock = Clock()
    limit = RateLimit(2, 3, clock)
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.take("b") == 0
    clock.now = 0.5
    assert limit.take("a") == 0
    assert limit.take("a") == 0.5


def test_refused_requests_do_not_push_the_next_one_away() -> None:
    clock = Clock()
    limit = RateLimit(1, 1, clock)
    assert limit.take("a") == 0
    for _ in range(10):
        clock.now += 0.05
        assert limit.take("a") > 0
    clock.now += 0.6
    assert limit.take("a") == 0


def test_silent_callers_are_forgotten_beyond_a_bound() -> None:
    limit = RateLimit(1, 1, Clock())
    for number in range(10_050):
        limit.take(str(number))
    assert len(limit._buckets) == 10_000
