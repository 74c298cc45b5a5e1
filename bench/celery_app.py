"""The Celery chain that Suture is measured against: five tasks, each of which sends the next.

Quorum queues, publisher confirms, late acknowledgement, no result backend. With ``BENCH_EQUAL_WORK=1`` each
task also does the writes and signatures of the Suture hop in its place (``equal_work.py``).

Started by ``celery_chain.py``, one worker a queue: ``celery -A bench.celery_app worker -Q hop1 -c 1``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import cache
from typing import Any

import celery
import kombu

from bench.equal_work import HOPS, Hop, HopWork

QUEUES = tuple(f"hop{number}" for number in range(1, len(HOPS) + 1))


def build(broker_url: str, prefetch: int = 4) -> Any:
    """The application on ``broker_url``; ``prefetch`` is messages a worker holds unacknowledged."""
    # Neither has types.
    untyped_celery: Any = celery
    untyped_kombu: Any = kombu
    app = untyped_celery.Celery("bench", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_queues=[
            untyped_kombu.Queue(name, queue_arguments={"x-queue-type": "quorum"}) for name in QUEUES
        ],
        task_default_queue_type="quorum",
        worker_detect_quorum_queues=True,
        broker_transport_options={"confirm_publish": True},
        broker_connection_retry_on_startup=True,
        task_acks_late=True,
        task_ignore_result=True,
        result_backend=None,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=prefetch,
        worker_hijack_root_logger=False,
    )
    return app


app: Any = build(os.environ.get("BENCH_BROKER_URL", "amqp://"), int(os.environ.get("BENCH_PREFETCH", "4")))


@cache
def _done_socket() -> socket.socket:
    # A datagram to the driver costs microseconds: what Celery is measured by is its five tasks alone.
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


@cache
def _work_of(hop: Hop) -> HopWork | None:
    if os.environ.get("BENCH_EQUAL_WORK") != "1":
        return None
    return HopWork(hop, os.environ["BENCH_STORE_URL"], os.environ["BENCH_STORE_DATABASE"])


def _run(number: int, run_id: str, payload: dict[str, Any] | None) -> None:
    work = _work_of(HOPS[number - 1])
    following = work.perform(run_id, payload) if work else None
    if number < len(QUEUES):
        app.send_task(f"bench.hop{number + 1}", (run_id, following), queue=f"hop{number + 1}")
    else:
        _done_socket().sendto(run_id.encode(), os.environ["BENCH_DONE_SOCKET"])


def _hop(number: int) -> Callable[..., None]:
    def hop(run_id: str, payload: dict[str, Any] | None = None) -> None:
        _run(number, run_id, payload)

    return hop


for _number in range(1, len(QUEUES) + 1):
    app.task(name=f"bench.hop{_number}")(_hop(_number))
