from __future__ import annotations

import hashlib
from typing import Any

import pytest
from suture_gateway.chain import GENESIS, Broken, Fact, Head, link, verify


def fact(number: int) -> Fact:
    return Fact(
        key=f"rca.received detector {number}",
        event_id=str(number),
        source="detector",
        type="rca.received",
        remediation_id=None,
        at_ms=1_700_000_000_000 + number,
        body_digest=hashlib.sha256(b"%d" % number).hexdigest(),
        signer=None,
    )


def entries(count: int) -> list[dict[str, Any]]:
    facts = [fact(number) for number in range(1, count + 1)]
    linked = zip(facts, link(Head(), facts), strict=True)
    return [
        {
            "_id": head.seq,
            "digest": head.digest,
            "previous": previous,
            "body": b"%d" % head.seq,
            **{name: getattr(one, name) for name in Fact.__slots__},
        }
        for one, (head, previous) in linked
    ]


def test_an_untouched_chain_verifies_to_its_head() -> None:
    stored = entries(5)
    assert verify(stored) == Head(5, stored[-1]["digest"])


def test_the_first_entry_names_the_beginning() -> None:
    assert entries(1)[0]["previous"] == GENESIS


def test_linking_in_two_batches_gives_the_same_chain() -> None:
    facts = [fact(number) for number in range(1, 7)]
    whole = link(Head(), facts)
    first = link(Head(), facts[:4])
    assert first + link(first[-1][0], facts[4:]) == whole


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "other"),
        ("source", "other"),
        ("type", "script.approved"),
        ("remediation_id", "other"),
        ("at_ms", 1),
        ("signer", "executor"),
        ("key", "other"),
        ("body", b"other"),
        ("previous", GENESIS),
    ],
)
def test_a_changed_entry_is_named(field: str, value: Any) -> None:
    stored = entries(5)
    stored[2][field] = value
    broken = verify(stored)
    assert isinstance(broken, Broken)
    assert broken.seq == 3


def test_a_removed_entry_is_named() -> None:
    stored = entries(5)
    del stored[2]
    assert verify(stored) == Broken(3, "missing; the next entry is 4")


def test_a_rewritten_entry_is_noticed_at_the_next_one() -> None:
    stored = entries(5)
    forged = entries(2)[1] | {"event_id": "forged"}
    forged_fact = Fact(**{name: forged[name] for name in Fact.__slots__})
    forged["digest"] = link(Head(1, stored[0]["digest"]), [forged_fact])[0][0].digest
    stored[1] = forged
    assert verify(stored) == Broken(3, "does not name the digest of the entry before it")
