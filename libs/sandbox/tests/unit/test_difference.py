"""What a run changed, as text that a person can read and commands that they can give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suture_sandbox.runner.difference import difference, undo_by_hand

ABSENT: dict[str, Any] = {"kind": "absent"}


def file(path: Path, content: bytes, mode: int = 0o644) -> dict[str, Any]:
    path.write_bytes(content)
    owner = {"mode": mode, "uid": 7, "gid": 8, "xattrs": {}}
    return {"kind": "file", "size": len(content), "sha256": content.hex()[:64], "blob": str(path), **owner}


def test_a_change_of_bytes_and_mode_is_shown_and_given_secrets_are_not(tmp_path: Path) -> None:
    old, new = file(tmp_path / "1", b"a\nword=xyzzy\n", 0o600), file(tmp_path / "2", b"b\nword=xyzzy\n")
    shown = difference({"/srv/a": old}, {"/srv/a": new}, ["xyzzy"])
    assert "# /srv/a: mode 600 -> 644\n" in shown
    assert "-a\n+b\n word=[masked]\n" in shown


def test_what_is_no_text_or_can_no_longer_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    gone = {**file(tmp_path / "1", b"a\n"), "blob": str(tmp_path / "none")}
    for new in (file(tmp_path / "2", b"\0"), file(tmp_path / "3", b"\xff"), gone):
        assert "not text, or too long" in difference({}, {"/srv/a": new}, [])


def test_of_many_changes_the_first_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    old, new = file(tmp_path / "1", b"a\n"), file(tmp_path / "2", b"b\n" * 6_000)
    paths = [f"/srv/{number}" for number in range(2_000)]
    shown = difference(dict.fromkeys(paths, old), dict.fromkeys(paths, new), [])
    assert shown.startswith("# 2000 paths changed, of which 200 ")
    assert shown.count("too long to show") == 200
    assert len(shown) <= 19_000
    undo = undo_by_hand(dict.fromkeys(paths, old), dict.fromkeys(paths, ABSENT))
    assert len(undo) < 20_000
    assert undo.endswith("index.json of the snapshot has all")


def test_names_are_quoted_for_the_shell_and_children_go_before_their_directory(tmp_path: Path) -> None:
    folder = {"kind": "directory", "mode": 0o755, "uid": 0, "gid": 0, "xattrs": {}}
    after = {"/srv/it's": folder, "/srv/it's/$(x)": file(tmp_path / "1", b"")}
    assert undo_by_hand({}, after).splitlines() == [
        "rm -f -- '/srv/it'\\''s/$(x)'",
        "rmdir -- '/srv/it'\\''s'",
    ]


def test_what_was_there_comes_back_with_owner_and_mode(tmp_path: Path) -> None:
    old = file(tmp_path / "1", b"a", 0o4750)
    link = {"kind": "link", "target": "a b", "uid": 0, "gid": 0}
    undo = undo_by_hand({"/srv/a": old, "/srv/l": link}, {"/srv/a": ABSENT, "/srv/l": ABSENT})
    assert undo.splitlines() == [
        f"install -T -o 7 -g 8 -m 4750 -- '{tmp_path}/1' '/srv/a'",
        "ln -sfT -- 'a b' '/srv/l'",
    ]
