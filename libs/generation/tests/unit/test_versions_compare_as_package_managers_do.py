"""Which version is newer is what dpkg and rpm say."""

from __future__ import annotations

import subprocess
from itertools import product

import pytest
from suture_generation.versions import Scheme, compare_versions, lowest_above, newest

DEB = (
    *("1.0", "1.0-1", "1.0-1+deb11u1", "1.0-1~bpo11+1", "1:0.9-3", "1.0~rc1-1", "1.0+dfsg-2", "1.0.10-1"),
    *("1.0.9-1", "1.1.1n-0+deb11u1", "1.1.1k-1+deb11u2", "2.36-9+deb12u10", "2.36-9+deb12u9", "0"),
    *("1.1.1f-1ubuntu2.20", "1.1.1f-1ubuntu2", "1.0a-1", "1.0-1.1"),
)


def test_every_pair_of_debian_versions_compares_as_dpkg_compares_it() -> None:
    for left, right in product(DEB, DEB):
        said = subprocess.run(["dpkg", "--compare-versions", left, "lt", right], check=False).returncode == 0
        assert (compare_versions(left, right, "deb") < 0) == said, (left, right)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0-1.el8", "1.0-2.el8"),
        ("1.0-9.el8", "1.0-10.el8"),
        ("1.0~rc1-1", "1.0-1"),
        ("1.0-1", "1.0^git1-1"),
        ("1.0^git1-1", "1.0.1-1"),
        ("9:1.0-1", "10:0.1-1"),
        ("1.0a", "1.0.1"),
        ("1.0-1.el8", "1.0-1.el8_5"),
        ("4.18.0-372.9.1.el8", "4.18.0-372.19.1.el8_6"),
        ("102.15.1-1.el7_9", "115.3.0-1.el7_9"),
    ],
)
def test_rpm_versions_compare_segment_by_segment(older: str, newer: str) -> None:
    assert compare_versions(older, newer, "rpm") < 0
    assert compare_versions(newer, older, "rpm") > 0


def test_an_epoch_that_only_one_side_names_does_not_count_with_rpm() -> None:
    assert compare_versions("1:1.0-1", "1.0-1", "rpm") == 0


@pytest.mark.parametrize(
    ("scheme", "versions", "expected"),
    [("deb", ["1.0-9", "1.0-10", "1.0~rc1"], "1.0-10"), ("rpm", ["0:1.0-9", "0:1.0-10"], "0:1.0-10")],
)
def test_the_newest_of_several_closes_all(scheme: Scheme, versions: list[str], expected: str) -> None:
    assert newest(versions, scheme) == expected


def test_of_fixes_on_several_branches_the_nearest_one_upwards_is_taken() -> None:
    assert lowest_above(["3.0.9", "1.1.1p"], "1.1.1k", "deb") == "1.1.1p"
    assert lowest_above(["3.0.9", "1.1.1p"], "3.0.1", "deb") == "3.0.9"
    assert lowest_above(["3.0.9"], None, "deb") == "3.0.9"
