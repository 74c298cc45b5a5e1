"""A stand-in for a model provider: an HTTP server that the real SDKs talk to, with scripted answers.

It speaks OpenAI's chat completions and responses, and Anthropic's messages.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from suture_local.model_formats import API_OF_PATH, Api, End, answer_body, ended, error_body, texts_of
from suture_local.ports import LOOPBACK

_MAX_BODY_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a client asked; ``system`` and ``prompt`` are the texts of its messages, joined."""

    api: Api
    model: str
    system: str
    prompt: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What the model says. A dict is sent as JSON text (or as the input of the tool that was forced).

    ``status`` other than 200 is an error of the provider's own shape; ``retry_after`` is in seconds.
    """

    content: str | dict[str, Any] = ""
    status: int = 200
    retry_after: float | None = None
    delay: float = 0.0
    input_tokens: int = 100
    output_tokens: int = 50
    end: End = "whole"


Answering = Callable[[ModelRequest], ModelAnswer | str | dict[str, Any]]


def _nothing_scripted(request: ModelRequest) -> ModelAnswer:
    return ModelAnswer("no answer was scripted", status=500)


@dataclass
class ModelServer:
    """Serves from ``start`` to ``stop`` (or inside ``with``) on a free loopback port.

    ``queue`` is answered first, one entry a request; then ``answering`` is asked. ``requests`` keeps all.
    """

    answering: Answering = _nothing_scripted
    queue: list[ModelAnswer | str | dict[str, Any]] = field(default_factory=list)
    requests: list[ModelRequest] = field(default_factory=list)
    refused_keys: set[str] = field(default_factory=set)
    """Keys that the list of models is not given to."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """The base URL for Anthropic's SDK."""
        if self._server is None:
            raise RuntimeError("the model server was not started")
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI's SDK."""
        return f"{self.url}/v1"

    def start(self) -> ModelServer:
        server = self

        class Handler(_Handler):
            model_server = server

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> ModelServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, request: ModelRequest) -> ModelAnswer:
        with self._lock:
            self.requests.append(request)
            scripted = self.queue.pop(0) if self.queue else None
        answer = self.answering(request) if scripted is None else scripted
        return answer if isinstance(answer, ModelAnswer) else ModelAnswer(answer)


class _Handler(BaseHTTPRequestHandler):
    model_server: ModelServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > _MAX_BODY_BYTES:
            self.close_connection = True
            return self._send(413, error_body("chat", 413, "the body is too large"))
        raw = self.rfile.read(length)
        api = API_OF_PATH.get(self.path.split("?")[0])
        if api is None:
            return self._send(404, error_body("chat", 404, f"no such path: {self.path}"))
        if not (self.headers.get("authorization") or self.headers.get("x-api-key")):
            return self._send(401, error_body(api, 401, "no API key was given"))
        try:
            body = json.loads(raw)
        except ValueError:
            return self._send(400, error_body(api, 400, "the body is not JSON"))
        if body.get("stream"):
            return self._send(400, error_body(api, 400, "streaming is not offered"))
        return self._answer(api, body)

    def do_GET(self) -> None:
        bearer = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        key = self.headers.get("x-api-key") or bearer
        if self.path.split("?")[0] != "/v1/models":
            self._send(404, error_body("chat", 404, f"no such path: {self.path}"))
        elif not key or key in self.model_server.refused_keys:
            self._send(401, error_body("chat", 401, f"incorrect API key: {key}"))
        else:
            self._send(200, {"object": "list", "data": [], "has_more": False})

    def _answer(self, api: Api, body: dict[str, Any]) -> None:
        system, prompt = texts_of(api, body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ModelRequest(api, str(body.get("model", "")), system, prompt, body, headers)
        answer = self.model_server.answer(request)
        time.sleep(answer.delay)
        if answer.status != 200:
            retry = {} if answer.retry_after is None else {"Retry-After": f"{answer.retry_after:g}"}
            return self._send(answer.status, error_body(api, answer.status, str(answer.content)), retry)
        usage = (answer.input_tokens, answer.output_tokens)
        whole = answer_body(api, body, answer.content, usage)
        if answer.end == "cut off":
            return self._cut_off(whole)
        return self._send(200, whole if answer.end == "whole" else ended(whole, answer.end))

    def _cut_off(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            # The client's own timeout ended sooner than the scripted delay.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the requests are kept."""
