"""The rules page says what the rules are now."""

from __future__ import annotations

from pathlib import Path

from suture_safety.rules_page import rules_page

PAGE = Path(__file__).parents[4] / "docs/rules.md"


def test_the_committed_page_is_that_of_the_rules() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page(), "run make rules-page"
