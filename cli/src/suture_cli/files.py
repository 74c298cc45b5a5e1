"""Files that a command is given: bounded, read once, every fault named."""

from __future__ import annotations

import json
import sys
from typing import IO, Any

from suture_cli.failures import BadInput

MAX_BYTES = 1_048_576
"""The API takes no larger body."""


def read_text(name: str, source: IO[bytes] | None = None) -> str:
    """The text of a file, or of stdin for ``-``, or of what was opened already; raises BadInput."""
    try:
        if source is not None:
            content = source.read(MAX_BYTES + 1)
        elif name == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(name, "rb") as file:
                content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "the name is not usable"
        raise BadInput(f"cannot read {name}: {reason}", remedy="check the path and its permissions") from None
    if len(content) > MAX_BYTES:
        raise BadInput(f"{name} is larger than {MAX_BYTES:,} bytes", remedy="shorten it")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8 text (byte {error.start})", remedy="save it as UTF-8") from None


def read_json(name: str, source: IO[bytes] | None = None) -> Any:
    """The JSON of a file or of stdin; raises BadInput with line and column."""
    try:
        return json.loads(read_text(name, source))
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{name} is not JSON: {error.msg} at line {error.lineno} column {error.colno}",
            remedy="correct it there",
        ) from None
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{name} is not usable JSON: {type(error).__name__}", remedy="simplify it") from None
