"""Configuration patches on a local target: what is named changes, and not a byte beside it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from suture_sandbox import bubblewrap
from suture_sandbox.archives import config_archive
from suture_sandbox.config_patch import nginx
from suture_sandbox.config_patch.lines import Impossible

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
        (
            "app.service",
            "[Service]\nExecStart=/bin/true\n# w\n",
            {"set": {"Service.Environment": "A=new"}},
            "[Service]\nExecStart=/bin/true\n# w\nEnvironment=A=new\n",
        ),
        (
            "nginx.conf",
            "events {}\nhttp {\n  # w\n  server { listen 80; }\n  server {\n    listen 81; # it\n  }\n}\n",
            {"set": {"http.server[1].server_name": "new", "http.server[1].listen": ["82", "83"]}},
            "events {}\nhttp {\n  # w\n  server { listen 80; }\n"
            "  server {\n    listen 82;\n    listen 83; # it\n    server_name new;\n  }\n}\n",
        ),
        (
            "sudoers",
            "# w\nroot ALL=(ALL) ALL\n",
            {"add_lines": ["Defaults env_keep += new"]},
            "# w\nroot ALL=(ALL) ALL\nDefaults env_keep += new\n",
        ),
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
    assert (result.outcome, result.detail) == ("succeeded", ""), result.output_tail
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


SERVER = "server {\n    listen 80;\n}\n"
UNIT = "[Unit]\nRequires=db.service\n[Service]\nExecStart=/opt/nowhere/app\n"


@pytest.mark.parametrize(
    ("name", "before", "good", "bad", "asked"),
    [
        (
            "nginx/site.conf",
            SERVER,
            {"set": {"server.listen": 81}},
            {"set": {"server.listn": 81}},
            "nginx -t",
        ),
        (
            "app.service",
            UNIT,
            {"set": {"Service.User": "root"}},
            {"set": {"Service.Usr": "root"}},
            "systemd-analyze verify",
        ),
        (
            "app@.service",
            UNIT,
            {"set": {"Service.User": "root"}},
            {"set": {"Service.Restart": "often"}},
            "systemd-analyze verify",
        ),
        (
            "ssh.service.d/limits.conf",
            "[Service]\n",
            {"set": {"Service.LimitNOFILE": 81}},
            {"set": {"Service.LimitNOFILES": 81}},
            "systemd-analyze verify",
        ),
        (
            "cron.d/app",
            "1 2 * * mon root true\n",
            {"add_lines": ["@daily root true"]},
            {"add_lines": ["1 24 * * * root true"]},
            "crontab -n",
        ),
        (
            "sudoers.d/app",
            "root ALL=(ALL) ALL\n",
            {"add_lines": ["bin ALL=(ALL) /bin/true"]},
            {"add_lines": ["bin ALL=(ALL /bin/true"]},
            "visudo -c",
        ),
        (
            "sshd_config",
            "Port 22\n",
            {"set": {"MaxAuthTries": 3}},
            {"set": {"MaxAuthTrys": 3}},
            "sshd -t",
        ),
    ],
)
async def test_the_program_itself_says_what_it_takes(target, name, before, good, bad, asked) -> None:
    path = target.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(before)
    state = target.state()
    fields = {"script_type": "config", "verify": "", "writes": (str(path),)}
    refused = await target.run(edits(path, **bad), name="bad", **fields)
    assert refused.outcome == "rolled_back"
    assert "not applied" in refused.output_tail
    assert target.state() == state
    taken = await target.run(edits(path, **good), name="good", **fields)
    assert taken.outcome == "succeeded", taken.output_tail
    assert f"checked {path}: {asked}" in taken.output_tail
    assert "not checked" not in taken.detail


async def test_what_no_program_checked_is_in_the_result(target, monkeypatch) -> None:
    path = target.root / "sudoers"
    path.write_text("root ALL=(ALL) ALL\n")
    monkeypatch.setattr(bubblewrap, "config_archive", without_programs)
    result = await target.run(
        edits(path, add_lines=["# new"]), script_type="config", verify=f"grep new {path}", writes=(str(path),)
    )
    assert (result.outcome, result.detail) == (
        "succeeded",
        f"not checked: {path}: visudo is not installed here",
    )


def without_programs() -> tuple[bytes, str]:
    """The interpreter as it is on a machine where none of the programs is installed."""
    written = io.BytesIO()
    data, _ = config_archive()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b'_PATH = "', b'_PATH = "/nowhere"  # "'))
    return written.getvalue(), "0" * 64


async def test_owner_mode_and_extended_attributes_are_kept_and_a_link_is_not_replaced(target) -> None:
    path, link = target.root / "app.env", target.root / "link.env"
    path.write_text("A=old\n")
    link.symlink_to(path.name)
    os.chown(path, 1234, 2345)
    path.chmod(0o2640)
    os.setxattr(path, "user.note", b"kept")
    os.setxattr(path, "security.suture", b"\x00kept")
    state = target.state()
    through = await target.run(**config(link, edits(link, set={"A": "new"}), "new"), name="through")
    assert (through.outcome, "is a symbolic link" in through.output_tail) == ("rolled_back", True)
    assert target.state() == state
    assert (await target.run(**config(path, edits(path, set={"A": "new"}), "new"))).outcome == "succeeded"
    found = path.stat()
    assert (path.read_text(), found.st_uid, found.st_gid, found.st_mode & 0o7777) == (
        "A=new\n", 1234, 2345, 0o2640,
    )  # fmt: skip
    assert os.getxattr(path, "user.note") == b"kept"
    assert os.getxattr(path, "security.suture") == b"\x00kept"
    assert link.is_symlink()
    assert (await target.run(**config(path, "", "new"), mode="rollback")).outcome == ("rolled_back")
    assert target.state() == state
    assert os.getxattr(path, "user.note") == b"kept"


NGINX = "events {}\nhttp {\n    server { listen 80; }\n}\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"http.server.listen": "80; include /etc/shadow"}, "not the arguments of one directive"),
        ({"http.server.listen": "80 # "}, "does not end"),
        ({"http.server.listen": "80; } server {"}, "a block ends that did not begin"),
        ({"http.nothing.listen": 80}, "there are 0 blocks"),
        ({"http.server[3].listen": 80}, "there are 1 of"),
        ({"http.server": "x"}, "is a block"),
    ],
)
def test_a_value_of_nginx_is_one_directive_and_its_place_is_told_apart(changes, said) -> None:
    with pytest.raises(Impossible, match=re.escape(said)):
        nginx.edit(NGINX, changes, [])


def test_an_nginx_file_that_cannot_be_read_is_not_edited() -> None:
    for text in ("http {", "}", "a", 'a "b', "x_by_lua_block { if a then end }", "a {" * 30):
        with pytest.raises(Impossible):
            nginx.edit(text, {"b": 1}, [])
