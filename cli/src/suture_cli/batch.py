"""``suture batch``: remediations for the vulnerabilities that were reported, once a day each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from suture_cli.client import open_client
from suture_cli.options import json_option, role_option
from suture_cli.terminal import print_json

SEVERITIES = ("critical", "high", "medium", "low", "info")


@click.command()
@click.option("--severity", "severities", type=click.Choice(SEVERITIES), multiple=True, default=("critical",))
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Of which day the batch is. [default: today]")
@click.option("--on-request", is_flag=True, help="Nothing runs before its 'execute'.")
@click.option("--max-usd", type=click.FloatRange(min=0), default=0.0, help="What models may cost for it.")
@click.option("--max-tokens", type=click.IntRange(min=0), default=0, help="The same in tokens.")
@role_option("operator")
@json_option
def batch(
    severities: tuple[str, ...],
    day: datetime | None,
    on_request: bool,
    max_usd: float,
    max_tokens: int,
    role: str | None,
    as_json: bool,
) -> None:
    """Open a remediation for each reported vulnerability of a severity (more than one may be given).

    The same day and filter again open the same ones: a batch that broke off is taken up by calling it again.
    What was opened on that day already, by the schedule for one, stays as it was opened, and is marked so.

    Where models have taken what --max-usd or --max-tokens allows, they are asked no more; what needs none of
    them goes on. What was left is counted, and the same batch with a higher bound takes it up.
    """
    of = (day or datetime.now(UTC)).date().isoformat()
    body = {
        "severities": list(severities),
        "day": of,
        "start": "on_request" if on_request else "automatic",
        "max_usd": max_usd,
        "max_tokens": max_tokens,
    }
    after, count = None, 0
    with open_client(role, "operator") as client:
        while True:
            answer = client.post(
                "/api/vulnerabilities/batch", {**body, **({"after": after} if after else {})}
            )
            for opened in answer["remediations"]:
                count += 1
                if as_json:
                    print_json(opened)
                else:
                    other = opened.get("start", body["start"]) != body["start"]
                    told = f" (was opened on that day: {opened['start']})" if other else ""
                    click.echo(
                        f"{opened['remediation_id']} {opened['vulnerability_id']} {opened['package']}{told}"
                    )
            after = answer.get("next")
            if after is None:
                break
    budget = answer.get("budget")
    if as_json and budget:
        print_json({"budget": budget})
    elif not as_json:
        click.echo(f"{count} remediations of {of}", err=True)
        if budget:
            click.echo(_told(budget), err=True)


def _told(budget: dict[str, Any]) -> str:
    usd, tokens, spent = budget["usd"], budget["tokens"], budget["spent"]
    bound = " and ".join([f"{usd:g} USD"] * bool(usd) + [f"{tokens} tokens"] * bool(tokens))
    if spent is None:
        return f"models may take {bound}; what they took so far could not be asked"
    took = f"models took {spent['usd']:g} USD and {spent['tokens']} tokens so far, of {bound}"
    if not spent["left"]:
        return took
    return f"{took}; {spent['left']} left for want of it: the same batch with a higher bound takes them up"
