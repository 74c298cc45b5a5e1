"""``docs/outcomes.md`` names a suite for each type of script on each kind of target that takes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from suture_sandbox.bubblewrap import BubblewrapSandbox
from suture_sandbox.database.sandbox import DatabaseSandbox
from suture_sandbox.host.sandbox import HostSandbox

ROOT = Path(__file__).resolve().parents[4]
ROWS = re.findall(
    r"^\| ([^|]+) \| `(\w+)`[^|]* \| `(libs/\S+)` \|$", (ROOT / "docs/outcomes.md").read_text(), re.M
)


@pytest.mark.parametrize("sandbox", [BubblewrapSandbox, HostSandbox, DatabaseSandbox])
def test_each_type_of_script_is_held_to_the_common_suite(sandbox) -> None:
    for kind in sandbox.kinds:
        types, file = next((types.lower(), file) for types, found, file in ROWS if found == kind)
        text = (ROOT / file).read_text()
        assert "(Outcomes):" in text
        for script_type in sandbox.script_types:
            assert script_type in types
            assert script_type in text.lower()
