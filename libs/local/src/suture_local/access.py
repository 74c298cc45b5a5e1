"""The bearer tokens of one system's HTTP API: the callers keep them, the gateway has their digests."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

from suture_local.keys import PRINCIPALS


class AccessKeys:
    """One token for each principal, in ``tokens.json`` (mode 0600); made once, kept afterwards."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.gateway_file = folder / "gateway-keys.json"
        tokens_file = folder / "tokens.json"
        if not tokens_file.exists():
            write_private(tokens_file, {name: secrets.token_urlsafe(32) for name in PRINCIPALS})
        self.tokens: dict[str, str] = json.loads(tokens_file.read_text())
        write_private(self.gateway_file, {"keys": [self._entry(name) for name in self.tokens]})

    def _entry(self, name: str) -> dict[str, str]:
        digest = hashlib.sha256(self.tokens[name].encode()).hexdigest()
        return {"id": name, "role": PRINCIPALS[name], "sha256": digest}


def write_private(path: Path, document: object) -> None:
    """Replaces the file by this JSON, mode 0600; a reader sees the old text or the new one, whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    fresh.replace(path)
