"""``suture demo``: the examples through the whole system, in front of your eyes."""

from suture_cli.demo.command import demo

__all__ = ["demo"]
