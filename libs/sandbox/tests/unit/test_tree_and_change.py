"""Reading and changing paths without following links, on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from suture_sandbox.runner import change, snapshot
from suture_sandbox.runner.tree import ABSENT, Budget, PathRefused, Root, read


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("text")
    return Root(str(tmp_path))


@pytest.mark.parametrize("tail", ["", "/..", "/../etc", "/dir/../../x", "/dir//file", "/./dir", "-other/x"])
def test_what_is_not_below_the_root_is_refused(root: Root, tail: str) -> None:
    with pytest.raises(PathRefused, match="not below"):
        root.look(root.path + tail)


def test_a_link_on_the_way_is_refused_even_when_it_stays_inside(root: Root) -> None:
    Path(root.path, "link").symlink_to("dir")
    with pytest.raises(PathRefused, match="symbolic link"):
        root.look(f"{root.path}/link/file")


def test_a_root_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(PathRefused, match="register the real path"):
        Root(str(tmp_path / "link"))


def test_what_is_missing_is_absent_with_all_its_missing_folders(root: Root, tmp_path: Path) -> None:
    found = snapshot.take(root, [f"{root.path}/a/b/c"], str(tmp_path / "kept"))
    assert found == {f"{root.path}/{name}": ABSENT for name in ("a", "a/b", "a/b/c")}


def test_a_snapshot_larger_than_its_budget_is_refused(root: Root) -> None:
    with pytest.raises(PathRefused, match="more than a snapshot may"):
        read(os.open(f"{root.path}/dir", os.O_RDONLY), "file", "file", Budget(size=3))


def test_a_change_and_its_restore_leave_bytes_mode_and_time_as_they_were(root: Root, tmp_path: Path) -> None:
    path = Path(root.path, "dir", "file")
    path.chmod(0o604)
    os.utime(path, ns=(1, 1_000_000_007))
    before = snapshot.take(root, [str(path)], str(tmp_path / "kept"))
    (tmp_path / "new").write_text("new text")
    after = {str(path): {**root.look(str(tmp_path / "new")), "blob": str(tmp_path / "new")}}
    change.apply(root, before, after, "tag")
    assert path.read_text() == "new text"
    change.restore(root, before, after, "tag")
    found = path.stat()
    assert (path.read_text(), found.st_mode & 0o7777, found.st_mtime_ns) == ("text", 0o604, 1_000_000_007)
    assert sorted(os.listdir(path.parent)) == ["file"]


def test_a_change_that_finds_one_path_drifted_changes_none(root: Root, tmp_path: Path) -> None:
    paths = [f"{root.path}/dir/file", f"{root.path}/dir/other"]
    before = snapshot.take(root, paths, str(tmp_path / "kept"))
    Path(paths[1]).write_text("came meanwhile")
    (tmp_path / "new").write_text("new")
    entry = {**root.look(str(tmp_path / "new")), "blob": str(tmp_path / "new")}
    with pytest.raises(change.Drift, match="other"):
        change.apply(root, before, dict.fromkeys(paths, entry), "tag")
    assert Path(paths[0]).read_text() == "text"


def test_a_restore_that_finds_one_path_drifted_restores_none(root: Root, tmp_path: Path) -> None:
    paths = [f"{root.path}/dir/file", f"{root.path}/dir/other"]
    before = snapshot.take(root, paths, str(tmp_path / "kept"))
    (tmp_path / "new").write_text("new")
    entry = {**root.look(str(tmp_path / "new")), "blob": str(tmp_path / "new")}
    change.apply(root, before, dict.fromkeys(paths, entry), "tag")
    Path(paths[1]).write_text("edited")
    with pytest.raises(change.Drift, match="other"):
        change.restore(root, before, dict.fromkeys(paths, entry), "tag")
    assert Path(paths[0]).read_text() == "new"
