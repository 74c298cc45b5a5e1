"""Each type of script over SSH, in the host's sandbox and on the host itself, by the suite that all pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from suture_testkit.outcomes import Case, Outcomes
from suture_testkit.packages import MANAGERS


def state(root: Path) -> dict[str, tuple[object, ...]]:
    """Bytes, mode and owner of everything in the folder."""
    found = {}
    for path in sorted(root.rglob("*")):
        how = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (how.st_mode, how.st_uid, how.st_gid, data)
    return found


def texts(path: Path, kind: str) -> dict[str, str]:
    edit = {"path": str(path), "format": "keyvalue", "set": {"host": "new"}}
    missing = {"path": f"{path}.missing", "format": "keyvalue", "set": {"a": 1}}
    write = f"open('{path}', 'w').write('host=new\\n')\n"
    return {
        "bash": {"fix": f"echo host=new > {path}", "fails": f"echo host=new > {path}; exit 3"},
        "python": {"fix": write, "fails": f"{write}raise SystemExit(3)"},
        "config": {
            "fix": json.dumps({"edits": [edit]}),
            "fails": json.dumps({"edits": [edit, missing]}),
        },
    }[kind] | {
        "verify": f"import sys; sys.exit('host=new' not in open('{path}').read())"
        if kind == "python"
        else f"grep -q host=new {path}",
        "never": "raise SystemExit(1)" if kind == "python" else "false",
    }


class TestOnAHost(Outcomes):
    @pytest.fixture(params=["bash", "python", "config", "bash without a sandbox"])
    def case(self, request, host) -> Case:
        kind, _, direct = request.param.partition(" ")
        host.registered = {"sandbox": "none"} if direct else {}
        host.config.write_text("# who\nhost=old\n")
        return Case(
            run=host.run,
            state=lambda: state(host.root),
            drift=lambda: host.config.write_text("host=new\nby hand\n") and None,
            fields={"script_type": kind},
            **texts(host.config, kind),
        )


class TestOfPackages(Outcomes):
    @pytest.fixture(params=MANAGERS)
    def manager(self, request) -> str:
        return str(request.param)

    @pytest.fixture
    def case(self, host, packages, update) -> Case:
        fields = update()
        body, verify = fields.pop("body"), fields.pop("verify")
        return Case(
            run=host.run,
            fix=body,
            fails=f"{body}\nexit 9",
            verify=verify,
            never="false",
            state=lambda: (packages.packages(), state(packages.folder / "kept")),
            drift=lambda: packages.install("1.0-10"),
            fields=fields,
        )
