"""The cluster's API as the executor reaches it, by the official client; objects are plain data."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import yaml
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

_BUSY = (429, 500, 502, 503, 504)
_TIMEOUT_SECONDS = 20.0


class Refused(Exception):
    """The server answered, and said no."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        self.status = status
        self.reason = reason
        super().__init__(message[:2_000])


class Unreachable(Exception):
    """No answer: what was asked may or may not have been done."""


class Cluster:
    """One API server, as one user."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls, kubeconfig: str | None, context: str | None) -> Cluster:
        """By the given kubeconfig, else by the process' own, else from within a pod.

        Raises ``ValueError`` where none of them says how.
        """
        configuration = client.Configuration()
        try:
            if kubeconfig is not None:
                found = yaml.safe_load(kubeconfig)
                await config.load_kube_config_from_dict(found, context, configuration)  # type: ignore[no-untyped-call]
            else:
                await _own(context, configuration)
        except (config.ConfigException, yaml.YAMLError, OSError, TypeError, AttributeError) as error:
            raise ValueError(f"no usable kubeconfig: {str(error)[:300]}") from None
        configuration.retries = False
        return cls(client.ApiClient(configuration))

    async def close(self) -> None:
        await self._api.close()  # type: ignore[no-untyped-call]

    async def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        content_type: str = "application/json",
        **query: str,
    ) -> dict[str, Any]:
        """One request, one answer. Raises ``Refused`` or ``Unreachable``."""
        text = await self.text(method, path, body, content_type, **query)
        try:
            answer = json.loads(text) if text else {}
        except ValueError as error:
            raise Unreachable(f"the answer is no JSON: {error}") from None
        return dict(answer)

    async def text(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        content_type: str = "application/json",
        **query: str,
    ) -> str:
        """As ``call``, for what is no JSON."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                response = await self._send(method, path, body, content_type, query)
                data = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError, ApiException) as error:
            raise Unreachable(f"the API server does not answer: {_said(error)}") from None
        text = bytes(data).decode(errors="replace")
        if response.status in _BUSY:
            raise Unreachable(f"the API server is not ready: HTTP {response.status}: {text[:200]}")
        if response.status >= 300:
            raise _refusal(response.status, text)
        return text

    async def find(self, path: str) -> dict[str, Any] | None:
        """The object, or ``None`` where there is none."""
        try:
            return await self.call("GET", path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    async def changed(self, path: str, version: str, seconds: float, **query: str) -> None:
        """Return once something in a collection is newer than ``version``, or after that time."""
        query |= {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(max(1, int(seconds)))}
        try:
            async with asyncio.timeout(seconds):
                response = await self._send("GET", path, None, "application/json", query)
                try:
                    await response.response.content.readany()
                finally:
                    response.response.close()
        except TimeoutError:
            return
        except (aiohttp.ClientError, OSError, ApiException):
            await asyncio.sleep(min(seconds, 1.0))

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None, content_type: str, query: dict[str, str]
    ) -> Any:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if path.endswith("/log"):
            headers["Accept"] = "*/*"
        request = await self._api.param_serialize(
            method=method, resource_path=path, query_params=list(query.items()), header_params=headers,
            body=body, auth_settings=["BearerToken"],
        )  # fmt: skip
        return await self._api.call_api(*request[:4], _request_timeout=_TIMEOUT_SECONDS * 3)


async def _own(context: str | None, configuration: client.Configuration) -> None:
    try:
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            context=context, client_configuration=configuration, persist_config=False
        )
    except config.ConfigException:
        if context is not None:
            raise
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]


def _refusal(status: int, text: str) -> Refused:
    try:
        answer = json.loads(text)
        return Refused(status, str(answer.get("message") or text), str(answer.get("reason") or ""))
    except (ValueError, AttributeError):
        return Refused(status, f"HTTP {status}: {text[:300]}")


def _said(error: BaseException) -> str:
    return str(error)[:300] or type(error).__name__
