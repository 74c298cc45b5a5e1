"""Keeps the runner's memory and environment from the script, which runs as the same user in the same pod."""

from __future__ import annotations

HIDDEN = "runner: its memory is hidden from the script"
OPEN = "runner: its memory is open to the script, as the image's Python has no ctypes"
_PR_SET_DUMPABLE = 4


def hide() -> str:
    """Hide this process from others of its user, where that can be done; returns what is in force."""
    try:
        import ctypes
    except ImportError:
        return OPEN
    return OPEN if ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) else HIDDEN
