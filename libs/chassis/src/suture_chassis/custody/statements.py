"""Signed messages, and in-toto statements (v1) in DSSE envelopes (v1)."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from suture_contracts.custody import DsseSignature, Envelope

from suture_chassis.custody.keys import Kind, Signer
from suture_chassis.custody.strict import decode_base64, parse_object
from suture_chassis.custody.trust import Identity, InvalidSignature, RevokedKey, TrustStore, UnknownKey
from suture_chassis.errors import PermanentError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
_MAX_PAYLOAD_BYTES = 300_000
MAX_SIGNATURE_CHARACTERS = 400
_KEYS = {"_type", "subject", "predicateType", "predicate"}

M = TypeVar("M", bound=BaseModel)


def pae(payload_type: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what a signature is over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def message_pae(message_type: str, content: bytes) -> bytes:
    """What is signed of that type beside statements; no statement's encoding can equal it."""
    return pae(f"application/vnd.suture.{message_type}+json", content)


def sign_message(signer: Signer, *, id: str, source: str, type: str, digest: str) -> str:
    """The header's value, ``<key id>:<base64>``, for a message with these CloudEvents attributes.

    ``digest`` is its body's SHA-256 in hexadecimal.
    """
    signature = signer.sign(_identified(id, source, type, digest))
    return f"{signer.keyid}:{base64.b64encode(signature).decode()}"


def verify_message(
    trust: TrustStore,
    header: object,
    *,
    id: str,
    source: str,
    type: str,
    digest: str,
    at: datetime | None = None,
) -> Identity:
    """Who signed a message, by the keys that were valid ``at`` (now).

    Raises UnknownKey, RevokedKey or InvalidSignature (a malformed header too).
    """
    if not isinstance(header, str) or len(header) > MAX_SIGNATURE_CHARACTERS:
        raise _invalid("the signature header is missing or malformed", "sign the message")
    keyid, _, encoded = header.rpartition(":")
    return trust.verify(keyid, _identified(id, source, type, digest), _signature(encoded), at)


def sign_again(
    signer: Signer, trust: TrustStore, header: str, *, id: str, source: str, type: str, digest: str
) -> str:
    """The header by the holder's current key, where an earlier key of the same service made it.

    Anything else comes back as it is: what somebody put into the store is not signed for them. Raises
    ``TemporaryError`` while the trust store cannot be read.
    """
    keyid, _, encoded = header.rpartition(":")
    if keyid == signer.keyid:
        return header
    try:
        signature = _signature(encoded)
    except InvalidSignature:
        return header
    holder = trust.holder(keyid, _identified(id, source, type, digest), signature)
    if holder is None or (holder.kind, holder.name) != ("service", signer.name):
        return header
    return sign_message(signer, id=id, source=source, type=type, digest=digest)


def _identified(id: str, source: str, type: str, digest: str) -> bytes:
    # Each part with its length: no other id and source can give the same bytes.
    return message_pae(type, f"{len(source)} {source} {len(id)} {id} {digest}".encode())


def seal(
    signer: Signer, *, subject_name: str, subject_sha256: str, predicate_type: str, predicate: BaseModel
) -> Envelope:
    """A statement on the subject of that digest, signed."""
    head = json.dumps(
        {
            "_type": STATEMENT,
            "subject": [{"name": subject_name, "digest": {"sha256": subject_sha256}}],
            "predicateType": predicate_type,
        },
        separators=(",", ":"),
    )
    payload = f'{head[:-1]},"predicate":{predicate.model_dump_json()}}}'.encode()
    if len(payload) > _MAX_PAYLOAD_BYTES:
        raise PermanentError(f"the statement is longer than {_MAX_PAYLOAD_BYTES} bytes", field="predicate")
    signature = base64.b64encode(signer.sign(pae(PAYLOAD_TYPE, payload))).decode()
    return Envelope(
        payload=base64.b64encode(payload).decode(),
        signatures=(DsseSignature(keyid=signer.keyid, sig=signature),),
    )


def unseal(
    envelope: Envelope,
    trust: TrustStore,
    *,
    signed_by: str,
    subject_sha256: str,
    predicate_type: str,
    model: type[M],
    kind: Kind = "service",
) -> M:
    """The predicate of a statement that ``signed_by``, a service unless told, made on that subject.

    Raises ``UnknownKey`` (retried) where its key is not known yet, ``PermanentError`` for whatever differs.
    """
    payload = _decoded(envelope.payload)
    _check_signer(envelope, pae(PAYLOAD_TYPE, payload), trust, (kind, signed_by))
    try:
        statement = parse_object(payload, limit=_MAX_PAYLOAD_BYTES)
    except ValueError as error:
        raise _differs("payload", f"the statement {error}") from None
    if set(statement) != _KEYS or statement["_type"] != STATEMENT:
        raise _differs("payload", "it is not an in-toto statement v1")
    if statement["predicateType"] != predicate_type:
        raise _differs("predicateType", f"the statement is not a {predicate_type}")
    if _subject_digest(statement["subject"]) != subject_sha256:
        raise _differs("subject", "the statement is on another subject")
    try:
        return model.model_validate_json(json.dumps(statement["predicate"]), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _differs(".".join(("predicate", *map(str, first["loc"]))), first["msg"]) from None


def _check_signer(envelope: Envelope, signed: bytes, trust: TrustStore, signed_by: tuple[Kind, str]) -> None:
    unknown: UnknownKey | None = None
    refused: PermanentError = _differs("signatures", f"{signed_by[1]} did not sign it")
    for signature in envelope.signatures:
        try:
            identity = trust.verify(signature.keyid, signed, _signature(signature.sig))
        except UnknownKey as error:
            unknown = error
        except (RevokedKey, InvalidSignature) as error:
            refused = error
        else:
            if (identity.kind, identity.name) == signed_by:
                return
    raise unknown or refused


def _subject_digest(subject: Any) -> str | None:
    """The one subject's SHA-256; a statement on several subjects is not ours."""
    if not isinstance(subject, list) or len(subject) != 1 or not isinstance(subject[0], dict):
        return None
    digest = subject[0].get("digest")
    return digest.get("sha256") if isinstance(digest, dict) else None


def _decoded(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise _differs("payload", f"the payload {error}") from None


def _signature(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise _invalid(f"the signature {error}", "encode it as standard base64") from None


def _invalid(reason: str, remedy: str) -> InvalidSignature:
    return InvalidSignature(reason, field="signature", remedy=remedy)


def _differs(field: str, reason: str) -> PermanentError:
    return PermanentError(
        f"signed statement refused: {reason}", field=field, remedy="send the envelope as its signer made it"
    )
