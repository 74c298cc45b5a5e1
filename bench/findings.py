"""What the bench submits: targets with a missing configuration file, and distinct findings of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aio_pika
from suture_contracts.findings import RcaReceived

SOURCE = "bench"


def target(number: int, folder: Path, health_url: str) -> dict[str, Any]:
    """A target whose configuration is missing, in a folder of its own, and where to get it from."""
    root = folder / f"service-{number}"
    (root / "etc").mkdir(parents=True, exist_ok=True)
    (root / "known-good").mkdir(exist_ok=True)
    known_good = root / "known-good" / "database.yaml"
    known_good.write_text(f"host: db-{number}.internal\nport: 5432\npool: 20\n")
    return {
        "id": f"service-{number}",
        "kind": "local",
        "reach": {"root": str(root)},
        "owner": "operator",
        "facts": {
            "config_path": str(root / "etc" / "database.yaml"),
            "known_good_source": str(known_good),
            "health_url": health_url,
            "services": [f"api-{number}"],
        },
    }


def finding(number: int, target_number: int) -> dict[str, Any]:
    """A finding that says something of its own about one target."""
    details = f"Missing configuration file for database connection, seen by probe {number}"
    fields = {
        "anomaly_id": f"anomaly-{number}",
        "root_cause_category": "Configuration",
        "root_cause_details": details,
        "confidence_score": "HIGH",
        "suggested_actions": ["Create missing configuration file", "Verify database connection parameters"],
        "severity": "high",
        "affected_systems": [f"service-{target_number}"],
    }
    RcaReceived.model_validate(fields)
    return fields


def message(event_id: str, content: dict[str, Any]) -> aio_pika.Message:
    """``rca.received`` as a detector would publish it, in CloudEvents' binary mode."""
    attributes = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": RcaReceived.TYPE}
    return aio_pika.Message(
        json.dumps(content).encode(),
        headers={f"cloudEvents_{name}": value for name, value in attributes.items()},
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
