"""The runner as one file that a pod's own Python starts: it needs the standard library alone."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_LEFT_OUT = ("json", "http", "difflib")
"""What distributions leave out of their smallest Python; taken from this one where versions are equal."""
_MAIN = """import sys

if sys.version_info[:2] == {version}:
    sys.path.append(sys.path[0] + "/left_out")

from suture_sandbox.runner.cluster.main import main

sys.exit(main(sys.argv[1]))
"""


@cache
def runner_archive() -> tuple[bytes, str]:
    """The archive, equal for equal sources, and its SHA-256."""
    main = _MAIN.format(version=tuple(sys.version_info[:2]))
    files = {"__main__.py": main.encode(), "suture_sandbox/__init__.py": b""}
    for path in sorted((_PACKAGE / "runner").rglob("*.py")):
        files[f"suture_sandbox/{path.relative_to(_PACKAGE)}"] = path.read_bytes()
    for name in _LEFT_OUT:
        files |= _module(name)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    data = written.getvalue()
    return data, hashlib.sha256(data).hexdigest()


def _module(name: str) -> dict[str, bytes]:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return {}
    origin = Path(spec.origin)
    if not spec.submodule_search_locations:
        return {f"left_out/{name}.py": origin.read_bytes()}
    return {f"left_out/{name}/{path.name}": path.read_bytes() for path in sorted(origin.parent.glob("*.py"))}
