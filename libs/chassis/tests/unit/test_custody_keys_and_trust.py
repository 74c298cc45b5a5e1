"""Signing keys and the trust store."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from suture_chassis.custody import (
    InvalidSignature,
    RevokedKey,
    Signer,
    TrustedKey,
    TrustStore,
    UnknownKey,
    trust,
)
from suture_chassis.errors import PermanentError, TemporaryError

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "trust.json"


def every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "CHECK_SECONDS", 0.0)


def test_a_generated_key_is_readable_by_its_owner_alone_and_loads_as_the_same_key(tmp_path: Path) -> None:
    made = Signer.generate(tmp_path / "key", "validator")
    assert os.stat(tmp_path / "key").st_mode & 0o777 == 0o600
    loaded = Signer.load(tmp_path / "key")
    assert (loaded.keyid, loaded.name, loaded.public) == (made.keyid, "validator", made.public)
    assert loaded.sign(b"x") == made.sign(b"x")


def test_generating_never_overwrites_a_key(tmp_path: Path) -> None:
    Signer.generate(tmp_path / "key", "validator")
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(PermanentError, match="exists"):
        Signer.generate(tmp_path / "key", "validator")
    assert (tmp_path / "key").read_bytes() == before


def test_a_key_that_everyone_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    Signer.generate(tmp_path / "key", "validator")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(PermanentError, match="0644") as refused:
        Signer.load(tmp_path / "key")
    assert refused.value.remedy == f"chmod 600 {tmp_path / 'key'}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"private": "AAAA", "name": "x"}',
        '{"private": "A", "private": "B"}',
        "[" * 5000,
    ],
)
def test_a_malformed_key_file_is_refused_without_showing_what_is_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(PermanentError) as refused:
        Signer.load(path)
    assert refused.value.field == "signing_key_file"
    assert "AAAA" not in str(refused.value)


def test_a_missing_key_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="nowhere"):
        Signer.load(tmp_path / "nowhere")


def test_the_signer_does_not_print_its_private_key() -> None:
    signer = Signer.new("validator")
    assert repr(signer) == f"Signer(name='validator', keyid='{signer.keyid}')"


def test_a_signature_names_its_signer(store: Path) -> None:
    service, person = Signer.new("validator"), Signer.new("alice")
    TrustStore.add(store, TrustedKey.of(service), TrustedKey.of(person, kind="principal", role="supervisor"))
    keys = TrustStore.load(store)
    who = keys.verify(service.keyid, b"data", service.sign(b"data"))
    assert (who.name, who.kind, who.role) == ("validator", "service", None)
    who = keys.verify(person.keyid, b"data", person.sign(b"data"))
    assert (who.name, who.kind, who.role) == ("alice", "principal", "supervisor")


def test_a_signature_over_other_bytes_or_by_another_key_is_invalid(store: Path) -> None:
    one, other = Signer.new("validator"), Signer.new("approver")
    TrustStore.add(store, TrustedKey.of(one), TrustedKey.of(other))
    keys = TrustStore.load(store)
    for keyid, data, signature in (
        (one.keyid, b"datA", one.sign(b"data")),
        (other.keyid, b"data", one.sign(b"data")),
        (one.keyid, b"data", b""),
        (one.keyid, b"data", b"\x00" * 64),
    ):
        with pytest.raises(InvalidSignature):
            keys.verify(keyid, data, signature)


def test_an_unknown_key_is_worth_another_try(store: Path) -> None:
    TrustStore.write(store, [])
    with pytest.raises(UnknownKey) as unknown:
        TrustStore.load(store).verify("0" * 32, b"", b"")
    assert isinstance(unknown.value, TemporaryError)


def test_a_key_counts_within_its_window_alone(store: Path) -> None:
    signer = Signer.new("validator")
    TrustStore.add(store, TrustedKey.of(signer, not_before=NOW, not_after=NOW + timedelta(days=1)))
    keys, signature = TrustStore.load(store), signer.sign(b"data")
    assert keys.verify(signer.keyid, b"data", signature, at=NOW).name == "validator"
    assert keys.verify(signer.keyid, b"data", signature, at=NOW + timedelta(days=1)).name == "validator"
    with pytest.raises(UnknownKey, match="not valid before"):
        keys.verify(signer.keyid, b"data", signature, at=NOW - timedelta(seconds=1))
    with pytest.raises(RevokedKey, match="past its validity"):
        keys.verify(signer.keyid, b"data", signature, at=NOW + timedelta(days=1, seconds=1))


def test_two_keys_of_one_service_overlap_while_they_are_rotated(store: Path) -> None:
    old, new = Signer.new("validator"), Signer.new("validator")
    TrustStore.add(store, TrustedKey.of(old))
    TrustStore.add(store, TrustedKey.of(new))
    keys = TrustStore.load(store)
    assert {keys.verify(key.keyid, b"x", key.sign(b"x")).name for key in (old, new)} == {"validator"}


def test_a_revocation_is_seen_without_a_restart(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_check(monkeypatch)
    signer = Signer.new("validator")
    TrustStore.add(store, TrustedKey.of(signer))
    keys = TrustStore.load(store)
    keys.verify(signer.keyid, b"x", signer.sign(b"x"))
    TrustStore.revoke(store, signer.keyid)
    with pytest.raises(RevokedKey):
        keys.verify(signer.keyid, b"x", signer.sign(b"x"))


def test_a_key_that_is_added_is_seen_without_a_restart(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_check(monkeypatch)
    TrustStore.write(store, [])
    keys, signer = TrustStore.load(store), Signer.new("validator")
    with pytest.raises(UnknownKey):
        keys.verify(signer.keyid, b"x", signer.sign(b"x"))
    TrustStore.add(store, TrustedKey.of(signer))
    assert keys.verify(signer.keyid, b"x", signer.sign(b"x")).name == "validator"


def test_nothing_verifies_while_the_changed_file_is_unreadable(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_check(monkeypatch)
    signer = Signer.new("validator")
    TrustStore.add(store, TrustedKey.of(signer))
    good = store.read_text()
    keys = TrustStore.load(store)
    for break_it in (lambda: store.write_text("{"), store.unlink):
        break_it()
        with pytest.raises(TemporaryError, match="cannot be read"):
            keys.verify(signer.keyid, b"x", signer.sign(b"x"))
    store.write_text(good)
    assert keys.verify(signer.keyid, b"x", signer.sign(b"x")).name == "validator"


def test_revoking_an_unknown_key_is_an_error(store: Path) -> None:
    TrustStore.write(store, [])
    with pytest.raises(PermanentError, match="no key"):
        TrustStore.revoke(store, "0" * 32)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"keyid": "0" * 32}, "keyid"),
        ({"public": "AAAA"}, "public"),
        ({"public": "not base64!"}, "public"),
        ({"name": "no spaces"}, "name"),
        ({"name": 7}, "name"),
        ({"kind": "robot"}, "kind"),
        ({"role": "supervisor"}, "role"),
        ({"kind": "principal"}, "role"),
        ({"kind": "principal", "role": "king"}, "role"),
        ({"not_before": "2030-01-01T00:00:00"}, "not_before"),
        ({"not_after": "2000-01-01T00:00:00Z"}, "not_after"),
        ({"not_after": "tomorrow"}, "not_after"),
        ({"revoked_at": None}, "revoked_at"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_malformed_entry_is_refused_by_its_place_and_field(store: Path, change: dict, field: str) -> None:
    entry = TrustedKey.of(Signer.new("validator")).to_entry() | change
    store.write_text(json.dumps({"keys": [entry]}))
    with pytest.raises(PermanentError, match=field) as refused:
        TrustStore.load(store)
    assert refused.value.field == "keys[0]"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": {}}', '{"keys": [], "more": 1}', '{"keys": [3]}'])
def test_a_malformed_trust_store_is_refused(store: Path, text: str) -> None:
    store.write_text(text)
    with pytest.raises(PermanentError):
        TrustStore.load(store)


def test_the_same_key_twice_in_the_file_is_refused(store: Path) -> None:
    entry = TrustedKey.of(Signer.new("validator")).to_entry()
    store.write_text(json.dumps({"keys": [entry, entry]}))
    with pytest.raises(PermanentError, match="twice"):
        TrustStore.load(store)


def test_a_service_can_not_be_given_a_role_nor_a_principal_none() -> None:
    with pytest.raises(ValueError, match="role"):
        TrustedKey.of(Signer.new("validator"), role="admin")
    with pytest.raises(ValueError, match="role"):
        TrustedKey.of(Signer.new("alice"), kind="principal")
