"""The exclusive right to run, as a Lease in the target's namespace; it also keeps how far the run came."""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib

from suture_sandbox.runner.cluster.api import Api, Refused, Unreachable, object_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LABELS = {"app.kubernetes.io/managed-by": "suture"}
_JOURNAL = "suture.dev/journal"
_RESULT = "suture.dev/{mode}-result"
_MOST_RESULT = 180_000


class Lost(Exception):
    """Another runner has taken the claim over: this one must not touch anything any more."""


class Claim:
    """Held by one runner at a time, who renews it; ``on_lost`` is called when that fails for ``seconds``.

    Whoever wants an unfinished claim waits until its holder is known dead, or has not renewed it for half as
    long again as a holder goes on without that: clocks of two machines are never compared.
    """

    def __init__(
        self, api: Api, namespace: str, name: str, holder: str, seconds: float, on_lost: Callable[[], None]
    ) -> None:
        self._api = api
        self._collection = object_path("coordination.k8s.io/v1", "leases", namespace)
        self._path = f"{self._collection}/{name}"
        self._lock = threading.Lock()
        self._seconds = seconds
        self._on_lost = on_lost
        self._lease: dict[str, Any] = {}
        self._stop = threading.Event()
        self.name = name
        self.holder = holder

    def take(self, facts: dict[str, str]) -> bool:
        """Make the claim; false where it was made before."""
        annotations = {f"suture.dev/{name}": value for name, value in facts.items()}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "labels": LABELS, "annotations": annotations},
            "spec": self._spec(),
        }
        try:
            self._lease = self._api.call("POST", self._collection, lease)
        except Refused as refused:
            if refused.status != 409:
                raise
            self._lease = self._api.get(self._path)
            if self._lease["spec"].get("holderIdentity") != self.holder:
                return False
        self._keep()
        return True

    def look(self) -> bool:
        """Read it; false where there is none."""
        found = self._api.find(self._path)
        self._lease = found or {}
        return found is not None

    def take_over(self, dead: list[str]) -> None:
        """Wait until nobody holds it, or its holder is dead, and hold it."""
        since, seen = time.monotonic(), self._mark()
        while True:
            holder = self._lease["spec"].get("holderIdentity")
            waited = time.monotonic() - since > self._seconds * 1.5
            if not holder or holder == self.holder or holder in dead or waited:
                self._lease["spec"] = self._spec()
                try:
                    self._lease = self._api.call("PUT", self._path, self._lease)
                    break
                except Refused as refused:
                    if refused.status != 409:
                        raise
            time.sleep(0.5)
            self._lease = self._api.get(self._path)
            if self._mark() != seen:
                since, seen = time.monotonic(), self._mark()
        self._keep()

    def journal(self) -> dict[str, Any]:
        """How far the run came."""
        text = self._annotations().get(_JOURNAL)
        return dict(json.loads(text)) if text else {}

    def note(self, **facts: Any) -> None:
        """Write what is about to be done, before it is done. Raises ``Lost``."""
        self._annotate(_JOURNAL, json.dumps({**self.journal(), **facts}, separators=(",", ":")))

    def result(self, mode: str) -> dict[str, Any] | None:
        return unpacked(self._annotations(), mode)

    def end(self, mode: str, result: dict[str, Any]) -> None:
        """Keep the result and let go. Raises ``Lost``."""
        while len(text := _packed(result)) > _MOST_RESULT and result["output_tail"]:
            result["output_tail"] = result["output_tail"][len(result["output_tail"]) // 2 + 1 :]
        self._annotate(_RESULT.format(mode=mode), text, release=True)
        self._stop.set()

    def _keep(self) -> None:
        threading.Thread(target=self._renew, args=(self._api.copy(),), daemon=True).start()

    def _renew(self, api: Api) -> None:
        renewed = time.monotonic()
        while not self._stop.wait(self._seconds / 8):
            try:
                with self._lock:
                    if self._stop.is_set():
                        return
                    self._write(api, self._lease)
                renewed = time.monotonic()
            except Lost:
                break
            except (Refused, Unreachable):
                if time.monotonic() - renewed > self._seconds:
                    break
        if not self._stop.is_set():
            self._on_lost()

    def _annotate(self, name: str, value: str, release: bool = False) -> None:
        with self._lock:
            lease = json.loads(json.dumps(self._lease))
            lease["metadata"].setdefault("annotations", {})[name] = value
            self._write(self._api, lease, release)

    def _write(self, api: Api, lease: dict[str, Any], release: bool = False) -> None:
        for _ in range(5):
            lease["spec"] = {**self._spec(), **({"holderIdentity": None} if release else {})}
            try:
                self._lease = api.call("PUT", self._path, lease)
                return
            except Refused as refused:
                if refused.status not in (404, 409):
                    raise
            found = api.find(self._path)
            # An answer that was lost leaves this holder's own newer version there.
            if found is None or found["spec"].get("holderIdentity") not in (self.holder, None):
                raise Lost(f"the claim {self.name} is another runner's, or was deleted")
            lease["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        raise Lost(f"the claim {self.name} keeps changing")

    def _annotations(self) -> dict[str, str]:
        return dict(self._lease.get("metadata", {}).get("annotations") or {})

    def _mark(self) -> tuple[Any, Any]:
        return self._lease["spec"].get("holderIdentity"), self._lease["metadata"]["resourceVersion"]

    def _spec(self) -> dict[str, Any]:
        now = time.gmtime()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", now)
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": max(1, int(self._seconds)),
            "renewTime": stamp,
        }


def _packed(result: dict[str, Any]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(result).encode())).decode()


def unpacked(annotations: dict[str, str], mode: str) -> dict[str, Any] | None:
    """The result of a mode that a claim keeps, or ``None``."""
    text = annotations.get(_RESULT.format(mode=mode))
    return dict(json.loads(zlib.decompress(base64.b64decode(text)))) if text else None
