"""Who may do what on the broker, as the definitions file that RabbitMQ loads when it starts.

Everything that stands on the broker is in there too, so that it is there before the first service comes.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from suture_contracts import topology

VHOST = "/"
NOTHING = "^$"
DETECTOR, SUPERVISORS, OBSERVER, ADMIN = "detector", "supervisors", "observer", "admin"
USERS = (*topology.SERVICES, DETECTOR, SUPERVISORS, OBSERVER, ADMIN)
"""Every broker user: a service each, and who comes from outside."""

_FINDINGS = tuple(name for name in topology.EVENTS if name not in topology.PUBLISHERS)
_SUPERVISORS_COMMANDS = ("approve", "deny", "request-rollback")
_DELAYS = tuple(topology.delay_exchange(seconds) for seconds in topology.DELAYS_SECONDS)
_EXCHANGES = tuple(exchange.name for exchange in topology.exchanges())
_ALL = r"^(suture|supervisors|" + "|".join(topology.SERVICES) + r")\."
_OBSERVERS_QUEUES = r"observability\.[\w.-]+"


def definitions(passwords: Mapping[str, str], vhost: str = VHOST) -> dict[str, Any]:
    """The content of the definitions file; ``passwords`` by user, only their salted hashes are in it."""
    return {
        "vhosts": [{"name": vhost}],
        "users": [_user(name, passwords[name]) for name in USERS],
        "permissions": [{"user": name, "vhost": vhost, **_permissions(name)} for name in USERS],
        "topic_permissions": [
            {"user": name, "vhost": vhost, "exchange": exchange, "write": write, "read": read}
            for name in USERS
            for exchange, write, read in _topics(name)
        ],
        **_standing(vhost),
    }


def _user(name: str, password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["administrator"] if name == ADMIN else [],
        "limits": {},
    }


def _permissions(name: str) -> dict[str, str]:
    """On queues and exchanges. Publishing to a queue by its name needs ``amq.default``."""
    if name == DETECTOR:
        return {"configure": NOTHING, "write": _one_of([topology.EVENTS_EXCHANGE]), "read": NOTHING}
    if name == SUPERVISORS:
        return {
            "configure": NOTHING,
            "write": _one_of([topology.COMMANDS_EXCHANGE]),
            "read": _one_of([topology.SUPERVISORS_QUEUE]),
        }
    if name == OBSERVER:
        own = f"^{_OBSERVERS_QUEUES}$"
        read = f"^({re.escape(topology.EVENTS_EXCHANGE)}|{_OBSERVERS_QUEUES})$"
        return {"configure": own, "write": own, "read": read}
    if name == ADMIN:
        return {"configure": ".*", "write": ".*", "read": ".*"}
    return _service_permissions(name)


def _service_permissions(name: str) -> dict[str, str]:
    # Every service declares and binds all queues, which takes these rights on them and on the exchanges. It
    # consumes its own alone. Replies and replays go by the default exchange.
    replies = name == "gateway" or name in topology.OWNERS.values()
    dead = [topology.DEAD_QUEUE] if name == "gateway" else []
    readable = "|".join(re.escape(each) for each in (*_EXCHANGES, *dead))
    return {
        "configure": _ALL,
        "write": rf"{_ALL}|^amq\.default$" if replies else _ALL,
        "read": rf"^({readable}|{name}\..*)$",
    }


def _topics(name: str) -> Iterable[tuple[str, str, str]]:
    """On topic exchanges: which routing keys may be published, and bound."""
    if name == ADMIN:
        return
    events = {
        DETECTOR: (_one_of(_FINDINGS), NOTHING),
        SUPERVISORS: (NOTHING, NOTHING),
        OBSERVER: (NOTHING, r"^execution\."),
    }
    # Findings of the API come in by the gateway.
    own = [key for key, publisher in topology.PUBLISHERS.items() if publisher == name]
    published = [*own, *_FINDINGS] if name == "gateway" else own
    service = name in topology.SERVICES
    yield topology.EVENTS_EXCHANGE, *events.get(name, (_one_of(published), ".*"))
    commands = {"gateway": tuple(topology.COMMANDS), SUPERVISORS: _SUPERVISORS_COMMANDS}.get(name, ())
    yield topology.COMMANDS_EXCHANGE, _one_of(commands), ".*" if service else NOTHING
    for delay in _DELAYS:
        # The key names the queue that the message goes back to: only one's own.
        yield delay, rf"^{name}\." if service else NOTHING, ".*" if service else NOTHING


def _standing(vhost: str) -> dict[str, Any]:
    return {
        "exchanges": [
            {
                "name": e.name,
                "vhost": vhost,
                "type": e.type,
                "durable": True,
                "auto_delete": False,
                "arguments": {},
            }
            for e in topology.exchanges()
        ],
        "queues": [
            {"name": q.name, "vhost": vhost, "durable": True, "auto_delete": False, "arguments": q.arguments}
            for q in topology.queues()
        ],
        "bindings": [
            {
                "source": source,
                "vhost": vhost,
                "destination": queue.name,
                "destination_type": "queue",
                "routing_key": key,
                "arguments": {},
            }
            for queue in topology.queues()
            for source, key in queue.bindings
        ],
    }


def _one_of(names: Iterable[str]) -> str:
    """A pattern that matches these names and nothing else; without any, nothing."""
    alternatives = "|".join(re.escape(name) for name in names)
    return f"^({alternatives})$" if alternatives else NOTHING
