from pathlib import Path

import pytest
from suture_cli.demo.broken import BrokenServices
from suture_cli.demo.examples import Example, load_examples

EXAMPLES = Path(__file__).parents[3] / "examples"
PROGRAM = EXAMPLES / "service" / "server.py"
BROKEN = [example for example in load_examples(EXAMPLES) if example.service is not None]


@pytest.mark.parametrize("example", BROKEN, ids=lambda example: example.name)
async def test_each_examples_service_is_broken_to_begin_with(example: Example, tmp_path: Path) -> None:
    async with BrokenServices([example], PROGRAM, tmp_path) as services:
        broken = services.of(example)
        assert broken is not None
        assert await broken.status() == 503


async def test_a_service_answers_200_once_its_file_is_there_and_is_gone_afterwards(tmp_path: Path) -> None:
    (example,) = (example for example in BROKEN if example.name == "missing-configuration")
    async with BrokenServices([example], PROGRAM, tmp_path) as services:
        broken = services.of(example)
        assert broken is not None
        assert broken.is_unchanged()
        good = (broken.root / "known-good" / "database.conf").read_bytes()
        (broken.root / "etc" / "database.conf").write_bytes(good)
        assert await broken.status() == 200
        assert not broken.is_unchanged()
    assert not broken.process.running


async def test_a_changed_mode_is_a_change(tmp_path: Path) -> None:
    (example,) = (example for example in BROKEN if example.name == "failing-verification")
    async with BrokenServices([example], PROGRAM, tmp_path) as services:
        broken = services.of(example)
        assert broken is not None
        (broken.root / "etc" / "database.conf").chmod(0o600)
        assert not broken.is_unchanged()
