"""Where the system is and with which key: the environment, or the run file of ``suture up``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from suture_cli.failures import BadInput, Unreachable

ROLES = ("agent", "operator", "supervisor", "admin")
RUN_FILE = Path(".suture") / "run.json"
_MAX_RUN_FILE_BYTES = 1_000_000


@dataclass(frozen=True)
class Connection:
    """The API's base URL and the key that is sent; ``key`` stays out of any text."""

    api: str
    key: str

    def __repr__(self) -> str:
        return f"Connection({self.api})"

    @property
    def is_loopback(self) -> bool:
        return urlsplit(self.api).hostname in ("127.0.0.1", "localhost", "::1")


def connect(role: str | None, default_role: str, environment: Mapping[str, str] | None = None) -> Connection:
    """The connection for a command; ``role`` is the caller's choice, ``default_role`` what the command needs.

    ``SUTURE_API`` and ``SUTURE_API_KEY`` come first. Raises BadInput for what is there but unusable,
    Unreachable where nothing says where the system is.
    """
    values = os.environ if environment is None else environment
    api, key = values.get("SUTURE_API"), values.get("SUTURE_API_KEY")
    if api and not key:
        raise BadInput(
            "SUTURE_API is set without a key", field="SUTURE_API_KEY", remedy="set it to your API key"
        )
    if key and role:
        raise BadInput(
            "SUTURE_API_KEY decides the role", field="--as", remedy="unset SUTURE_API_KEY or leave --as out"
        )
    if api and key:
        return Connection(_checked(api, "SUTURE_API"), key)
    run_file = find_run_file(Path.cwd())
    run = _read(run_file)
    return Connection(
        _checked(run.get("api"), str(run_file)), key or _key(run, role or default_role, run_file)
    )


def find_run_file(start: Path) -> Path:
    """``.suture/run.json`` in ``start`` or the nearest folder above it."""
    for folder in (start, *start.parents):
        if (folder / RUN_FILE).is_file():
            return folder / RUN_FILE
    raise Unreachable(
        f"no {RUN_FILE} in {start} or above it",
        remedy="start the system with 'suture up', or set SUTURE_API and SUTURE_API_KEY",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            run = json.loads(file.read(_MAX_RUN_FILE_BYTES))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise BadInput(
            f"cannot read {path}: {reason}", remedy="'suture down', then 'suture up' writes it anew"
        ) from None
    if not isinstance(run, dict):
        raise BadInput(
            f"{path} is not a JSON object", remedy="'suture down', then 'suture up' writes it anew"
        )
    return run


def _key(run: Mapping[str, Any], role: str, path: Path) -> str:
    keys = run.get("keys")
    key = keys.get(role) if isinstance(keys, Mapping) else None
    if not isinstance(key, str) or not key:
        raise BadInput(
            f"{path} has no key for {role}", field="--as", remedy="choose another role or set SUTURE_API_KEY"
        )
    return key


def _checked(api: object, source: str) -> str:
    parts = urlsplit(api) if isinstance(api, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(
            f"{api!r} is not an http or https URL", field=source, remedy="give it like http://127.0.0.1:8000"
        )
    return str(api).rstrip("/")
