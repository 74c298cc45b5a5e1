"""Versions compared as the package managers compare them: epochs, ``~``, ``^`` and backports' suffixes.

The scripts ask the package manager itself; this decides which of several fixed versions closes everything.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import Literal

Scheme = Literal["deb", "rpm"]
MAX_VERSION_CHARACTERS = 256
_SEGMENT = re.compile(r"[0-9]+|[a-zA-Z]+|~|\^")


def scheme_of(package_manager: str | None) -> Scheme:
    return "deb" if package_manager == "apt" else "rpm"


def compare_versions(left: str, right: str, scheme: Scheme) -> int:
    """Negative, zero or positive, as ``left`` is older than, equal to or newer than ``right``."""
    compare = _deb if scheme == "deb" else _rpm
    return compare(left[:MAX_VERSION_CHARACTERS], right[:MAX_VERSION_CHARACTERS])


def newest(versions: list[str], scheme: Scheme) -> str:
    """The highest of one or more versions."""
    return _ordered(versions, scheme)[-1]


def lowest_above(versions: list[str], installed: str | None, scheme: Scheme) -> str:
    """Of versions that each fix the same fault on a branch of their own, the nearest one upwards."""
    ordered = _ordered(versions, scheme)
    if installed is not None:
        above = [version for version in ordered if compare_versions(version, installed, scheme) > 0]
        return above[0] if above else ordered[-1]
    return ordered[0]


def _ordered(versions: list[str], scheme: Scheme) -> list[str]:
    def compare(left: str, right: str) -> int:
        return compare_versions(left, right, scheme)

    return sorted(versions, key=cmp_to_key(compare))


def _split_epoch(version: str) -> tuple[int, str]:
    epoch, colon, rest = version.partition(":")
    return (int(epoch), rest) if colon and epoch.isdigit() else (0, version)


def _deb(left: str, right: str) -> int:
    (epoch, first), (other_epoch, second) = _split_epoch(left), _split_epoch(right)
    if epoch != other_epoch:
        return epoch - other_epoch
    upstream, _, revision = first.rpartition("-") if "-" in first else (first, "", "0")
    other_upstream, _, other_revision = second.rpartition("-") if "-" in second else (second, "", "0")
    return _deb_part(upstream, other_upstream) or _deb_part(revision, other_revision)


def _deb_part(left: str, right: str) -> int:
    while left or right:
        text, other_text = _leading(left, digits=False), _leading(right, digits=False)
        left, right = left[len(text) :], right[len(other_text) :]
        for position in range(max(len(text), len(other_text))):
            difference = _deb_order(text[position : position + 1]) - _deb_order(
                other_text[position : position + 1]
            )
            if difference:
                return difference
        number, other_number = _leading(left, digits=True), _leading(right, digits=True)
        left, right = left[len(number) :], right[len(other_number) :]
        if difference := int(number or 0) - int(other_number or 0):
            return difference
    return 0


def _leading(text: str, *, digits: bool) -> str:
    end = 0
    while end < len(text) and (text[end] in "0123456789") == digits:
        end += 1
    return text[:end]


def _deb_order(character: str) -> int:
    if character == "~":
        return -1
    if not character:
        return 0
    return ord(character) if character.isalpha() else ord(character) + 256


def _rpm(left: str, right: str) -> int:
    (epoch, first), (other_epoch, second) = _split_epoch(left), _split_epoch(right)
    # Advisories often leave an epoch out: it counts where both name one.
    if ":" in left and ":" in right and epoch != other_epoch:
        return epoch - other_epoch
    version, dash, release = first.partition("-")
    other_version, other_dash, other_release = second.partition("-")
    difference = _rpm_part(version, other_version)
    return difference or (_rpm_part(release, other_release) if dash and other_dash else 0)


def _rpm_part(left: str, right: str) -> int:
    segments, others = _SEGMENT.findall(left), _SEGMENT.findall(right)
    for position in range(max(len(segments), len(others))):
        one = segments[position] if position < len(segments) else ""
        two = others[position] if position < len(others) else ""
        if one == two:
            continue
        if difference := _rpm_segment(one, two):
            return difference
    return 0


def _rpm_segment(one: str, two: str) -> int:
    if "~" in (one, two):
        return -1 if one == "~" else 1
    if not one or not two:
        # The longer one is newer, also with a caret; but a caret is older than any other segment.
        return 1 if one else -1
    if "^" in (one, two):
        return -1 if one == "^" else 1
    if one.isdigit() != two.isdigit():
        return 1 if one.isdigit() else -1
    if one.isdigit():
        return int(one) - int(two)
    return (one > two) - (one < two)
