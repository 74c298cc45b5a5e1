"""Calls of Suture's HTTP API; every failure becomes a named one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from suture_cli.connection import Connection, connect
from suture_cli.failures import BadInput, Unreachable, refused

if TYPE_CHECKING:
    import httpx

SCRIPTS = "/api/generative-remediation/scripts"
POLL_SECONDS = 0.3
_LONGEST_WAIT_SECONDS = 20.0
_SHORTEST_PREFIX = 4


class Client:
    """A connected client; use it in a ``with`` statement."""

    def __init__(self, connection: Connection) -> None:
        import httpx

        self._connection = connection
        # A proxy from the environment must not see calls to this very machine.
        self._http = httpx.Client(
            base_url=connection.api,
            headers={"Authorization": f"Bearer {connection.key}"},
            timeout=httpx.Timeout(30, connect=5),
            trust_env=not connection.is_loopback,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: object) -> dict[str, Any]:
        return self._call("GET", path, query=query)

    def post(self, path: str, body: object = None, *, key: str | None = None) -> dict[str, Any]:
        """``key`` is an idempotency key: the same one has one effect and gets the same answer."""
        return self._call("POST", path, body=body, headers={"Idempotency-Key": key} if key else {})

    def put(self, path: str, body: object) -> dict[str, Any]:
        return self._call("PUT", path, body=body)

    def delete(self, path: str) -> dict[str, Any]:
        return self._call("DELETE", path)

    def remediation(self, identifier: str) -> dict[str, Any]:
        """The remediation that has this id, this script, or an id that begins so (four characters)."""
        wanted = identifier.strip().lower()
        if not _is_uuid(wanted):
            wanted = self._by_prefix(wanted)
        found = self._find(f"/api/remediations/{wanted}")
        if found is None:
            script = self._find(f"{SCRIPTS}/{wanted}")
            found = self.get(f"/api/remediations/{script['remediationId'] if script else wanted}")
        return found

    def changes(self, remediation_id: str, seconds: float | None) -> Iterator[dict[str, Any]]:
        """The remediation as it is now and after each change of its states, for ``seconds`` or for ever."""
        until = math.inf if seconds is None else time.monotonic() + seconds
        seen, state, wait = -1, None, 0.0
        while True:
            document = self._find(f"/api/remediations/{remediation_id}", since=state, wait=round(wait, 1))
            count = -1 if document is None else len(document.get("states") or ())
            if document is not None and count != seen:
                seen, state = count, document.get("state")
                yield document
            elif time.monotonic() < until:
                time.sleep(POLL_SECONDS)
            wait = max(0.0, min(_LONGEST_WAIT_SECONDS, until - time.monotonic()))
            if wait <= 0:
                return

    def events(self, remediation_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name and data of each event of the remediation as it comes, until ``end``, however long."""
        import httpx

        path, last = f"/api/remediations/{remediation_id}/events", ""
        while True:
            try:
                with self._http.stream(
                    "GET", path, headers={"Last-Event-ID": last} if last else {}
                ) as stream:
                    if stream.status_code >= 400:
                        stream.read()
                        _content(stream)
                    name = ""
                    for line in stream.iter_lines():
                        key, _, value = line.partition(": ")
                        name, last = (value if key == "event" else name), (value if key == "id" else last)
                        if key == "data":
                            yield name, dict(json.loads(value))
                            if name == "end":
                                return
            except (httpx.TransportError, ValueError) as error:
                raise Unreachable(
                    f"the events of {remediation_id} broke off: {error}", remedy="watch it again"
                ) from None
            time.sleep(POLL_SECONDS)

    def _by_prefix(self, prefix: str) -> str:
        if len(prefix) < _SHORTEST_PREFIX or not set(prefix) <= set("0123456789abcdef-"):
            raise BadInput(
                f"{prefix!r} is not an id",
                field="ID",
                remedy="give a UUID, or its first four or more characters",
            )
        known = self.get("/api/remediations", limit=200).get("remediations", ())
        matches = [str(entry["remediation_id"]) for entry in known if _begins(entry, prefix)]
        if len(matches) != 1:
            what = "no remediation's" if not matches else f"{len(matches)} remediations'"
            raise BadInput(f"{what} id begins with {prefix}", field="ID", remedy="'suture list' shows them")
        return matches[0]

    def _find(self, path: str, **query: object) -> dict[str, Any] | None:
        response = self._send("GET", path, query=query)
        return None if response.status_code == 404 else _content(response)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        return _content(self._send(method, path, body=body, query=query or {}, headers=headers or {}))

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object],
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        import httpx

        parameters = {name: str(value) for name, value in query.items() if value is not None}
        try:
            return self._http.request(method, path, json=body, params=parameters, headers=dict(headers or {}))
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(
                f"no answer from {self._connection.api}: {reason}", remedy="'suture up' starts the system"
            ) from None
        except (httpx.InvalidURL, ValueError) as error:
            raise BadInput(f"cannot ask for {path}: {error}", remedy="check the id") from None


def open_client(role: str | None, default_role: str) -> Client:
    """A client with the caller's role, or with the one that the command needs."""
    return Client(connect(role, default_role))


def _content(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json() if response.content else {}
    except ValueError:
        content = None
    if response.status_code >= 400:
        raise refused(response.status_code, content if isinstance(content, dict) else {})
    if not isinstance(content, dict):
        raise Unreachable(f"{response.url} does not answer as Suture does", remedy="check SUTURE_API")
    return content


def _begins(entry: Mapping[str, Any], prefix: str) -> bool:
    return any(str(entry.get(key) or "").startswith(prefix) for key in ("remediation_id", "script_id"))


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
