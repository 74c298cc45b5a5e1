"""``suture show``: one remediation, with all that a person needs to judge it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from suture_cli.client import SCRIPTS, Client, open_client
from suture_cli.follow import reasons
from suture_cli.options import json_option, role_option
from suture_cli.terminal import STYLES, clock, part, plain, print_json

_LABEL = 14


@click.command()
@click.argument("identifier", metavar="ID")
@role_option("operator")
@json_option
def show(identifier: str, role: str | None, as_json: bool) -> None:
    """Show remediation ID (or the one of that script): states, script, report, confidence, approval, runs."""
    with open_client(role, "operator") as client:
        remediation = client.remediation(identifier)
        script = _script(client, remediation)
    if as_json:
        print_json(remediation)
        return
    for line in describe(remediation, script):
        click.echo(line)


def describe(remediation: Mapping[str, Any], script: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the description; every text in them is made harmless for the terminal."""
    yield from _head(remediation)
    yield from _states(remediation)
    if script:
        yield from _judgement(remediation, script)
        for name in ("script", "verify", "rollback"):
            yield from _code(name, script.get(name))
    yield from _runs(remediation)


def _script(client: Client, remediation: Mapping[str, Any]) -> dict[str, Any]:
    if not remediation.get("script_id") or not part(remediation, "script"):
        return {}
    return client.get(f"{SCRIPTS}/{remediation['script_id']}")


def _head(remediation: Mapping[str, Any]) -> Iterator[str]:
    state = plain(remediation.get("state"))
    yield _field("remediation", remediation.get("remediation_id"))
    yield f"{'state':<{_LABEL}}{click.style(state, fg=STYLES.get(state), bold=True)}"
    for reason in reasons(remediation):
        yield _field("", reason)
    known = (remediation.get(name) for name in ("reference", "category", "severity"))
    yield _field("finding", " · ".join(str(value) for value in known if value))
    details = part(remediation, "finding", "details")
    if details:
        yield _field("", details)
    if (remediation.get("count") or 1) > 1:
        yield _field("count", f"{remediation['count']} findings that say the same")


def _states(remediation: Mapping[str, Any]) -> Iterator[str]:
    yield _section("states")
    for entry in remediation.get("states") or ():
        state = plain(entry.get("state"))
        yield f"  {clock(entry.get('at'))}  {click.style(state, fg=STYLES.get(state))}"


def _judgement(remediation: Mapping[str, Any], script: Mapping[str, Any]) -> Iterator[str]:
    yield _section(f"{plain(script.get('scriptType'))} script, revision {script.get('revision')}")
    yield _field("script id", script.get("id"))
    yield _field("digest", script.get("digest"))
    yield _field("origin", f"{script.get('origin')}{_template(script)}")
    yield _field("targets", ", ".join(map(str, script.get("targets") or ())) or "none")
    yield _field("writes", ", ".join(map(str, script.get("writes") or ())) or "nothing declared")
    yield from _validation(script)
    yield from _confidence(script.get("confidence") or remediation.get("confidence") or {})
    yield from _approval(script.get("approval") or {})


def _template(script: Mapping[str, Any]) -> str:
    template = script.get("template")
    if not template:
        return ""
    if not isinstance(template, Mapping):
        return f" ({template})"
    return f" ({template.get('id')}:{template.get('revision')})"


def _validation(script: Mapping[str, Any]) -> Iterator[str]:
    validation = script.get("validation")
    if not validation:
        return
    verdict = "valid" if validation.get("isValid") else "refused"
    yield _field("validation", f"{verdict}, safety score {validation.get('safetyScore')}")
    for finding in validation.get("findings") or ():
        where = f"{finding.get('part', 'body')} {finding.get('line')}:{finding.get('column')}"
        rule = finding.get("rule_id") or finding.get("ruleId")
        yield _field("", f"{where} {finding.get('severity')} {rule}: {finding.get('message')}")


def _confidence(confidence: Mapping[str, Any]) -> Iterator[str]:
    if not confidence:
        return
    yield _field("confidence", f"{confidence.get('level')} ({_rounded(confidence.get('total'))} of 100)")
    for name, value in (confidence.get("parts") or {}).items():
        yield _field("", f"{name:<16}{_rounded(value):>6}")
    for cap in confidence.get("caps") or ():
        yield _field("", f"capped: {cap}")


def _approval(approval: Mapping[str, Any]) -> Iterator[str]:
    if not approval:
        return
    needed = approval.get("approversRequired")
    kind = "automatic, supervisors notified" if approval.get("notifyOnly") else f"{needed} needed"
    yield _field("approval", f"{kind}; expires {approval.get('expiresAt')}")
    yield _field("", approval.get("approvalId"))


def _code(name: str, text: object) -> Iterator[str]:
    if not text:
        return
    yield _section(name)
    shown = plain(text, lines=True).split("\n")
    if shown[-1] == "":
        shown.pop()
    for number, line in enumerate(shown, start=1):
        yield f"{number:>4}  {line}"


def _runs(remediation: Mapping[str, Any]) -> Iterator[str]:
    runs = remediation.get("runs") or ()
    if not runs:
        return
    yield _section("runs")
    for run in runs:
        seconds = f" in {run['seconds']:.1f} s" if isinstance(run.get("seconds"), (int, float)) else ""
        code = f", exit code {run['exit_code']}" if run.get("exit_code") is not None else ""
        yield plain(f"  {run.get('target')}: {run.get('outcome')}{code}{seconds}")
        if run.get("isolation"):
            yield plain(f"    isolation: {', '.join(map(str, run['isolation']))}")
        if run.get("detail"):
            yield plain(f"    {run['detail']}")
        yield from _output(run.get("output_tail"))
        yield from _changed(run)
        yield from _undoing(run)


def _output(tail: object) -> Iterator[str]:
    for line in plain(tail or "", lines=True).rstrip("\n").split("\n"):
        if line:
            yield f"    | {line}"


def _indented(text: object) -> Iterator[str]:
    for line in plain(text or "", lines=True).rstrip("\n").split("\n"):
        if line:
            yield f"      {line}"


def _changed(run: Mapping[str, Any]) -> Iterator[str]:
    before, after = run.get("before") or {}, run.get("after") or {}
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield plain(f"    changed {path}: {_digest(old)} -> {_digest(new)}")
    yield from _indented(run.get("diff"))


def _undoing(run: Mapping[str, Any]) -> Iterator[str]:
    if run.get("snapshot"):
        yield plain(f"    snapshot: {run['snapshot']}")
    if run.get("undo"):
        yield "    to undo it by hand, where 'suture rollback' cannot:"
        yield from _indented(run["undo"])


def _digest(value: object) -> str:
    return "absent" if value is None else json.dumps(value).strip('"')[:12]


def _rounded(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, (int, float)) else str(value)


def _section(title: str) -> str:
    return "\n" + click.style(title, bold=True)


def _field(label: str, value: object) -> str:
    return f"{label:<{_LABEL}}{plain(value)}"
