"""The journal's chain, and what an auditor finds in one that somebody touched."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from suture_chassis.custody import Signer, TrustedKey, TrustStore, message_pae, sign_message
from suture_chassis.custody.audit import HEAD_TYPE, Audit, Broken, JournalEntry, SignedHead
from suture_chassis.custody.chain import GENESIS, Fact, Head, link
from suture_contracts import ids

GATEWAY, APPROVER, EXECUTOR = Signer.new("gateway"), Signer.new("approver"), Signer.new("executor")
NOW = datetime.now(UTC)


@pytest.fixture
def trust(tmp_path: Path) -> TrustStore:
    # The module may have been imported long before its tests run.
    since = NOW - timedelta(minutes=1)
    keys = [TrustedKey.of(signer, not_before=since) for signer in (GATEWAY, APPROVER, EXECUTOR)]
    TrustStore.add(tmp_path / "trust.json", *keys)
    return TrustStore.load(tmp_path / "trust.json")


def fact(number: int, body: str, signer: Signer = APPROVER) -> Fact:
    """Every second one is a finding, which nobody signed."""
    signed = number % 2 == 0
    type, source = ("script.approved", "suture/approver") if signed else ("rca.received", "detector")
    message = {"id": str(number), "source": source, "type": type, "digest": ids.sha256(body.encode())}
    return Fact(
        key=f"{type} {source} {number}",
        event_id=str(number),
        source=source,
        type=type,
        remediation_id=None,
        at_ms=int(NOW.timestamp() * 1000) + number,
        body_digest=message["digest"],
        signer="approver" if signed else None,
        signature=sign_message(signer, **message) if signed else None,
    )


def entries(count: int, signer: Signer = APPROVER, **bodies: str) -> list[JournalEntry]:
    texts = [bodies.get(f"body_{number}", f"{{{number}}}") for number in range(1, count + 1)]
    facts = [fact(number, text, signer) for number, text in enumerate(texts, start=1)]
    linked = zip(facts, texts, link(Head(), facts), strict=True)
    return [
        JournalEntry(
            seq=head.seq,
            digest=head.digest,
            previous=previous,
            body=text,
            **{name: getattr(one, name) for name in Fact.__slots__},
        )
        for one, text, (head, previous) in linked
    ]


def signed_head(entry: JournalEntry, signer: Signer = GATEWAY) -> SignedHead:
    statement = json.dumps({"seq": entry.seq, "digest": entry.digest, "at": NOW.isoformat()})
    signature = base64.b64encode(signer.sign(message_pae(HEAD_TYPE, statement.encode()))).decode()
    return SignedHead(seq=entry.seq, statement=statement, keyid=signer.keyid, signature=signature)


def broken(trust: TrustStore, found: list[JournalEntry], heads: list[SignedHead] | None = None) -> list[int]:
    return [each.seq for each in Audit(trust, heads or []).check(found)]


def test_an_untouched_journal_verifies_to_its_head_and_its_last_signed_head(trust: TrustStore) -> None:
    stored = entries(5)
    audit = Audit(trust, [signed_head(stored[1]), signed_head(stored[3])])
    assert list(audit.check(stored)) == []
    assert audit.head == Head(5, stored[-1].digest)
    assert audit.signed == Head(4, stored[3].digest)


def test_the_first_entry_names_the_beginning() -> None:
    assert entries(1)[0].previous == GENESIS


def test_linking_in_two_batches_gives_the_same_chain() -> None:
    facts = [fact(number, "{}") for number in range(1, 7)]
    whole = link(Head(), facts)
    first = link(Head(), facts[:4])
    assert first + link(first[-1][0], facts[4:]) == whole


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", "other"),
        ("source", "other"),
        ("type", "script.denied"),
        ("remediation_id", "other"),
        ("at_ms", 1),
        ("signer", "executor"),
        ("signature", None),
        ("key", "other"),
        ("body", "other"),
        ("previous", GENESIS),
    ],
)
@pytest.mark.parametrize("seq", [3, 4])
def test_a_changed_entry_is_named(trust: TrustStore, field: str, value: Any, seq: int) -> None:
    stored = entries(5)
    if getattr(stored[seq - 1], field) == value:
        value = "a signature"
    stored[seq - 1] = stored[seq - 1].model_copy(update={field: value})
    assert broken(trust, stored, [signed_head(entries(5)[4])]) == [seq]


@pytest.mark.parametrize(
    ("removed", "reason"),
    [(slice(2, 3), "is missing"), (slice(1, 3), "is missing, and so is what follows up to 3")],
)
def test_a_removed_entry_is_named(trust: TrustStore, removed: slice, reason: str) -> None:
    stored = entries(5)
    del stored[removed]
    assert list(Audit(trust, []).check(stored)) == [Broken(removed.start + 1, reason)]


def test_a_removed_tail_is_named_by_the_signed_head(trust: TrustStore) -> None:
    stored = entries(6)
    heads = [signed_head(stored[1]), signed_head(stored[4])]
    (found,) = Audit(trust, heads).check(stored[:3])
    assert found.seq == 4
    assert "up to 5: the gateway signed a head there" in found.reason


def test_entries_that_changed_places_are_named(trust: TrustStore) -> None:
    stored = entries(5)
    stored[1], stored[2] = (
        stored[2].model_copy(update={"seq": 2}),
        stored[1].model_copy(update={"seq": 3}),
    )
    assert broken(trust, stored)[:2] == [2, 3]
    assert broken(trust, [stored[0], stored[3], stored[0]])[-1] == 1


def test_a_signed_event_that_was_rewritten_with_a_new_chain_is_named(trust: TrustStore) -> None:
    stored = entries(5, signer=EXECUTOR)
    assert broken(trust, stored) == [2, 4]
    assert broken(trust, entries(5, signer=Signer.new("approver"))) == [2, 4]


def test_a_finding_that_was_rewritten_with_a_new_chain_contradicts_the_next_signed_head(
    trust: TrustStore,
) -> None:
    stored = entries(8)
    heads = [signed_head(stored[number]) for number in (1, 4, 6)]
    (found,) = Audit(trust, heads).check(entries(8, body_3='{"another": 1}'))
    assert found.seq == 5
    assert "an entry from 3 on was rewritten" in found.reason


def test_a_forged_head_is_named(trust: TrustStore) -> None:
    stored = entries(5)
    assert broken(trust, stored, [signed_head(stored[3], APPROVER)]) == [4]
    assert broken(trust, stored, [signed_head(stored[3], Signer.new("gateway"))]) == [4]
    moved = signed_head(stored[2]).model_copy(update={"seq": 4})
    assert broken(trust, stored, [moved]) == [4]
    beyond = signed_head(stored[4], APPROVER)
    assert broken(trust, stored[:3], [beyond]) == [5]


def test_what_a_key_signed_before_it_was_revoked_still_counts(trust: TrustStore, tmp_path: Path) -> None:
    TrustStore.revoke(tmp_path / "trust.json", APPROVER.keyid, datetime.now(UTC))
    assert broken(TrustStore.load(tmp_path / "trust.json"), entries(2)) == []
