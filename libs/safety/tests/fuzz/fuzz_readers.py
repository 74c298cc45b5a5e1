"""Fuzzes every reader of the safety analysis, guided by what of its code a text reaches: ``make fuzz``.

The first byte of an input says which type of text the rest is. What breaks a promise is written to a file;
once it is mended, that file is kept in ``found/``, which ``test_fuzz_findings.py`` reads with every run.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["suture_safety"]):
    import suture_safety

    # The readers are imported when a text of theirs comes; only here are they instrumented.
    for module in pkgutil.walk_packages(suture_safety.__path__, "suture_safety."):
        importlib.import_module(module.name)

from suture_safety import analyse
from suture_safety.bounds import MAX_FINDINGS, MAX_SECONDS
from suture_safety.catalogue import catalogue
from suture_safety.text_types import TEXT_TYPES

MAX_BYTES = 4_096
_SEEDS_EACH = 400


def text_of(data: bytes) -> tuple[int, str]:
    """The number of the text's type, and the text."""
    return (data[0] % len(TEXT_TYPES) if data else 0), data[1:MAX_BYTES].decode("utf-8", "replace")


def promises(data: bytes) -> None:
    """No text crashes the analysis, goes over its bounds, or gets a report that contradicts itself."""
    number, text = text_of(data)
    started = time.thread_time()
    report = analyse(text, TEXT_TYPES[number])
    # Instrumented code takes several times as long.
    if time.thread_time() - started > 5 * MAX_SECONDS:
        raise RuntimeError(f"took {time.thread_time() - started:.1f} s")
    if len(report.findings) > MAX_FINDINGS or not 0 <= report.safety_score <= 1:
        raise RuntimeError("over its bounds")
    if report.is_valid == bool(report.errors):
        raise RuntimeError("valid with errors, or invalid without")
    lines = text.count("\n") + text.count("\r") + 2
    if any(not 1 <= one.line <= lines or one.column < 1 for one in report.findings):
        raise RuntimeError("a place outside the text")


def write_seeds(folder: Path) -> None:
    """The rules' own examples, each a file: what the fuzzer begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, kind in enumerate(TEXT_TYPES):
        examples = [
            text for one in catalogue().values() if one.language == kind for text in one.fires + one.silent
        ]
        for place, text in enumerate(examples[:_SEEDS_EACH]):
            (folder / f"{kind}-{place}").write_bytes(bytes([number]) + text.encode()[:MAX_BYTES])


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
    atheris.Setup([sys.argv[0], *sys.argv[1:]], promises)
    atheris.Fuzz()
