"""Each type of script on a local target, by the suite that all of them pass."""

from __future__ import annotations

import json

import pytest
from suture_testkit.outcomes import Case, Outcomes

CONFIG = "# who\nhost=old\n"


def texts(path: str, kind: str) -> dict[str, object]:
    """What repairs ``path``, and what begins to and fails."""
    if kind == "config":
        edit = {"path": path, "format": "keyvalue", "set": {"host": "new"}}
        missing = {"path": f"{path}.missing", "format": "keyvalue", "set": {"a": 1}}
        return {
            "fix": json.dumps({"edits": [edit]}),
            "fails": json.dumps({"edits": [edit, missing]}),
            "verify": f"grep -q host=new {path}",
            "never": "false",
        }
    if kind == "python":
        write = f"import os, sys\nopen('{path}', 'w').write('host=new\\n')\nos.chmod('{path}', 0o600)\n"
        return {
            "fix": write,
            "fails": f"{write}sys.exit(3)\n",
            "verify": f"import sys; sys.exit('host=new' not in open('{path}').read())",
            "never": "raise SystemExit(1)",
        }
    write = f"echo host=new > {path}; chmod 600 {path}"
    return {
        "fix": write,
        "fails": f"{write}; exit 3",
        "verify": f"grep -q host=new {path}",
        "never": "false",
    }


class TestOnThisMachine(Outcomes):
    @pytest.fixture(params=["bash", "python", "config"])
    def case(self, request, target, make_file) -> Case:
        path = make_file(CONFIG)
        return Case(
            run=target.run,
            state=target.state,
            drift=lambda: path.write_text("host=new\nby hand\n") and None,
            fields={"script_type": request.param},
            **texts(str(path), request.param),
        )
