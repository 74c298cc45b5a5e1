import json
import stat
from pathlib import Path

import pytest
from suture_chassis.custody import TrustStore
from suture_contracts.topology import SERVICES
from suture_local.access import AccessKeys
from suture_local.keys import PRINCIPALS, KeyRing


def test_every_service_and_principal_is_trusted_under_its_own_name(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys")
    trust = TrustStore.load(ring.trust_store_file)
    for name in (*SERVICES, *PRINCIPALS):
        signer = ring.signer(name)
        identity = trust.verify(signer.keyid, b"text", signer.sign(b"text"))
        assert (identity.name, identity.role) == (name, PRINCIPALS.get(name))


def test_keys_stay_the_same_when_a_system_is_started_again(tmp_path: Path) -> None:
    before = {name: KeyRing(tmp_path).signer(name).keyid for name in SERVICES}
    assert {name: KeyRing(tmp_path).signer(name).keyid for name in SERVICES} == before


def test_a_lost_trust_store_is_written_anew_from_the_keys(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    keyid = ring.signer("validator").keyid
    ring.trust_store_file.unlink()
    ring = KeyRing(tmp_path)
    signer = ring.signer("validator")
    assert signer.keyid == keyid
    assert TrustStore.load(ring.trust_store_file).verify(keyid, b"x", signer.sign(b"x")).name == "validator"


@pytest.mark.parametrize("name", ["tokens.json", "gateway-keys.json"])
def test_files_of_the_api_keys_are_for_their_owner_alone(tmp_path: Path, name: str) -> None:
    AccessKeys(tmp_path)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_the_gateway_gets_no_token(tmp_path: Path) -> None:
    keys = AccessKeys(tmp_path)
    text = keys.gateway_file.read_text()
    assert not any(token in text for token in keys.tokens.values())
    assert {entry["id"]: entry["role"] for entry in json.loads(text)["keys"]} == dict(PRINCIPALS)


def test_tokens_stay_the_same_when_a_system_is_started_again(tmp_path: Path) -> None:
    assert AccessKeys(tmp_path).tokens == AccessKeys(tmp_path).tokens
