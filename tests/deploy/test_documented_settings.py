"""What the pages call a setting is one, and those that every service has are all listed."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from suture_chassis.settings import ChassisSettings

ROOT = Path(__file__).parents[2]
SERVICES = ("analyzer", "generator", "validator", "approver", "executor", "gateway")
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")}
)


def known() -> set[str]:
    of_services = (importlib.import_module(f"suture_{name}.main").Settings for name in SERVICES)
    return {f"SUTURE_{field}".upper() for settings in of_services for field in settings.model_fields}


@pytest.mark.parametrize("service", SERVICES)
def test_a_setting_that_is_written_about_exists(service: str) -> None:
    told = re.compile(rf"`(SUTURE_{service.upper()}_[A-Z_]+[A-Z])\b")
    names = {name for page in PAGES for name in told.findall(page.read_text())}
    assert names - known() == set()


def test_the_settings_of_every_service_are_listed_for_who_deploys_them() -> None:
    listed = set(re.findall(r"`(SUTURE_[A-Z_]+)`", (ROOT / "deploy/README.md").read_text()))
    assert {f"SUTURE_{field}".upper() for field in ChassisSettings.model_fields} - listed == set()
