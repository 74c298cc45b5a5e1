import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from suture_local.processes import StartError
from suture_local.stack import Options, Stack
from suture_testkit.waiting import eventually

pytestmark = pytest.mark.chaos

_SERVICE = """
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
print("key", os.environ["SUTURE_SIGNING_KEY_FILE"], os.environ.get("SUTURE_EXTRA"), flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["SUTURE_HEALTH_PORT"])), Health).serve_forever()
"""


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    """A stack of two small services that need neither broker nor store."""
    for name in ("first", "second"):
        package = tmp_path / "packages" / f"suture_{name}"
        package.mkdir(parents=True)
        (package / "__main__.py").write_text(_SERVICE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    return Options(
        broker_url="amqp://nowhere",
        store_url="mongodb://nowhere",
        services=("first", "second"),
        environment={"first": {"SUTURE_EXTRA": "further"}},
    )


async def test_services_are_ready_after_the_start_and_gone_after_the_stop(
    tmp_path: Path, options: Options
) -> None:
    async with Stack(tmp_path / "state", options) as stack:
        assert [await service.is_ready() for service in stack.services.values()] == [True, True]
        pids = [service.pid for service in stack.services.values()]
    assert not any(map(psutil.pid_exists, pids))


async def test_a_service_gets_its_own_key_and_its_further_environment(
    tmp_path: Path, options: Options
) -> None:
    async with Stack(tmp_path / "state", options) as stack:
        logs = {name: service.log.read_text() for name, service in stack.services.items()}
    assert logs["first"] == f"key {tmp_path}/state/keys/first.key further\n"
    assert logs["second"] == f"key {tmp_path}/state/keys/second.key None\n"


async def test_a_service_that_died_is_back_on_its_port_within_two_seconds(
    tmp_path: Path, options: Options
) -> None:
    changed = asyncio.Event()
    async with Stack(tmp_path / "state", options, on_change=changed.set) as stack:
        service = stack.services["first"]
        before = (service.pid, service.health_url)
        service.kill()
        died = time.monotonic()
        async with asyncio.timeout(2):
            await changed.wait()
        assert time.monotonic() - died < 2
        await service.wait_until_ready()
        assert service.pid != before[0]
        assert service.health_url == before[1]
        assert service.restarts == 1


async def test_a_service_that_cannot_start_ends_the_start_with_its_log(
    tmp_path: Path, options: Options
) -> None:
    (tmp_path / "packages" / "suture_second" / "__main__.py").write_text("raise SystemExit('no such luck')")
    stack = Stack(tmp_path / "state", options)
    with pytest.raises(StartError, match=r"second ended with code 1:\nno such luck"):
        await stack.start()
    assert not any(service.running for service in stack.services.values())


async def test_services_end_when_the_process_that_started_them_is_killed(
    tmp_path: Path, options: Options
) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from suture_local.stack import Options, Stack\n"
        "async def main():\n"
        "    options = Options('amqp://nowhere', 'mongodb://nowhere', services=('first', 'second'))\n"
        "    async with Stack(pathlib.Path(sys.argv[1]), options) as stack:\n"
        "        print(*(service.pid for service in stack.services.values()), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "state"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pids = [int(word) for word in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await eventually(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
