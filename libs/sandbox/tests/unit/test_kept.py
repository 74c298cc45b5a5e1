"""What names a state folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from suture_sandbox.kept import home


def test_all_that_start_at_once_on_a_new_folder_give_it_one_name(tmp_path: Path) -> None:
    for number in range(50):
        path = tmp_path / str(number) / "home"
        with ThreadPoolExecutor(8) as pool:
            names = set(pool.map(home, [path] * 8))
        assert names == {path.read_text()}
        assert list(path.parent.iterdir()) == [path]
