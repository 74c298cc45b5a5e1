"""The AsyncAPI document of one service: the part of the bus that it touches."""

from __future__ import annotations

from typing import Any

from suture_contracts import schemas


def describe(service: str) -> dict[str, Any]:
    """AsyncAPI 3.0: the operations of ``service``, their channels, and the messages, schemas inline."""
    whole = schemas.asyncapi()
    operations = {
        name: operation for name, operation in whole["operations"].items() if name.startswith(f"{service}.")
    }
    used = sorted({operation["channel"]["$ref"].rpartition("/")[2] for operation in operations.values()})
    messages = schemas.messages()
    return {
        **whole,
        "info": {**whole["info"], "title": f"Suture {service}"},
        "channels": {name: whole["channels"][name] for name in used},
        "operations": operations,
        "components": {
            "messages": {
                name: {**whole["components"]["messages"][name], "payload": schemas.schema(messages[name])}
                for name in used
            }
        },
    }
