"""Fuzzes every reader of the safety analysis, guided by what of its code a text reaches: ``make fuzz``.

The first byte of an input says which type of text the rest is. What breaks a promise is written to a file in
``--broken`` and the search goes on, so that one flaw does not hide the next; a native crash ends it. Once it
is mended, the file is kept in ``found/``, which ``test_fuzz_findings.py`` reads with every run.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import pkgutil
import random
import sys
import traceback
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["suture_safety"]):
    import suture_safety

    # The readers are imported when a text of theirs comes; only here are they instrumented.
    for module in pkgutil.walk_packages(suture_safety.__path__, "suture_safety."):
        importlib.import_module(module.name)

from promises import Broken, keep_promises, text_of
from suture_safety.catalogue import catalogue
from suture_safety.text_types import TEXT_TYPES

MAX_BYTES = 6_000
_MAX_OF_A_KIND = 4
_SLOWNESS = 5
_PAIRS = (
    *(("$(", ")"), ("`", "`"), ("'", "'"), ('"', '"'), ("{ ", "; }"), ("(", ")"), ("[", "]"), ("{", "}")),
    *(("${x:-", "}"), ("$((", "))"), ("bash -c '", "'"), ("eval ", ""), ("<<E\n", "\nE\n"), ("\n", "\n")),
)


def examples() -> list[list[bytes]]:
    """The rules' own, both ways, by the number of their type; what was once found is among them."""
    found: list[list[bytes]] = [[] for _ in TEXT_TYPES]
    for one in catalogue().values():
        if one.language in TEXT_TYPES:
            texts = (text.encode("utf-8", "surrogateescape") for text in one.fires + one.silent)
            found[TEXT_TYPES.index(one.language)] += texts
    for path in sorted((Path(__file__).parent / "found").iterdir()):
        data = path.read_bytes()
        found[data[0] % len(TEXT_TYPES)].append(data[1:])
    return found


class Search:
    """Takes inputs from libFuzzer, and makes new ones for it; ``broken`` is a folder."""

    def __init__(self, broken: Path) -> None:
        self._broken = broken
        self._examples = examples()
        self._seen: Counter[str] = Counter()

    def write_seeds(self, folder: Path) -> None:
        for number, texts in enumerate(self._examples):
            for place, text in enumerate(texts):
                (folder / f"{TEXT_TYPES[number]}-{place}").write_bytes(bytes([number]) + text)

    def one(self, data: bytes) -> None:
        try:
            keep_promises(*text_of(data), _SLOWNESS)
        except Exception as error:
            how = _how(error)
            self._seen[how] += 1
            if self._seen[how] <= _MAX_OF_A_KIND:
                path = self._broken / f"{how}-{hashlib.sha256(data).hexdigest()[:8]}"
                path.write_bytes(data)
                print(f"\n{path}: {error!r}"[:600], file=sys.stderr)

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Half of the time libFuzzer's own way; else a piece put in, repeated, wrapped or taken out."""
        dice = random.Random(seed)
        if len(data) < 2 or dice.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        body = data[1:]
        start = dice.randrange(len(body) + 1)
        end = min(len(body), start + int(dice.expovariate(1 / 12)))
        example = dice.choice(self._examples[data[0] % len(TEXT_TYPES)])
        new = _altered(body[start:end], example, dice)
        return (data[:1] + body[:start] + new + body[end:])[:max_size]


def _altered(piece: bytes, example: bytes, dice: random.Random) -> bytes:
    way = dice.randrange(5)
    if way == 0:
        start, end = sorted((dice.randrange(len(example) + 1), dice.randrange(len(example) + 1)))
        return example[start:end]
    if way == 1:
        return b"\n" + example + b"\n"
    if way == 2:
        return piece * dice.choice((2, 3, 10, 200, 2_000))
    if way == 3:
        left, right = dice.choice(_PAIRS)
        times = dice.choice((1, 1, 1, 2, 9, 100))
        return left.encode() * times + piece + right.encode() * times
    return b""


def _how(error: Exception) -> str:
    """The way of breaking: the promise, or the exception and where it was raised."""
    if isinstance(error, Broken):
        return error.name.replace(" ", "-")
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "suture_safety" in one.filename]
    place = f"{Path(frames[-1].filename).stem}-{frames[-1].lineno}" if frames else "outside"
    return f"{type(error).__name__}-{place}"


def main() -> None:
    """Runs until the time is up; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="the inputs that reach something new")
    parser.add_argument("--broken", type=Path, required=True, help="the inputs that break a promise")
    options, given = parser.parse_known_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    options.broken.mkdir(parents=True, exist_ok=True)
    search = Search(options.broken)
    search.write_seeds(options.corpus)
    arguments = [sys.argv[0], f"-max_len={MAX_BYTES}", *given, str(options.corpus)]
    atheris.Setup(arguments, search.one, custom_mutator=search.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
