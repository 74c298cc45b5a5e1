"""Runs the examples through a system of their own, all at once."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol

import httpx
from suture_local.model_server import ModelServer
from suture_local.stack import Options, Stack

from suture_cli.demo.api import DemoApi
from suture_cli.demo.display import Display
from suture_cli.demo.examples import Example
from suture_cli.demo.obedient_model import ObedientModel
from suture_cli.demo.outcome import Broken, Evidence, Outcome, examine
from suture_cli.demo.supervisors import SupervisorsTool
from suture_cli.failures import CommandFailed
from suture_cli.states import FOR_SOMEONE, is_end

_EXAMPLE_SECONDS = 120
_SETTLE_SECONDS = 1.0


class Breaks(Protocol):
    """``async with`` breaks what the examples say, and takes it away; ``of`` is what an example broke."""

    async def __aenter__(self) -> Breaks: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def of(self, example: Example) -> Broken | None: ...


async def run_examples(
    examples: Sequence[Example], breaks: Callable[[Path], Breaks], display: Display
) -> list[Outcome]:
    """Everything that is started lives in a temporary folder and ends here; the outcomes in their order.

    ``breaks`` says what is broken, in that folder where it has files.
    """
    with _temporary_folder() as folder, ModelServer(ObedientModel()) as model:
        options = Options(keep_data=False, environment={"generator": _provider(model)})
        display.starting()
        async with (
            breaks(folder) as broken,
            Stack(folder / "state", options) as stack,
        ):
            display.started()
            outcomes = await _run_on(stack, examples, broken, display)
            display.stopping()
    return outcomes


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="suture-demo-", ignore_cleanup_errors=True) as name:
        # A target's root is a real path, and a temporary folder may be reached over a link.
        yield Path(name).resolve()


async def _run_on(
    stack: Stack, examples: Sequence[Example], broken: Breaks, display: Display
) -> list[Outcome]:
    api = DemoApi(stack.api_url, stack.tokens, stack.broker_url)
    try:
        for example in examples:
            thing = broken.of(example)
            target = thing and thing.target_of(example)
            if target:
                await api.register(target)
        async with SupervisorsTool(stack.broker_url, api.approve) as tool:
            # Targets travel as events: those who need them should know them before the findings come.
            await asyncio.sleep(_SETTLE_SECONDS)
            running = (
                _run_one(example, Evidence(api, tool, broken.of(example)), display) for example in examples
            )
            return list(await asyncio.gather(*running))
    finally:
        await api.close()


async def _run_one(example: Example, evidence: Evidence, display: Display) -> Outcome:
    outcome = Outcome(example.name, example.title, example.expected.outcome)
    started = time.monotonic()
    try:
        if evidence.broken is not None and not await evidence.broken.is_broken():
            outcome.differences.append("it was not broken to begin with")
        outcome.remediation_id = await evidence.api.submit(example)
        async with asyncio.timeout(_EXAMPLE_SECONDS):
            async for document in evidence.api.changes(outcome.remediation_id):
                outcome.states = [entry["state"] for entry in document["states"]]
                outcome.outcome = document["state"]
                outcome.seconds = time.monotonic() - started
                display.changed(outcome)
                if is_over(example, document["state"]):
                    await examine(example, document, evidence, outcome)
                    break
    except TimeoutError:
        outcome.differences.append(f"did not end within {_EXAMPLE_SECONDS} s")
    except (CommandFailed, httpx.HTTPError, OSError) as error:
        outcome.differences.append(str(error) or type(error).__name__)
    display.finished(outcome)
    return outcome


def is_over(example: Example, state: str) -> bool:
    """Whether nothing more will happen by itself."""
    if state in FOR_SOMEONE:
        return not (example.approve and state == "awaiting_approval")
    return is_end(state)


def _provider(model: ModelServer) -> dict[str, str]:
    return {
        "SUTURE_GENERATOR_PROVIDER": "openai",
        "SUTURE_GENERATOR_MODEL": "stand-in",
        "SUTURE_GENERATOR_BASE_URL": model.openai_url,
        "OPENAI_API_KEY": secrets.token_urlsafe(16),
    }
