"""Requests with timeouts and bounded retries; a retry repeats the Idempotency-Key: no second effect."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from agent_sdk.errors import BadAnswer, Unreachable, error_of

BASE = "/api/generative-remediation"
_RETRIED = (429, 503)
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0


class Transport:
    """One API, one key. ``retries`` counts the tries after the first."""

    def __init__(
        self,
        api_base_url: str,
        api_key: str,
        *,
        agent: str,
        timeout: float,
        retries: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not api_base_url.startswith(("http://", "https://")):
            raise ValueError("api_base_url has to begin with http:// or https://")
        if not api_key.isascii() or not api_key.strip() or "\n" in api_key:
            raise ValueError("api_key has to be the text that the operator gave out")
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=api_base_url.rstrip("/"),
            headers={
                "Authorization": f"Bearer {api_key.strip()}",
                "User-Agent": f"suture-agent-sdk ({agent})",
            },
            timeout=timeout,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self.ask("GET", path, query=query)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        keyed: bool = True,
        retries: int | None = None,
    ) -> dict[str, Any]:
        """The answer's JSON object. Raises ``AgentSDKError``.

        A change is sent with ``key`` as Idempotency-Key, a new one where none is given, none where it is not
        ``keyed``. The server may take ``wait`` seconds of the query longer to answer. ``retries`` is the
        client's unless given.
        """
        headers = {"Idempotency-Key": key or uuid4().hex} if keyed and method != "GET" else {}
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        timeout = self._timeout + float(asked.get("wait", 0))
        most = self._retries if retries is None else retries
        for attempt in range(most + 1):
            last = attempt == most
            try:
                answer = self._client.request(
                    method, path, json=body, params=asked, headers=headers, timeout=timeout
                )
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if last or isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
                    raise Unreachable(
                        f"no answer from {self._client.base_url}: {error or type(error).__name__}",
                        remedy="check api_base_url, and that the system runs",
                    ) from error
                self._pause(attempt, None)
                continue
            if answer.status_code not in _RETRIED or last:
                return _content(answer)
            self._pause(attempt, answer.headers.get("Retry-After"))
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, attempt: int, retry_after: str | None) -> None:
        # Half of it at random, so that many agents do not come back at once.
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1)
        if retry_after is not None and retry_after.isdigit():
            pause = max(pause, min(_LONGEST_PAUSE, float(retry_after)))
        self._sleep(pause)


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if answer.is_success and isinstance(content, dict):
        return content
    if answer.status_code >= 400:
        raise error_of(answer.status_code, content)
    raise BadAnswer(
        f"the answer (status {answer.status_code}) is not this API's",
        status=answer.status_code,
        remedy="check api_base_url",
    )


def part(text: str) -> str:
    """One part of a path, whatever it contains."""
    return quote(text, safe="")
