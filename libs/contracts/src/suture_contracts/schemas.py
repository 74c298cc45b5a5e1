"""The published JSON Schemas and the AsyncAPI document.

``python -m suture_contracts.schemas`` writes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suture_contracts import topology
from suture_contracts.base import Message
from suture_contracts.examples import example

FOLDER = Path(__file__).parents[2] / "schemas"


def messages() -> dict[str, type[Message]]:
    """Every message by its type."""
    return {**topology.EVENTS, **topology.COMMANDS}


def schema(message: type[Message]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one message, with its example."""
    content = message.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://suture.dev/schemas/{message.TYPE}.json",
        **content,
        "examples": [example(message.TYPE).model_dump(mode="json")],
    }


def asyncapi() -> dict[str, Any]:
    """The whole bus as one AsyncAPI 3.0 document; message payloads are the schemas beside it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name in messages():
        exchange = topology.COMMANDS_EXCHANGE if name in topology.OWNERS else topology.EVENTS_EXCHANGE
        channels[name] = {
            "address": name,
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "bindings": {
                "amqp": {"is": "routingKey", "exchange": {"name": exchange, "type": "topic", "durable": True}}
            },
        }
        operations |= _operations(name)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Suture",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in binary mode over AMQP 0.9.1",
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": {name: _message(name, message) for name, message in messages().items()}},
    }


def _message(name: str, message: type[Message]) -> dict[str, Any]:
    return {
        "name": name,
        "summary": (message.__doc__ or name).strip().splitlines()[0],
        "contentType": "application/json",
        "payload": {"$ref": f"./{name}.json"},
    }


def _operations(name: str) -> dict[str, Any]:
    owner = topology.OWNERS.get(name)
    sender = "gateway" if owner else topology.PUBLISHERS.get(name, "detector")
    receivers = (
        [owner] if owner else [*(s for s, keys in topology.CONSUMED.items() if name in keys), "gateway"]
    )
    channel = {"$ref": f"#/channels/{name}"}
    sent = {f"{sender}.publishes.{name}": {"action": "send", "channel": channel}}
    return sent | {f"{s}.consumes.{name}": {"action": "receive", "channel": channel} for s in receivers}


def rendered() -> dict[str, str]:
    """Every file of the schemas folder, by name, as it should stand there."""
    files = {f"{name}.json": schema(message) for name, message in messages().items()}
    files["asyncapi.json"] = asyncapi()
    return {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for stale in FOLDER.glob("*.json"):
        stale.unlink()
    for name, text in rendered().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
