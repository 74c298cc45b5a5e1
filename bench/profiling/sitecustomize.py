"""Runs a service under cProfile: ``PYTHONPATH`` names this folder, ``BENCH_PROFILE`` the file to write."""

from __future__ import annotations

import atexit
import cProfile
import os


def _profile(path: str) -> None:
    profile = cProfile.Profile()
    atexit.register(profile.dump_stats, path)
    # The event loop runs in this thread.
    profile.enable()


if os.environ.get("BENCH_PROFILE"):
    _profile(os.environ["BENCH_PROFILE"])
