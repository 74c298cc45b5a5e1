"""Chain of custody: Ed25519 keys, the trust store, signed messages and signed statements."""

from suture_chassis.custody.keys import Signer, TrustedKey
from suture_chassis.custody.statements import (
    message_pae,
    pae,
    seal,
    sign_again,
    sign_message,
    unseal,
    verify_message,
)
from suture_chassis.custody.trust import Identity, InvalidSignature, RevokedKey, TrustStore, UnknownKey

__all__ = [
    "Identity",
    "InvalidSignature",
    "RevokedKey",
    "Signer",
    "TrustStore",
    "TrustedKey",
    "UnknownKey",
    "message_pae",
    "pae",
    "seal",
    "sign_again",
    "sign_message",
    "unseal",
    "verify_message",
]
