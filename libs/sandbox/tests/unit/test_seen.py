"""What an approval carries of what a rehearsal saw."""

from __future__ import annotations

from suture_sandbox.runner.seen import drift, folded, seen

MANY = {f"/srv/{number:04}": "a" * 64 for number in range(1_000)}


def test_what_changed_came_and_went_is_named() -> None:
    expected = seen({"/a": "1", "/b": "2", "/c": "3"})
    assert drift(expected, {"/a": "1", "/b": "other", "/d": "4"}) == ["/b", "/c", "/d"]


def test_without_expectation_nothing_differs() -> None:
    assert drift({}, {"/a": "1"}) == []


def test_of_many_paths_a_bounded_number_is_named_and_the_others_count_all_the_same() -> None:
    expected = seen(MANY)
    assert len(expected) == 101
    assert drift(expected, MANY) == []
    assert drift(expected, {**MANY, "/srv/0999": "b"}) == ["and 900 others"]


def test_a_path_that_is_too_long_to_name_counts_too() -> None:
    long = "/" + "x" * 4_000
    expected = seen({long: "1"})
    assert max(map(len, expected)) < 100
    assert drift(expected, {long: "1"}) == []
    assert drift(expected, {long: "2"})


def test_what_was_folded_into_one_word_still_tells_a_difference() -> None:
    expected = folded(seen(MANY))
    assert drift(expected, MANY) == []
    assert drift(expected, {**MANY, "/srv/0001": "b"})
