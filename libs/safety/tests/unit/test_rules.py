"""Every rule carries its own proof: what it fires on, what it keeps silent on."""

from __future__ import annotations

import pytest
from suture_safety import analyse, ruleset_digest
from suture_safety.rulebook import Rule, data, rulebook

RULES = rulebook().rules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_fires_on_its_examples_with_its_severity(rule: Rule) -> None:
    assert rule.fires
    for example in rule.fires:
        found = [(one.rule_id, one.severity) for one in analyse(example, "bash").findings]
        assert (rule.id, rule.severity) in found, example


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_keeps_silent_on_what_only_looks_alike(rule: Rule) -> None:
    assert rule.silent
    for example in rule.silent:
        assert rule.id not in [one.rule_id for one in analyse(example, "bash").findings], example


@pytest.mark.parametrize("entry", data("python.yaml")["calls"], ids=lambda entry: entry["id"])
def test_a_python_rule_fires_and_keeps_silent_as_its_examples_say(entry: dict[str, str]) -> None:
    rule = f"python.{entry['id']}"
    assert (rule, entry["severity"]) in [
        (one.rule_id, one.severity) for one in analyse(entry["fires"], "python").findings
    ]
    assert rule not in [one.rule_id for one in analyse(entry["silent"], "python").findings]


def test_every_rule_has_its_own_id_and_says_why_and_what_to_do() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES) > 130
    for rule in RULES:
        assert rule.why.endswith("."), rule.id
        assert rule.remedy.endswith("."), rule.id
        assert rule.reference.startswith("https://"), rule.id


def test_the_digest_of_the_ruleset_is_a_sha256_and_stays() -> None:
    assert len(ruleset_digest()) == 64
    assert ruleset_digest() == ruleset_digest()


@pytest.mark.parametrize("entry", data("sql.yaml")["postgres"], ids=lambda entry: str(entry["id"]))
def test_a_postgresql_rule_fires_and_keeps_silent_as_its_examples_say(entry: dict[str, str]) -> None:
    name = f"sql.{entry['id']}"
    fired = {(one.rule_id, one.severity) for one in analyse(entry["fires"], "sql").findings}
    assert (name, entry["severity"]) in fired
    assert name not in {one.rule_id for one in analyse(entry["silent"], "sql").findings}
