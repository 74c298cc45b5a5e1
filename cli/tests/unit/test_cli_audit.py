"""suture audit: the journal is checked with the public keys, whatever the gateway says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from suture_chassis.custody import Signer, TrustedKey, TrustStore, message_pae, sign_message
from suture_chassis.custody.audit import HEAD_TYPE
from suture_chassis.custody.chain import Fact, Head, link
from suture_contracts import ids

REMEDIATION = "7f6d3f58-6f0f-5f6c-8a3e-0c4c8f0f1a01"
Suture = Callable[..., Result]
GATEWAY, APPROVER = Signer.new("gateway"), Signer.new("approver")


def journal(count: int) -> list[dict[str, Any]]:
    digest = ids.sha256(b"{}")
    entries: list[dict[str, Any]] = []
    head = Head()
    for number in range(1, count + 1):
        message = {"id": str(number), "source": "suture/approver", "type": "script.approved"}
        fact = Fact(
            key=f"key {number}",
            event_id=message["id"],
            source=message["source"],
            type=message["type"],
            remediation_id=REMEDIATION,
            at_ms=int(datetime.now(UTC).timestamp() * 1000),
            body_digest=digest,
            signer="approver",
            signature=sign_message(APPROVER, **message, digest=digest),
        )
        ((head, previous),) = link(head, [fact])
        fields = {name: getattr(fact, name) for name in Fact.__slots__}
        entries.append({**fields, "seq": head.seq, "digest": head.digest, "previous": previous, "body": "{}"})
    return entries


def signed_head(entry: dict[str, Any]) -> dict[str, Any]:
    statement = json.dumps(
        {"seq": entry["seq"], "digest": entry["digest"], "at": datetime.now(UTC).isoformat()}
    )
    signature = GATEWAY.sign(message_pae(HEAD_TYPE, statement.encode()))
    return {
        "seq": entry["seq"],
        "statement": statement,
        "keyid": GATEWAY.keyid,
        "signature": base64.b64encode(signature).decode(),
    }


@pytest.fixture
def serve(running: Any, workdir: Path) -> Callable[[list[dict[str, Any]], list[dict[str, Any]]], None]:
    """Answers as the gateway would, two entries a page; the keys are where ``suture up`` keeps them."""
    (workdir / ".suture" / "keys").mkdir()
    TrustStore.add(workdir / ".suture" / "keys" / "trust.json", *map(TrustedKey.of, (GATEWAY, APPROVER)))

    def answer(entries: list[dict[str, Any]], heads: list[dict[str, Any]]) -> None:
        pages = [entries[start : start + 2] for start in range(0, len(entries), 2)] or [[]]
        answers = [
            (200, {"entries": page, "next_after": None if page is pages[-1] else page[-1]["seq"]})
            for page in pages
        ]
        running.on("GET", "/api/audit/entries", *answers)
        running.on("GET", "/api/audit/heads", (200, {"heads": heads, "next_after": None}))

    return answer


def test_an_untouched_journal_is_verified_page_by_page(serve: Any, suture: Suture, running: Any) -> None:
    entries = journal(5)
    serve(entries, [signed_head(entries[3])])
    result = suture("audit", "verify")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "5 entries, each as it was written; the gateway signed the first 4" in result.stdout
    assert f"head 5:{entries[-1]['digest']}" in result.stdout
    assert running.requests[0][3]["Authorization"] == "Bearer key-of-supervisor"


def test_a_changed_and_a_removed_entry_are_named_and_fail_the_command(serve: Any, suture: Suture) -> None:
    entries = journal(6)
    entries[1]["body"] = '{"amount": 1}'
    del entries[3]
    serve(entries, [])
    result = suture("audit", "verify")
    assert result.exit_code == 1
    assert "entry 2 has another body than was journalled" in result.stdout
    assert "entry 4 is missing" in result.stdout
    assert "2 problems" in result.stderr


def test_a_journal_that_was_cut_with_its_heads_is_told_by_an_earlier_head(serve: Any, suture: Suture) -> None:
    entries = journal(6)
    serve(entries[:4], [])
    assert suture("audit", "verify").exit_code == 0
    serve(entries[:4], [])
    result = suture("audit", "verify", "--expect", f"6:{entries[5]['digest']}", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["broken"][0]["seq"] == 6
    serve(entries, [])
    assert suture("audit", "verify", "--expect", f"4:{entries[3]['digest']}").exit_code == 0


@pytest.mark.parametrize("arguments", [["--expect", "6"], ["--trust-store", "nothing.json"]])
def test_what_cannot_be_checked_with_is_bad_input(serve: Any, suture: Suture, arguments: list[str]) -> None:
    serve([], [])
    assert suture("audit", "verify", *arguments).exit_code == 2


@pytest.mark.parametrize(
    "answer", [{}, {"entries": [{"seq": 1}], "next_after": None}, {"entries": [], "next_after": 0}]
)
def test_a_gateway_that_does_not_answer_as_one_is_no_verified_journal(
    serve: Any, suture: Suture, running: Any, answer: dict[str, Any]
) -> None:
    serve([], [])
    running.on("GET", "/api/audit/entries", (200, answer))
    assert suture("audit", "verify").exit_code == 3


def test_the_entries_of_a_remediation_are_shown_with_signer_and_digest(
    serve: Any, suture: Suture, running: Any
) -> None:
    serve(journal(2), [])
    running.remediation("approved")
    shown = suture("audit", "show", REMEDIATION).stdout
    assert all(text in shown for text in ("script.approved", "approver", ids.sha256(b"{}")[:16]))
