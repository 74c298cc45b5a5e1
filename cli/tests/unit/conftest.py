"""A small real HTTP server that answers as the gateway would, and the command line run against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from suture_cli.main import main

Answer = tuple[int, Any]
REMEDIATION = "7f6d3f58-6f0f-5f6c-8a3e-0c4c8f0f1a01"
SCRIPT = "1b1c8f58-6f0f-5f6c-8a3e-0c4c8f0f1a02"


class Gateway:
    """``answers[(method, path)]`` is a list of answers: each is given once, the last one from then on."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.answers: dict[tuple[str, str], list[Answer]] = {}
        self.requests: list[tuple[str, str, Any, dict[str, str]]] = []

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def remediation(self, *states: str, **fields: Any) -> None:
        """Answers for one remediation that is a state further at each look."""
        seen = [_document(states[: count + 1], fields) for count in range(len(states))]
        self.on("GET", f"/api/remediations/{REMEDIATION}", *((200, document) for document in seen))
        events = [("state", entry) for entry in seen[-1]["states"]]
        self.events(*events, ("end", {"state": states[-1], "error": fields.get("error")}))

    def events(self, *events: tuple[str, dict[str, Any]]) -> None:
        """The stream of the remediation's events."""
        text = "".join(
            f"event: {name}\nid: {number};0:0\ndata: {json.dumps(data)}\n\n"
            for number, (name, data) in enumerate(events)
        )
        self.on("GET", f"/api/remediations/{REMEDIATION}/events", (200, text.encode()))

    def bodies(self, method: str) -> list[Any]:
        return [body for verb, _, body, _ in self.requests if verb == method]

    def answer(self, method: str, path: str) -> Answer:
        scripted = self.answers.get((method, path))
        if not scripted:
            return 404, {"title": "Not Found", "status": 404, "detail": f"no {path}"}
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]


def _document(states: tuple[str, ...], fields: dict[str, Any]) -> dict[str, Any]:
    seen = [
        {"state": state, "at": f"2026-01-01T10:00:0{number}+00:00"} for number, state in enumerate(states)
    ]
    return {
        "remediation_id": REMEDIATION,
        "script_id": SCRIPT,
        "state": states[-1],
        "states": seen,
        "reference": "anomaly-123",
        "category": "Configuration",
        "severity": "high",
        **fields,
    }


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    holder: list[Gateway] = []

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            holder[0].requests.append((self.command, self.path, body, dict(self.headers)))
            status, content = holder[0].answer(self.command, self.path.partition("?")[0])
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = do_PUT = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the test output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    holder.append(Gateway(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield holder[0]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and no connection in the environment."""
    for name in ("SUTURE_API", "SUTURE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def running(gateway: Gateway, workdir: Path) -> Gateway:
    """The gateway, with the run file that leads to it in the current directory."""
    keys = {role: f"key-of-{role}" for role in ("agent", "operator", "supervisor", "admin")}
    (workdir / ".suture").mkdir()
    (workdir / ".suture" / "run.json").write_text(json.dumps({"api": gateway.url, "keys": keys}))
    return gateway


@pytest.fixture
def suture() -> Callable[..., Result]:
    """Runs ``suture ARGUMENTS``; the result has ``stdout``, ``stderr`` and ``exit_code``."""

    def run(*arguments: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(main, arguments, input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
