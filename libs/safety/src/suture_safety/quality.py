"""What a script of production quality has; each thing that is missing is an ``info`` finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_contracts.report import Quality

if TYPE_CHECKING:
    from suture_safety.bash.trail import Trail
    from suture_safety.collector import Collector


# The flag, what is said where it is missing, the remedy, and whether that is said at the first change.
_REQUIREMENTS = (
    ("shebang", "has no shebang", "Begin with #!/bin/bash.", False),
    (
        "error_handling",
        "goes on after an error, or with unset variables",
        "Begin with set -euo pipefail.",
        False,
    ),
    ("backup", "changes something before it is backed up", "Copy the old state first.", True),
    ("logging", "says nothing about what it does", "Print each step.", False),
    ("validation", "does not check its last change", "Test the result at the end.", True),
)


def bash_quality(text: str, trail: Trail, collector: Collector) -> Quality:
    """Five requirements: shebang, error handling, backup before change, logging, validation after it."""
    changes = trail.first_change >= 0
    quality = Quality(
        shebang=text.startswith("#!"),
        error_handling=trail.errexit and trail.nounset,
        backup=not changes or 0 <= trail.first_backup <= trail.first_change,
        logging=trail.logs,
        validation=not changes or trail.last_check > trail.last_change,
    )
    for name, message, remedy, at_change in _REQUIREMENTS:
        if not getattr(quality, name):
            rule = f"quality.{name.replace('_', '-')}"
            collector.add(rule, "info", message, remedy, trail.change_place if at_change else (1, 1))
    return quality


def declared_quality(text: str) -> Quality:
    """Of what is data, not a program (a manifest, a query): the runner sees to the rest."""
    return Quality(
        shebang=True, error_handling=True, backup=True, logging=True, validation=bool(text.strip())
    )
