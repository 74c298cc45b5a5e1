"""The ``suture`` command. Each subcommand's module is imported only when it is called.

Exit codes: 0 done (succeeded, already_remediated, no_action); 1 another terminal state, or a failure;
2 bad input; 3 the system cannot be reached; 4 the remediation still waits.
"""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "demo": "suture_cli.demo:demo",
    "up": "suture_cli.up:up",
    "down": "suture_cli.up:down",
    "submit": "suture_cli.submit:submit",
    "run": "suture_cli.run:run",
    "watch": "suture_cli.watch:watch",
    "list": "suture_cli.list:list_remediations",
    "show": "suture_cli.show:show",
    "approve": "suture_cli.approve:approve",
    "deny": "suture_cli.deny:deny",
    "rollback": "suture_cli.rollback:rollback",
    "validate": "suture_cli.validate:validate",
    "generate": "suture_cli.generate:generate",
    "batch": "suture_cli.batch:batch",
    "templates": "suture_cli.templates:templates",
    "targets": "suture_cli.targets:targets",
    "dead-letters": "suture_cli.dead_letters:dead_letters",
    "audit": "suture_cli.audit:audit",
    "stop": "suture_cli.stop:stop",
    "resume": "suture_cli.stop:resume",
}
"""Each command's name, and the module and attribute where its click command is."""


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for: ``suture validate`` must not pay for ``demo``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is not a click command")
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="suture-cli", prog_name="suture")
def main() -> None:
    """Suture closes incidents: it writes the fix, proves it, runs it, and takes it back when it failed."""


if __name__ == "__main__":
    main()
