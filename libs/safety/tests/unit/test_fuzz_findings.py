"""What the fuzzer once found stays mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.safety.tests.fuzz.promises import keep_promises, text_of

FOUND = sorted((Path(__file__).parents[1] / "fuzz" / "found").glob("*"))


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.name)
def test_a_text_that_once_broke_a_promise_keeps_it(file: Path) -> None:
    keep_promises(*text_of(file.read_bytes()))
