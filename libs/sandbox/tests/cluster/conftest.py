"""A namespace of its own in a real cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from suture_testkit.cluster import shop as shop
from suture_testkit.cluster import workload


@pytest.fixture
def deployment() -> Callable[..., dict[str, Any]]:
    return workload
