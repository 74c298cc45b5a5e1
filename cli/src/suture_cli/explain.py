"""``suture validate --explain``: what a rule finds, why that matters, and what to do instead."""

from __future__ import annotations

import difflib

from suture_cli.failures import BadInput
from suture_cli.terminal import plain


def explained(rule_id: str) -> str:
    """The rule's page as text; raises BadInput for an id that no rule has."""
    from suture_safety.catalogue import catalogue

    rules = catalogue()
    rule = rules.get(rule_id)
    if rule is None:
        near = difflib.get_close_matches(rule_id, rules, 3) or sorted(rules)[:3]
        raise BadInput(f"no rule has the id {rule_id}", field="--explain", remedy=f"try {', '.join(near)}")
    parts = [f"{rule.id} ({rule.severity})", "", rule.why, "", f"Instead: {rule.remedy}"]
    for title, examples in (("Fires on", rule.fires), ("Silent on", rule.silent)):
        if examples:
            parts += ["", f"{title}:", *(f"    {line}" for one in examples for line in one.split("\n"))]
    if rule.reference:
        parts += ["", rule.reference]
    return "\n".join(plain(part, lines=True) for part in parts)
