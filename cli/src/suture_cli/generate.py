"""``suture generate``: scripts for findings and vulnerabilities, here, without any system running."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from suture_cli.failures import BadInput

MAX_LINE_BYTES = 1_048_576
PROVIDERS = ("none", "openai", "anthropic")


@click.command()
@click.argument("file", default="-")
@click.option("--batch", is_flag=True, help="FILE has one JSON object a line. [default: one object]")
@click.option("--provider", type=click.Choice(PROVIDERS), default="none", show_default=True)
@click.option("--model", help="The model's name. [default: the provider's]")
@click.option("--base-url", help="Any service that speaks the provider's API.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True)
def generate(
    file: str, batch: bool, provider: str, model: str | None, base_url: str | None, concurrency: int
) -> None:
    """Generate a script for each finding or vulnerability of FILE (- for stdin); one JSON line out for each.

    A line's outcome is generated, no_action or generation_failed, with the reason; it is never left out. The
    provider's key comes from OPENAI_API_KEY or ANTHROPIC_API_KEY. Nothing is run.
    """
    from suture_generation.batch import BatchGenerator
    from suture_generation.providers import ProviderMisconfigured, get_llm_client

    try:
        client = get_llm_client(provider, model=model, base_url=base_url)
    except ProviderMisconfigured as error:
        raise BadInput(str(error), field="--provider", remedy="set the key, or use --provider none") from None
    with _opened(file) as source:
        rows = _lines(source) if batch else iter([_whole(source, file)])
        asyncio.run(_print_all(BatchGenerator(client), rows, concurrency))


async def _print_all(generator: Any, rows: Iterator[tuple[int, Any]], concurrency: int) -> None:
    async for line in _in_order(generator, rows, concurrency):
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


async def _in_order(
    generator: Any, rows: Iterator[tuple[int, Any]], concurrency: int
) -> AsyncIterator[dict[str, Any]]:
    """Results in the order of the lines, ``concurrency`` at work at once, none read further ahead."""
    at_work: list[asyncio.Task[Any]] = []
    for number, data in rows:
        at_work.append(asyncio.create_task(generator.generate(data, number)))
        if len(at_work) >= concurrency:
            yield (await at_work.pop(0)).as_row()
    for task in at_work:
        yield (await task).as_row()


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(file, "rb") as source:
            yield source
    except OSError as error:
        raise BadInput(f"cannot read {os.fspath(file)}: {error.strerror}", remedy="check the path") from None


def _lines(source: IO[bytes]) -> Iterator[tuple[int, Any]]:
    number = 0
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = source.readline(MAX_LINE_BYTES)
            yield number, f"a line longer than {MAX_LINE_BYTES:,} bytes"
        elif line.strip():
            yield number, _parsed(line)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        # Not an object: it becomes that line's outcome, the others go on.
        return None


def _whole(source: IO[bytes], name: str) -> tuple[int, Any]:
    content = source.read(MAX_LINE_BYTES + 1)
    if len(content) > MAX_LINE_BYTES:
        raise BadInput(f"{name} is larger than {MAX_LINE_BYTES:,} bytes", remedy="use --batch, a line each")
    try:
        return 1, json.loads(content)
    except (ValueError, RecursionError):
        raise BadInput(f"{name} is not JSON", remedy="give one object, or --batch with one a line") from None
