"""What is kept of a script's output."""

from __future__ import annotations

import pytest
from suture_sandbox.runner.output import MASK, Tail, masked


def test_short_output_is_kept_whole() -> None:
    tail = Tail(100)
    tail.put(b"one\n")
    tail.put(b"two\n")
    assert tail.text([]) == "one\ntwo\n"


def test_of_long_output_the_end_is_kept_from_a_whole_line_on() -> None:
    tail = Tail(20)
    tail.put(b"secret-that-is-cut in half\nlast line\n")
    assert tail.text(["secret-that-is-cut"]) == "[17 bytes before this are left out]\nlast line\n"


def test_a_line_longer_than_the_limit_is_left_out_whole() -> None:
    tail = Tail(10)
    tail.put(b"x" * 1_000)
    assert tail.text([]) == "[990 bytes before this are left out]\n"


def test_nul_and_invalid_bytes_become_replacement_characters() -> None:
    tail = Tail(10)
    tail.put(b"a\x00\xffb")
    assert tail.text([]) == "a\ufffd\ufffdb"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter2", f"password={MASK}"),
        ("DB_PASSWORD: 'two words'", f"DB_PASSWORD: {MASK}"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {MASK}"),
        ("postgres://app:s3cret@db:5432/x", f"postgres://app:{MASK}@db:5432/x"),
        ("key AKIAABCDEFGHIJKLMNOP used", f"key {MASK} used"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n", f"{MASK}\n"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, expected: str) -> None:
    assert masked(text, []) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cat: /etc/passwd: Permission denied\n",
        "open /run/secrets/token: No such file or directory",
        "cp: '/srv/api_key': Is a directory; nothing was copied",
    ],
)
def test_what_the_system_says_of_a_file_named_like_a_secret_is_shown(text: str) -> None:
    assert masked(text, []) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=Permission denied", f"password={MASK} denied"),
        ("password: Permission-denied", f"password: {MASK}"),
        ("password: Permission deniedX", f"password: {MASK} deniedX"),
        (
            "/etc/passwd: Permission denied, password: hunter2",
            f"/etc/passwd: Permission denied, password: {MASK}",
        ),
    ],
)
def test_what_only_resembles_such_a_message_is_masked(text: str, expected: str) -> None:
    assert masked(text, []) == expected


def test_given_secrets_are_masked_the_longer_first() -> None:
    assert masked("ab abc", ["ab", "abc", ""]) == f"{MASK} {MASK}"
