"""Configuration patches on a local target: what is named changes, and not a byte beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

HOST = {"set": {"db.host": "new"}}


def edits(path: Path, **fields: object) -> str:
    return json.dumps({"edits": [{"path": str(path), **fields}]})


def config(path: Path, body: str, wanted: str) -> dict[str, object]:
    return {
        "body": body,
        "script_type": "config",
        "verify": f"grep -qF -- {wanted!r} {path}",
        "writes": (str(path),),
    }


@pytest.mark.parametrize(
    ("name", "before", "fields", "after"),
    [
        (
            "app.yaml",
            "# w\ndb:\n  host: 'old'  # it\n  port: 5432\nlist:\n- a\n",
            {"set": {"db.host": "new", "list[0]": "b"}, "remove": ["db.port"]},
            "# w\ndb:\n  host: 'new'  # it\nlist:\n- b\n",
        ),
        ("app.toml", '# w\n[db]\nhost = "old" # i\n', HOST, '# w\n[db]\nhost = "new" # i\n'),
        ("app.json", '{\n    "db": {"host": "old"}\n}\n', HOST, None),
        ("app.ini", "; w\n[db]\nhost=old\n\n[web]\na=1\n", HOST, "; w\n[db]\nhost = new\n\n[web]\na=1\n"),
        ("app.env", "# w\nexport A=old\nB=1\n", {"set": {"A": "new"}}, "# w\nA=new\nB=1\n"),
        ("sysctl.conf", "net.a = 1\n# new\n", {"set": {"net.b": "new"}}, "net.a = 1\n# new\nnet.b = new\n"),
        (
            "sshd_config",
            "Port 22\nMatch User x\n    Banner old\n",
            {"set": {"Banner": "new"}},
            "Port 22\nBanner new\nMatch User x\n    Banner old\n",
        ),
        ("app.service", "[Service]\nA=/b\n", {"set": {"Service.R": "new"}}, "[Service]\nA=/b\nR=new\n"),
        (
            "crontab",
            "1 2 * * * old\n",
            {"add_lines": ["3 4 * * * new"], "remove_lines": ["1 2 * * * old"]},
            "3 4 * * * new\n",
        ),
    ],
)
async def test_each_format_keeps_what_is_not_named(target, name, before, fields, after) -> None:
    path = target.root / name
    path.write_text(before)
    path.chmod(0o604)
    state = target.state()
    fields_of_run = config(path, edits(path, **fields), "new")
    if name == "sysctl.conf":
        fields_of_run["verify"] = f"grep -q 'b = new' {path}"
    result = await target.run(**fields_of_run)
    assert (result.outcome, result.detail) == ("succeeded", "")
    if after is not None:
        assert path.read_text() == after
    else:
        assert json.loads(path.read_text()) == {"db": {"host": "new"}}
    assert path.stat().st_mode & 0o777 == 0o604
    assert (await target.run(**fields_of_run, mode="rollback")).outcome == "rolled_back"
    assert target.state() == state


async def test_a_diff_is_applied_exactly_where_it_says(target, make_file) -> None:
    path = make_file("one\ntwo\nthree\n")
    body = f"--- {path}\n+++ {path}\n@@ -1,3 +1,3 @@\n one\n-two\n+host=db\n three\n"
    result = await target.run(**config(path, body, "host=db"))
    assert (result.outcome, result.detail) == ("succeeded", "")
    assert path.read_text() == "one\nhost=db\nthree\n"


async def test_a_diff_of_another_file_than_this_changes_nothing(target, make_file) -> None:
    path = make_file("one\n2\nthree\n")
    before = target.state()
    body = f"--- {path}\n+++ {path}\n@@ -1,3 +1,3 @@\n one\n-two\n+host=db\n three\n"
    result = await target.run(**config(path, body, "host=db"))
    assert result.outcome == "rolled_back"
    assert "line 2" in result.output_tail
    assert target.state() == before


async def test_a_file_that_changed_since_the_patch_was_made_is_left_alone(target, make_file) -> None:
    path = make_file("a=1\n")
    seen = hashlib.sha256(b"a=0\n").hexdigest()
    result = await target.run(
        **config(path, edits(path, format="keyvalue", before=seen, set={"a": 2}), "a=2")
    )
    assert result.outcome == "rolled_back"
    assert "is not as it was" in result.output_tail


@pytest.mark.parametrize(
    ("name", "text", "fields"),
    [
        ("app.yaml", "a: [1\n", {"set": {"b": 1}}),
        ("app.json", "{", {"set": {"b": 1}}),
        ("app.conf", "a\n", {"set": {"b": 1}}),
        ("crontab", "# x\n", {"add_lines": ["every day"]}),
        ("sshd_config", "Port 22\n", {"set": {"PermitRootLogon": "no"}}),
    ],
)
async def test_what_no_parser_takes_is_not_put_in_place(target, name, text, fields) -> None:
    path = target.root / name
    path.write_text(text)
    before = target.state()
    result = await target.run(**config(path, edits(path, **fields), "new"))
    assert result.outcome == "rolled_back"
    assert "not applied" in result.output_tail
    assert target.state() == before


async def test_a_patch_of_an_undeclared_file_fails(target, make_file) -> None:
    path = make_file("a=1\n")
    other = target.root / "good.conf"
    before = target.state()
    result = await target.run(**config(path, edits(other, format="keyvalue", set={"host": "x"}), "a=2"))
    assert result.outcome == "rolled_back"
    assert target.state() == before


async def test_a_rehearsal_shows_the_patch_as_a_difference(target, make_file) -> None:
    path = make_file("a=1\n")
    result = await target.run(
        **config(path, edits(path, format="keyvalue", set={"a": 2}), "a=2"), mode="rehearse"
    )
    assert "-a=1\n+a=2\n" in result.diff
    assert path.read_text() == "a=1\n"
