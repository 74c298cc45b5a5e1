import os
import subprocess
import sys
from pathlib import Path

import pytest
from suture_local.locks import FolderInUse, holder_of, lock_within, try_lock


def test_a_locked_folder_names_its_holder(tmp_path: Path) -> None:
    descriptor = try_lock(tmp_path / "lock")
    with pytest.raises(FolderInUse) as raised:
        try_lock(tmp_path / "lock")
    assert raised.value.pid == os.getpid()
    assert holder_of(tmp_path / "lock") == os.getpid()
    os.close(descriptor)
    assert holder_of(tmp_path / "lock") is None


async def test_a_lock_lasts_as_long_as_the_child_that_inherited_it(tmp_path: Path) -> None:
    descriptor = try_lock(tmp_path / "lock")
    child = _child_that_keeps(descriptor)
    os.close(descriptor)
    with pytest.raises(FolderInUse):
        await lock_within(tmp_path / "lock", 0.1)
    child.communicate("\n")
    os.close(await lock_within(tmp_path / "lock", 1))


def _child_that_keeps(descriptor: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[descriptor], text=True
    )
