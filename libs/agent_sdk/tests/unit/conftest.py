"""A small HTTP server that answers what a test tells it, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from agent_sdk import AgentSDK
from suture_chassis.custody import seal
from suture_contracts import ids
from suture_contracts.custody import APPROVAL, VERDICT, Approval, Verdict
from suture_contracts.leases import LEASE, Bundle, Lease
from suture_contracts.script import Script, ScriptDocument

NOW = datetime.now(UTC)
WRITES = ("/srv/app/db.conf",)


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Server:
    """``answers`` are given in turn, the last one for ever: (status, body, headers), or None to hang up."""

    address: str
    answers: list[tuple[int, Any, dict[str, str]] | None] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, status: int, body: Any, **headers: str) -> None:
        self.answers.append(
            (status, body, {name.replace("_", "-"): value for name, value in headers.items()})
        )


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            server.asked.append(
                Asked(self.command, self.path, dict(self.headers), json.loads(body) if body else None)
            )
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            if answer is None:
                self.close_connection = True
                return
            status, content, headers = answer
            text = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    made = Server(f"http://127.0.0.1:{listening.server_address[1]}")
    listening.RequestHandlerClass = _handler(made)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the agent made between its tries, in seconds; they are not slept."""
    return []


@pytest.fixture
def agent(server: Server, pauses: list[float]) -> Iterator[AgentSDK]:
    with AgentSDK("agent-1", "the-key", server.address, timeout=5, retries=3, sleep=pauses.append) as made:
        yield made


def _bundle(trust: Any, mode: str = "apply", **bent: Any) -> Bundle:
    """A whole bundle; ``bent`` says what is otherwise: signers, fields, bytes, parts left out."""
    document = ScriptDocument(script_type="bash", body="true", targets=("far",), writes=WRITES)
    script = Script.of(ids.script_id(uuid4()), 1, document)
    signed = {"script_id": script.script_id, "revision": 1}
    approval_id = ids.approval_id(script.script_id, 1)

    def sealed(by: str, kind: str, predicate: Any) -> Any:
        return seal(
            trust.signer(by),
            subject_name="script",
            subject_sha256=script.sha256,
            predicate_type=kind,
            predicate=predicate,
        )

    verdict = {
        "ruleset": "0" * 64, "is_valid": True, "safety_score": 1.0, "reversibility": "exact", "at": NOW,
    }  # fmt: skip
    approval = {
        "approval_id": approval_id, "mode": "automatic", "targets": ("far",), "not_before": NOW,
        "not_after": NOW + timedelta(minutes=5), "expected": {"far": {"/srv/app/db.conf": "absent"}},
    }  # fmt: skip
    lease = {
        "run_id": "run-1", "token": "t", "execution_id": ids.execution_id(approval_id), "mode": mode,
        "target": "far", "agent": "agent", "seconds": 30.0,
    }  # fmt: skip
    parts = {
        "verdict": sealed(
            bent.get("verdict_by", "validator"),
            VERDICT,
            Verdict(**signed, **{**verdict, **bent.get("verdict", {})}),
        ),
        "approval": sealed(
            bent.get("approval_by", "approver"),
            APPROVAL,
            Approval(**signed, **{**approval, **bent.get("approval", {})}),
        ),
        "lease": sealed(
            bent.get("lease_by", "executor"), LEASE, Lease(**{**signed, **lease, **bent.get("lease", {})})
        ),
    }
    sent = Script.of(script.script_id, 1, bent["other_bytes"]) if "other_bytes" in bent else script
    return Bundle(script=sent, approval_id=approval_id, **{**parts, **bent.get("parts", {})})


@pytest.fixture
def make_bundle(trust: Any) -> Callable[..., Bundle]:
    """Makes what an agent gets to run, see ``_bundle``."""

    def made(mode: str = "apply", **bent: Any) -> Bundle:
        return _bundle(trust, mode, **bent)

    return made
