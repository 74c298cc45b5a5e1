"""Who may send what: events their one publisher, commands the gateway or the principal that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suture_contracts.base import Command
from suture_contracts.topology import PUBLISHERS

from suture_chassis.cloudevents import Envelope
from suture_chassis.custody import Identity, RevokedKey, TrustStore, verify_message
from suture_chassis.errors import PermanentError
from suture_chassis.outbox import SIGNATURE_HEADER

_REMEDY = "only Suture's services publish this; send findings or commands"

_RENEW = (
    "start the sender with a current key: it sends its events again by itself, signed anew, and this copy "
    "can be dropped; where it has one for long, somebody else uses the old key"
)


class Forged(PermanentError):
    """The message is unsigned, wrongly signed, or signed by somebody who may not send it."""

    def __init__(self, reason: str, *, field: str = SIGNATURE_HEADER, remedy: str | None = None) -> None:
        super().__init__(reason, field=field, remedy=remedy or _REMEDY, status=403)


class Outlived(PermanentError):
    """A key that counts no more signed the message: its sender before that, or who has the key now."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, field=SIGNATURE_HEADER, remedy=_RENEW, status=403)


class Authority:
    """Checks senders against the trust store."""

    def __init__(self, trust: TrustStore) -> None:
        self._trust = trust

    def of_event(self, envelope: Envelope, headers: Mapping[str, Any]) -> str | None:
        """The publisher's name; ``None`` for a finding, which needs no signature.

        Raises ``Forged``, ``Outlived``, or ``UnknownKey`` where the key may still arrive.
        """
        publisher = PUBLISHERS.get(envelope.type)
        if publisher is None:
            return None
        identity = self._verified(envelope, headers)
        if identity.kind != "service" or identity.name != publisher:
            raise Forged(f"{envelope.type} is published by {publisher}, not by {identity.name}")
        return identity.name

    def of_command(self, command: Command, envelope: Envelope, headers: Mapping[str, Any]) -> str:
        """The signer's name: the gateway's, or the principal's own. Raises as ``of_event``."""
        identity = self._verified(envelope, headers)
        principal = command.principal
        if identity.kind == "service":
            if identity.name != "gateway":
                raise Forged(f"{identity.name} may not send commands for others")
        elif (identity.name, identity.role) != (principal.id, principal.role):
            raise Forged(
                f"the key is {identity.name}'s ({identity.role}), not {principal.id}'s ({principal.role})",
                field="principal",
                remedy="name yourself, with the role that your key is registered for",
            )
        return identity.name

    def of_reply(self, owner: str, reply_type: str, envelope: Envelope, headers: Mapping[str, Any]) -> None:
        """Raises ``Forged`` unless the command's owner signed the reply."""
        if envelope.type != reply_type:
            raise Forged(f"the reply is of type {envelope.type}, not {reply_type}", field="type")
        identity = self._verified(envelope, headers)
        if identity.kind != "service" or identity.name != owner:
            raise Forged(f"the reply is {identity.name}'s, not {owner}'s")

    def _verified(self, envelope: Envelope, headers: Mapping[str, Any]) -> Identity:
        header = headers.get(SIGNATURE_HEADER)
        if header is None:
            raise Forged(f"{envelope.type} is not signed")
        try:
            return verify_message(
                self._trust,
                header,
                id=envelope.id,
                source=envelope.source,
                type=envelope.type,
                digest=envelope.digest,
            )
        except RevokedKey as error:
            raise Outlived(error.reason) from error
        except PermanentError as error:
            raise Forged(error.reason, field=error.field or SIGNATURE_HEADER, remedy=error.remedy) from error
