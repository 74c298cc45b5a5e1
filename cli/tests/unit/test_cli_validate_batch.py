"""validate --batch: one answer a line, whatever the lines hold."""

from __future__ import annotations

import json
import subprocess
import sys

GOOD = {"id": 1, "script_type": "bash", "text": "#!/bin/bash\necho hello\n"}
BAD = {"id": "two", "script_type": "bash", "text": "rm -rf /"}


def _answers(lines: bytes) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "suture_cli", "validate", "--batch"],
        input=lines,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_line_has_its_answer_in_its_place_and_findings_do_not_change_the_exit_code() -> None:
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in [GOOD, BAD] * 60)
    answers = _answers(lines)
    assert [one["id"] for one in answers] == [1, "two"] * 60
    assert [one["is_valid"] for one in answers] == [True, False] * 60
    assert set(answers[1]) == {"id", "is_valid", "safety_score", "findings", "quality", "needs"}


def test_a_line_that_cannot_be_used_is_answered_and_stops_no_other() -> None:
    broken = [
        b"{",
        b"[]",
        b"",
        b'{"id": 7, "script_type": "fish", "text": ""}',
        b'{"id": 8, "script_type": "bash"}',
    ]
    broken += [b'{"id": 9, "script_type": "bash", "text": "echo \xff"}', b"[" * 100_000]
    answers = _answers(b"\n".join([*broken, json.dumps(BAD).encode()]))
    assert len(answers) == len(broken) + 1
    assert not any(one["is_valid"] for one in answers[:5])
    assert [one["id"] for one in answers[3:6]] == [7, 8, 9]
    assert answers[-1]["id"] == "two"


def test_pod_security_findings_say_their_level() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"hostPID": True, "containers": []},
    }
    (answer,) = _answers(json.dumps({"id": 1, "script_type": "kubernetes", "text": json.dumps(pod)}).encode())
    findings = answer["findings"]
    assert isinstance(findings, list)
    assert "baseline" in {one.get("level") for one in findings}
