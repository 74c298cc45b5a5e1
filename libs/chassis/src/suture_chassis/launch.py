"""How a process begins: what it needs is loaded in one go."""

from __future__ import annotations

import gc
import os
from importlib import import_module
from types import ModuleType


def load(module: str) -> ModuleType:
    """Import a module that stays for good.

    While it is loaded there is no garbage to look for, and afterwards none is looked for among it: that
    saves a tenth of a start. Plug-ins of pydantic are not looked for: nobody else's code shall run in here.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def launch(module: str) -> None:
    """Run ``main`` of a service's composition root: ``python -m suture_<service>``."""
    load(module).main()
