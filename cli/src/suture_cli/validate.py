"""``suture validate``: says what is wrong with scripts, here, without any system running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from suture_cli.failures import BAD_INPUT, DONE, OTHER_END, BadInput, CommandFailed
from suture_cli.files import read_text
from suture_cli.terminal import plain, print_json

if TYPE_CHECKING:
    from suture_contracts.base import ScriptType
    from suture_contracts.report import Report, SafetyFinding

_TYPES = ("bash", "python", "kubernetes", "sql", "config")
_BY_SUFFIX: dict[str, ScriptType] = {
    ".sh": "bash",
    ".bash": "bash",
    ".py": "python",
    ".yaml": "kubernetes",
    ".yml": "kubernetes",
    ".sql": "sql",
    ".patch": "config",
    ".diff": "config",
    ".conf": "config",
}
_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}
_WIDEST = 200


@click.command(short_help="Check scripts for what could do harm.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--type", "script_type", type=click.Choice(_TYPES), help="What they are. [default: as the name says]"
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Warnings count too.")
@click.pass_context
def validate(
    ctx: click.Context,
    files: tuple[str, ...],
    script_type: ScriptType | None,
    form: str,
    as_json: bool,
    strict: bool,
) -> None:
    """Check each FILE (- for stdin) for what could do harm. Nothing is run, nothing leaves this machine.

    Exit code 0: nothing wrong; 1: a file has errors (with --strict also warnings); 2: a file cannot be read.
    As JSON each file is one object a line.
    """
    codes = [_one(name, script_type, as_json or form == "json", strict) for name in files]
    ctx.exit(max(codes, default=DONE))


def _one(name: str, script_type: ScriptType | None, as_json: bool, strict: bool) -> int:
    from suture_safety import validate as analyse

    try:
        text = read_text(name)
        chosen = script_type or type_of(name, text)
    except CommandFailed as failed:
        failed.show()
        return BAD_INPUT
    report = analyse(text, chosen)
    if as_json:
        print_json({"file": name, "type": chosen, **report.model_dump(mode="json")})
    else:
        for line in describe(name, text, report):
            click.echo(line)
    return OTHER_END if report.errors or (strict and report.warnings) else DONE


def type_of(name: str, text: str) -> ScriptType:
    """By the name's suffix, else by the first line; raises BadInput."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    first = text.partition("\n")[0]
    if first.startswith("#!"):
        return "python" if "python" in first else "bash"
    raise BadInput(f"cannot tell what {name} is", field="--type", remedy=f"give one of {', '.join(_TYPES)}")


def describe(name: str, text: str, report: Report) -> Iterator[str]:
    """The findings as a compiler would show them: place, rule, the line with a caret below, remedy."""
    lines = text.split("\n")
    for finding in report.findings:
        yield from _finding(name, lines, finding)
    count = f"{len(report.errors)} errors, {len(report.warnings)} warnings"
    verdict = click.style("valid", fg="green") if report.is_valid else click.style("not valid", fg="red")
    yield f"{plain(name)}: {verdict}, safety score {report.safety_score:.2f}, {count}"


def _finding(name: str, lines: list[str], finding: SafetyFinding) -> Iterator[str]:
    severity = click.style(finding.severity, fg=_COLOURS[finding.severity])
    place = f"{plain(name)}:{finding.line}:{finding.column}"
    yield f"{place}: {severity} {plain(finding.rule_id)}: {plain(finding.message)}"
    line = lines[finding.line - 1] if finding.line <= len(lines) else ""
    if line.strip():
        yield from _with_caret(line.rstrip("\r"), finding.column)
    yield f"    {plain(finding.remedy)}"


def _with_caret(line: str, column: int) -> Iterator[str]:
    # A long line is shown around its column, and what is not printable takes the room that it is shown in.
    start = max(0, column - 1 - _WIDEST // 2)
    before = plain(line[start : column - 1])
    shown = before + plain(line[column - 1 : start + _WIDEST])
    yield f"    {shown}"
    yield f"    {' ' * len(before)}^"
