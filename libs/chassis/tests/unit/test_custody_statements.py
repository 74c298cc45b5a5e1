"""Signed messages and signed statements."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suture_chassis.custody import (
    InvalidSignature,
    RevokedKey,
    Signer,
    TrustedKey,
    TrustStore,
    UnknownKey,
    message_pae,
    pae,
    seal,
    sign_again,
    sign_message,
    unseal,
    verify_message,
)
from suture_chassis.errors import PermanentError
from suture_contracts.custody import APPROVAL, VERDICT, DsseSignature, Envelope, Verdict

DIGEST, OTHER = "a" * 64, "b" * 64
PREDICATE = Verdict(
    script_id=UUID(int=1),
    revision=1,
    ruleset=OTHER,
    is_valid=True,
    safety_score=0.9,
    reversibility="exact",
    at=datetime(2030, 1, 1, tzinfo=UTC),
)
VALIDATOR, APPROVER, STRANGER = Signer.new("validator"), Signer.new("approver"), Signer.new("validator")
PERSON = Signer.new("validator")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    TrustStore.add(
        tmp_path / "trust.json",
        TrustedKey.of(VALIDATOR),
        TrustedKey.of(APPROVER),
        TrustedKey.of(PERSON, kind="principal", role="admin"),
    )
    return tmp_path / "trust.json"


@pytest.fixture
def trust(path: Path) -> TrustStore:
    return TrustStore.load(path)


def sealed(signer: Signer = VALIDATOR) -> Envelope:
    return seal(
        signer, subject_name="script", subject_sha256=DIGEST, predicate_type=VERDICT, predicate=PREDICATE
    )


def opened(envelope: Envelope, trust: TrustStore, **changed: Any) -> Verdict:
    expected = {
        "signed_by": "validator",
        "subject_sha256": DIGEST,
        "predicate_type": VERDICT,
        "model": Verdict,
    }
    return unseal(envelope, trust, **(expected | changed))


def resigned(change: Callable[[dict[str, Any]], None] | None = None, text: str | None = None) -> Envelope:
    """An envelope of the true validator around something else than a good statement."""
    statement = json.loads(base64.b64decode(sealed().payload))
    if change:
        change(statement)
    payload = (text if text is not None else json.dumps(statement)).encode()
    signature = base64.b64encode(VALIDATOR.sign(pae("application/vnd.in-toto+json", payload))).decode()
    return Envelope(
        payload=base64.b64encode(payload).decode(),
        signatures=(DsseSignature(keyid=VALIDATOR.keyid, sig=signature),),
    )


def test_the_encoding_is_the_one_that_dsse_specifies() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_statement_is_in_toto_v1() -> None:
    statement = json.loads(base64.b64decode(sealed().payload))
    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "script", "digest": {"sha256": DIGEST}}],
        "predicateType": VERDICT,
        "predicate": json.loads(PREDICATE.model_dump_json()),
    }


def test_what_was_sealed_is_unsealed(trust: TrustStore) -> None:
    assert opened(sealed(), trust) == PREDICATE
    assert opened(Envelope.model_validate_json(sealed().model_dump_json()), trust) == PREDICATE


@pytest.mark.parametrize(
    "changed", [{"signed_by": "approver"}, {"subject_sha256": OTHER}, {"predicate_type": APPROVAL}]
)
def test_a_statement_by_someone_else_on_something_else_or_of_another_kind_is_refused(
    trust: TrustStore, changed: dict[str, str]
) -> None:
    with pytest.raises(PermanentError, match="refused"):
        opened(sealed(), trust, **changed)


def test_a_principal_who_bears_a_service_s_name_is_not_that_service(trust: TrustStore) -> None:
    with pytest.raises(PermanentError, match="did not sign"):
        opened(sealed(PERSON), trust)


def test_a_stranger_s_key_is_unknown(trust: TrustStore) -> None:
    with pytest.raises(UnknownKey):
        opened(sealed(STRANGER), trust)


def test_a_statement_of_a_revoked_key_is_refused(path: Path) -> None:
    TrustStore.revoke(path, VALIDATOR.keyid)
    with pytest.raises(RevokedKey):
        opened(sealed(), TrustStore.load(path))


def test_one_good_signature_among_several_is_enough(trust: TrustStore) -> None:
    good, other = sealed(), sealed(STRANGER)
    both = Envelope(payload=good.payload, signatures=(*other.signatures, *good.signatures))
    assert opened(both, trust) == PREDICATE


def test_a_payload_that_was_changed_is_refused(trust: TrustStore) -> None:
    envelope = sealed()
    payload = base64.b64decode(envelope.payload).replace(b'"is_valid":true', b'"is_valid":null')
    forged = envelope.model_copy(update={"payload": base64.b64encode(payload).decode()})
    with pytest.raises(InvalidSignature):
        opened(forged, trust)


@pytest.mark.parametrize("payload", ["", "!!!!", "e30", "e30=\n", "e31=", "e30==="])
def test_a_payload_that_is_not_canonical_base64_is_refused(trust: TrustStore, payload: str) -> None:
    with pytest.raises(PermanentError):
        opened(sealed().model_copy(update={"payload": payload}), trust)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda s: s.update(more=1),
        lambda s: s.pop("predicate"),
        lambda s: s.update(subject=[]),
        lambda s: s.update(subject={}),
        lambda s: s.update(subject=s["subject"] * 2),
        lambda s: s.update(subject=[{"name": "script", "digest": DIGEST}]),
        lambda s: s.update(predicate=[]),
        lambda s: s["predicate"].pop("ruleset"),
        lambda s: s["predicate"].update(is_valid="true"),
        lambda s: s["predicate"].update(revision="1"),
    ],
)
def test_a_signed_statement_of_another_shape_is_refused(
    trust: TrustStore, change: Callable[[dict[str, Any]], None]
) -> None:
    with pytest.raises(PermanentError, match="refused"):
        opened(resigned(change), trust)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"_type": 1, "_type": 2}', '{"a": NaN}', "[" * 60_000]
)
def test_a_signed_payload_that_is_not_strict_json_is_refused(trust: TrustStore, text: str) -> None:
    with pytest.raises(PermanentError, match="refused"):
        opened(resigned(text=text), trust)


MESSAGE = {"id": "1", "source": "suture/validator", "type": "script.validated", "digest": "ab" * 32}


def test_a_signed_message_names_its_signer(trust: TrustStore) -> None:
    assert verify_message(trust, sign_message(VALIDATOR, **MESSAGE), **MESSAGE).name == "validator"


@pytest.mark.parametrize(
    "other",
    [
        {"type": "script.rejected"},
        {"digest": "cd" * 32},
        {"id": "2"},
        {"source": "suture/approver"},
        {"id": "", "source": "suture/validator 1"},
    ],
)
def test_a_signature_is_for_one_id_source_type_and_body(trust: TrustStore, other: dict[str, str]) -> None:
    header = sign_message(VALIDATOR, **MESSAGE)
    with pytest.raises(InvalidSignature):
        verify_message(trust, header, **{**MESSAGE, **other})


def test_a_message_s_signature_counts_for_when_its_key_did(path: Path) -> None:
    now = datetime.now(UTC)
    header = sign_message(VALIDATOR, **MESSAGE)
    TrustStore.revoke(path, VALIDATOR.keyid, now)
    store = TrustStore.load(path)
    assert verify_message(store, header, **MESSAGE, at=now - timedelta(minutes=1)).name == "validator"
    with pytest.raises(RevokedKey):
        verify_message(store, header, **MESSAGE)


@pytest.mark.parametrize(
    "header",
    [None, 7, b"x", "A" * 500, f"{VALIDATOR.keyid}:***", f"{VALIDATOR.keyid}:"],
    ids=["nothing", "a number", "bytes", "too long", "no base64", "no signature"],
)
def test_a_malformed_header_is_an_invalid_signature(trust: TrustStore, header: object) -> None:
    with pytest.raises(InvalidSignature):
        verify_message(trust, header, **MESSAGE)


def test_a_message_s_signature_does_not_count_for_a_statement(trust: TrustStore) -> None:
    envelope = sealed()
    payload = base64.b64decode(envelope.payload)
    signature = base64.b64encode(VALIDATOR.sign(message_pae("script.validated", payload))).decode()
    forged = envelope.model_copy(
        update={"signatures": (DsseSignature(keyid=VALIDATOR.keyid, sig=signature),)}
    )
    with pytest.raises(InvalidSignature):
        opened(forged, trust)


@given(st.tuples(st.text(), st.binary()), st.tuples(st.text(), st.binary()))
def test_no_two_messages_share_an_encoding(one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    assert (pae(*one) == pae(*other)) == (one == other)


def test_only_what_a_key_of_the_same_service_signed_is_signed_again(trust: TrustStore, path: Path) -> None:
    message = {"id": "1", "source": "suture/validator", "type": "script.validated", "digest": DIGEST}
    new = Signer.new("validator")
    TrustStore.add(path, TrustedKey.of(new))
    trust = TrustStore.load(path)
    own = sign_message(VALIDATOR, **message)
    TrustStore.revoke(path, VALIDATOR.keyid)
    again = sign_again(new, TrustStore.load(path), own, **message)
    assert verify_message(TrustStore.load(path), again, **message).keyid == new.keyid
    for header in (
        sign_message(APPROVER, **message),
        sign_message(STRANGER, **message),
        sign_message(PERSON, **message),
        sign_message(VALIDATOR, **{**message, "digest": OTHER}),
        own[:-6],
        "",
    ):
        assert sign_again(new, trust, header, **message) == header
