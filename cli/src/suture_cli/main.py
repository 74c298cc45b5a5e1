"""The ``suture`` command. Each subcommand's module is imported only when it is called.

Exit codes: 0 done (succeeded, already_remediated, no_action); 1 another terminal state, or a failure;
2 bad input; 3 the system cannot be reached; 4 the remediation still waits.
"""

from __future__ import annotations

import click
from suture_chassis.launch import load

COMMANDS = {
    "demo": ("suture_cli.demo:demo", "Break a real service in six ways and let a whole system repair it."),
    "up": ("suture_cli.up:up", "Start broker, store and services on free loopback ports."),
    "down": ("suture_cli.up:down", "End what 'suture up' started in this folder."),
    "submit": ("suture_cli.submit:submit", "Submit a finding or a vulnerability."),
    "run": ("suture_cli.run:run", "Have a script of your own checked, approved and run."),
    "watch": ("suture_cli.watch:watch", "Follow states as they come."),
    "list": ("suture_cli.list:list_remediations", "List the remediations, newest first."),
    "show": ("suture_cli.show:show", "Show all that is known of a remediation."),
    "approve": ("suture_cli.approve:approve", "Let a script run."),
    "deny": ("suture_cli.deny:deny", "Refuse a script."),
    "rollback": ("suture_cli.rollback:rollback", "Take a fix back."),
    "validate": ("suture_cli.validate:validate", "Check scripts for what could do harm."),
    "generate": ("suture_cli.generate:generate", "Generate scripts, without a running system."),
    "batch": ("suture_cli.batch:batch", "Open remediations for reported vulnerabilities."),
    "templates": ("suture_cli.templates:templates", "List, show, test, add, edit and delete templates."),
    "targets": ("suture_cli.targets:targets", "Register, list, check and remove targets."),
    "dead-letters": (
        "suture_cli.dead_letters:dead_letters",
        "Look after messages that no service could take.",
    ),
    "audit": ("suture_cli.audit:audit", "Check the journal of everything that happened."),
    "stop": ("suture_cli.stop:stop", "Let nothing start any more; rollbacks stay possible."),
    "resume": ("suture_cli.stop:resume", "Let starts happen again."),
}
"""Each command's name, the module and attribute where its click command is, and its line in the list."""


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for: ``suture validate`` must not pay for ``demo``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        place, _ = COMMANDS[cmd_name]
        module, attribute = place.split(":")
        command = getattr(load(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list from ``COMMANDS`` alone: to say what there is must not import all of it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="suture-cli", prog_name="suture")
def main() -> None:
    """Suture closes incidents: it writes the fix, proves it, runs it, and takes it back when it failed."""


if __name__ == "__main__":
    main()
