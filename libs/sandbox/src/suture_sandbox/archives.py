"""Programs as one file each, started by whatever Python is where a script runs."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_LEFT_OUT = ("json", "http", "difflib")
"""What distributions leave out of their smallest Python; taken from this one where versions are equal."""
_MAIN = """import sys

if sys.version_info[:2] == {version}:
    sys.path.append(sys.path[0] + "/left_out")

from {module} import main

sys.exit(main(sys.argv[1]))
"""


@cache
def runner_archive() -> tuple[bytes, str]:
    """The runner for pods, and its SHA-256: equal for equal sources. It needs the standard library alone."""
    files = _own("runner")
    for name in _LEFT_OUT:
        files |= _installed(name, "left_out/")
    return _packed("suture_sandbox.runner.cluster.main", files)


@cache
def host_archive() -> tuple[bytes, str]:
    """The runner for other machines: the one that starts scripts in bubblewrap."""
    return _packed("suture_sandbox.runner.main", _own("runner"))


@cache
def config_archive() -> tuple[bytes, str]:
    """The interpreter of configuration patches, with the two libraries that keep comments where they are."""
    files = _own("config_patch") | _installed("ruamel.yaml") | _installed("tomlkit")
    files["ruamel/__init__.py"] = b""  # an archive has no namespace packages
    return _packed("suture_sandbox.config_patch.main", files)


def _own(name: str) -> dict[str, bytes]:
    found = sorted((_PACKAGE / name).rglob("*.py"))
    return {f"suture_sandbox/{path.relative_to(_PACKAGE)}": path.read_bytes() for path in found}


def _installed(name: str, prefix: str = "") -> dict[str, bytes]:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return {}
    origin, place = Path(spec.origin), prefix + name.replace(".", "/")
    if not spec.submodule_search_locations:
        return {f"{place}.py": origin.read_bytes()}
    return {f"{place}/{path.name}": path.read_bytes() for path in sorted(origin.parent.glob("*.py"))}


def _packed(module: str, files: dict[str, bytes]) -> tuple[bytes, str]:
    main = _MAIN.format(version=tuple(sys.version_info[:2]), module=module)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"__main__.py": main.encode(), "suture_sandbox/__init__.py": b"", **files}.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    data = written.getvalue()
    return data, hashlib.sha256(data).hexdigest()
