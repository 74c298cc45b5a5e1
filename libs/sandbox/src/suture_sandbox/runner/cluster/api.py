"""The cluster's API as the pod's service account reaches it; a short loss of it is waited out."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from urllib.parse import urlencode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

APPLY = "application/apply-patch+yaml"
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_PATIENCE_SECONDS = 60.0
_TIMEOUT_SECONDS = 15.0
_BUSY = (429, 500, 502, 503, 504)
_MOST_BYTES = 32 << 20


class Refused(Exception):
    """The server answered, and said no; ``status`` is its HTTP status, ``body`` its Status object."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body
        super().__init__(str(body.get("message") or f"HTTP {status}")[:2_000])

    def causes(self) -> list[dict[str, str]]:
        """The fields in question, as the server names them."""
        return list((self.body.get("details") or {}).get("causes") or [])


class Unreachable(Exception):
    """The API server did not answer for as long as a run waits for it."""


class Api:
    """One connection at a time, renewed when it breaks; the token is read anew, as it is renewed, too."""

    def __init__(self, host: str, port: int, token_file: str, ca_file: str) -> None:
        self._host = host
        self._port = port
        self._token_file = token_file
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._connection: http.client.HTTPSConnection | None = None
        self._resources: dict[str, list[dict[str, Any]]] = {}

    @classmethod
    def of_pod(cls, address: str | None) -> Api:
        """At ``address`` (``host:port``), else where the pod is told that it is."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        if address:
            host, _, port = address.rpartition(":")
        return cls(host.strip("[]"), int(port), f"{_ACCOUNT}/token", f"{_ACCOUNT}/ca.crt")

    @property
    def url(self) -> str:
        return f"https://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    def copy(self) -> Api:
        """Another one for another thread: a connection serves one."""
        made = object.__new__(Api)
        made.__dict__ = {**self.__dict__, "_connection": None}
        return made

    def token(self) -> str:
        with open(self._token_file, encoding="ascii") as file:
            return file.read().strip()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self.call("GET", path, query=query)

    def find(self, path: str, **query: str) -> dict[str, Any] | None:
        """As ``get``, or ``None`` where there is nothing."""
        try:
            return self.get(path, **query)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        content_type: str = "application/json",
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Ask until there is an answer; raises ``Refused`` or ``Unreachable``.

        A request that was lost on its way back is sent again: whoever creates something must be ready to
        find it there.
        """
        target = path + (f"?{urlencode(query)}" if query else "")
        until = time.monotonic() + _PATIENCE_SECONDS
        pause = 0.2
        while True:
            try:
                status, answer = self._once(method, target, body, content_type)
                if status not in _BUSY:
                    break
                problem = str(answer.get("message", f"HTTP {status}"))
            except (OSError, http.client.HTTPException) as error:
                self._close()
                problem = str(error) or type(error).__name__
            if time.monotonic() > until:
                raise Unreachable(f"the API server does not answer: {problem[:300]}")
            time.sleep(pause)
            pause = min(pause * 2, 3.0)
        if status >= 300:
            raise Refused(status, answer)
        return answer

    def resource(self, api_version: str, kind: str) -> dict[str, Any] | None:
        """What the server calls a kind (``name``, ``namespaced``), or ``None`` where it does not know it."""
        if api_version not in self._resources:
            known = self.find(f"/{_prefix(api_version)}/{api_version}")
            self._resources[api_version] = known["resources"] if known else []
        return pick(self._resources[api_version], kind)

    def _once(
        self, method: str, target: str, body: dict[str, Any] | None, content_type: str
    ) -> tuple[int, dict[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=_TIMEOUT_SECONDS, context=self._tls
            )
        headers = {"Authorization": f"Bearer {self.token()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        self._connection.request(method, target, json.dumps(body) if body is not None else None, headers)
        response = self._connection.getresponse()
        data = response.read(_MOST_BYTES)
        try:
            answer = json.loads(data) if data else {}
        except ValueError:
            answer = {"message": data[:300].decode(errors="replace")}
        return response.status, answer if isinstance(answer, dict) else {}

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _prefix(api_version: str) -> str:
    return "apis" if "/" in api_version else "api"


def pick(resources: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    """The entry of a discovery list that is the kind itself, not one of its subresources."""
    return next((one for one in resources if one["kind"] == kind and "/" not in one["name"]), None)


def object_path(api_version: str, resource: str, namespace: str, name: str = "") -> str:
    """Where an object, or without a name its collection, is in the API."""
    path = f"/{_prefix(api_version)}/{api_version}/namespaces/{namespace}/{resource}"
    return f"{path}/{name}" if name else path
