"""The runner as one file that a pod's own Python starts: it needs the standard library alone."""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_MAIN = b"import sys\n\nfrom suture_sandbox.runner.cluster.main import main\n\nsys.exit(main(sys.argv[1]))\n"


@cache
def runner_archive() -> tuple[bytes, str]:
    """The archive, equal for equal sources, and its SHA-256."""
    files = {"__main__.py": _MAIN, "suture_sandbox/__init__.py": b""}
    for path in sorted((_PACKAGE / "runner").rglob("*.py")):
        files[f"suture_sandbox/{path.relative_to(_PACKAGE)}"] = path.read_bytes()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    data = written.getvalue()
    return data, hashlib.sha256(data).hexdigest()
