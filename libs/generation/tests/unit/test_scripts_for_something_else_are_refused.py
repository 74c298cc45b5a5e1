"""A script is for the targets that it was asked for: what writes or deploys elsewhere is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from suture_contracts.base import ScriptType
from suture_contracts.script import ScriptDocument
from suture_contracts.target import Target
from suture_generation.aim import misses

LOCAL = Target(id="orders", kind="local", reach={"root": "/srv/orders"}, owner="me")
SHOP = Target(
    id="shop",
    kind="kubernetes",
    reach={"namespace": "shop"},
    allowed_types=("kubernetes", "bash"),
    owner="me",
)


def script(body: str = "true\n", script_type: ScriptType = "bash", writes: tuple[str, ...] = ()) -> Any:
    targets = ("orders",)
    return ScriptDocument(
        script_type=script_type, body=body, rollback="", verify="", writes=writes, targets=targets
    )


@pytest.mark.parametrize("path", ["/etc/passwd", "/srv/orders-of-others/flag", "/srv"])
def test_a_write_outside_of_a_local_target_is_named(path: str) -> None:
    assert path in (misses(script(writes=("/srv/orders/flag", path)), (LOCAL,)) or "")


def test_writes_below_the_target_are_for_it() -> None:
    assert misses(script(writes=("/srv/orders", "/srv/orders/etc/database.conf")), (LOCAL,)) is None


def test_before_any_target_is_registered_a_script_may_write_what_it_declares() -> None:
    assert misses(script(writes=("/srv/orders/flag",)), ()) is None


def test_a_type_that_the_target_does_not_take_is_named() -> None:
    assert "no sql" in (misses(script(script_type="sql"), (LOCAL,)) or "")


@pytest.mark.parametrize(
    "manifest",
    [
        "kind: ConfigMap\nmetadata: {name: a, namespace: kube-system}\n",
        "kind: ConfigMap\n---\nkind: Secret\nmetadata: {name: b, namespace: kube-system}\n",
        "kind: List\nitems: [{kind: Secret, metadata: {name: b, namespace: kube-system}}]\n",
    ],
)
def test_a_manifest_for_another_namespace_is_named(manifest: str) -> None:
    assert "kube-system" in (misses(script(manifest, "kubernetes"), (SHOP,)) or "")


def test_a_manifest_that_cannot_be_read_is_refused() -> None:
    assert "no YAML" in (misses(script("a: [", "kubernetes"), (SHOP,)) or "")


def test_a_manifest_for_the_targets_namespace_or_without_one_is_for_it() -> None:
    manifest = (
        "kind: ConfigMap\nmetadata: {name: a, namespace: shop}\n---\nkind: ConfigMap\nmetadata: {name: b}\n"
    )
    assert misses(script(manifest, "kubernetes"), (SHOP,)) is None
