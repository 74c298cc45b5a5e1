"""RabbitMQ as a child process: its own node, data, Erlang port mapper and loopback ports."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from suture_local.locks import lock_within
from suture_local.management import Management
from suture_local.ports import LOOPBACK, free_ports
from suture_local.processes import ChildProcess, StartError, inherited_environment

# The wrapper in /usr/sbin changes to the user rabbitmq and to /var/lib: the server itself is called.
_SERVERS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/rabbitmq/sbin/rabbitmq-server")
_USER = "suture"
_START_ATTEMPTS = 3
_FORMER_NODE_SECONDS = 30
_PLUGINS = "[rabbitmq_management,rabbitmq_prometheus]."


class Broker:
    """A RabbitMQ node that nobody else uses.

    With ``data`` its queues survive a restart of this object; without, they lie in a temporary folder that
    ``stop`` removes. ``url`` is the AMQP address of the virtual host ``/``.
    """

    def __init__(self, data: Path | None = None) -> None:
        self._temporary = data is None
        self._base = Path(tempfile.mkdtemp(prefix="suture-broker-")) if data is None else data
        self._password = ""
        self._server: ChildProcess | None = None
        self._port_mapper: ChildProcess | None = None
        self.port = self.management_port = self.metrics_port = 0

    @property
    def url(self) -> str:
        return f"amqp://{_USER}:{self._password}@{LOOPBACK}:{self.port}/%2F"

    @property
    def management_url(self) -> str:
        return f"http://{LOOPBACK}:{self.management_port}"

    @property
    def metrics_url(self) -> str:
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    @property
    def pid(self) -> int:
        if self._server is None:
            raise RuntimeError("the broker was not started")
        return self._server.pid

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.running

    async def start(self, within: float = 120) -> None:
        """Returns once AMQP listens. Raises ``StartError``."""
        self._prepare()
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                await self._start_on_free_ports(within)
            except StartError:
                # Another process may have taken a port since it was seen free.
                await self._stop_processes()
                if attempt == _START_ATTEMPTS:
                    raise
            except BaseException:
                await self._stop_processes()
                raise
            else:
                return

    async def stop(self) -> None:
        await self._stop_processes()
        if self._temporary:
            await asyncio.to_thread(shutil.rmtree, self._base, True)

    def kill(self) -> None:
        """SIGKILL to the node; ``restart`` brings it back with its queues."""
        if self._server is not None:
            self._server.kill()

    def has_noted(self, queue: str) -> bool:
        """Whether that quorum queue would survive SIGKILL with its messages.

        The node keeps the names of its queues' logs in a table that reaches the disk up to three seconds
        late; a queue whose name is not in it is started anew after a kill, empty, confirmed messages or not.
        """
        tables = self._base.glob("mnesia/*/quorum/*/names.dets")
        return any(queue.encode() in table.read_bytes() for table in tables)

    async def restart(self, within: float = 120) -> None:
        """Starts the node again on the same ports."""
        if self._server is None:
            raise RuntimeError("the broker was not started")
        await self._server.stop(grace=30)
        await self._start_server()
        await self._server.wait_until(self._listening, within)

    @property
    def management(self) -> Management:
        return Management(self.management_url, self.url)

    def _prepare(self) -> None:
        self._base.mkdir(mode=0o700, parents=True, exist_ok=True)
        password_file = self._base / "password"
        if not password_file.exists():
            with os.fdopen(os.open(password_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
        self._password = password_file.read_text()
        (self._base / "enabled_plugins").write_text(_PLUGINS + "\n")

    async def _start_on_free_ports(self, within: float) -> None:
        self.port, self.management_port, self.metrics_port, mapper_port, node_port = free_ports(5)
        self._write_configuration()
        environment = self._environment(mapper_port, node_port)
        log = self._base / "log" / "console.log"
        # Erlang would leave its port mapper behind as a daemon; one that is there already is used instead.
        self._port_mapper = ChildProcess(
            "epmd",
            [_program("epmd"), "-port", str(mapper_port), "-address", LOOPBACK],
            environment=environment,
            log=log,
            on_parent_death="KILL",
        )
        self._port_mapper.start()
        await self._port_mapper.wait_until(lambda: _accepts(mapper_port), 20)
        self._server = ChildProcess(
            "rabbitmq", [_server(), "-noinput"], environment=environment, log=log, directory=self._base
        )
        await self._start_server()
        await self._server.wait_until(self._listening, within)

    async def _start_server(self) -> None:
        if self._server is None:
            raise RuntimeError("the broker was not started")
        # A node whose parent was killed needs some seconds to end; until then the data is its own.
        lock = await lock_within(self._base / "lock", _FORMER_NODE_SECONDS)
        try:
            self._server.start(keep_open=[lock])
        finally:
            os.close(lock)

    async def _stop_processes(self) -> None:
        if self._server is not None:
            # What is thrown away needs no orderly end, which takes the node six seconds.
            await self._server.stop(grace=0 if self._temporary else 30)
        if self._port_mapper is not None:
            await self._port_mapper.stop(grace=2)

    async def _listening(self) -> bool:
        if not await _accepts(self.management_port):
            return False
        return await self.management.listens(self.port)

    def _write_configuration(self) -> None:
        lines = (
            f"listeners.tcp.1 = {LOOPBACK}:{self.port}",
            f"management.tcp.ip = {LOOPBACK}",
            f"management.tcp.port = {self.management_port}",
            f"prometheus.tcp.ip = {LOOPBACK}",
            f"prometheus.tcp.port = {self.metrics_port}",
            f"default_user = {_USER}",
            f"default_pass = {self._password}",
            "log.file = false",
            "log.console = true",
            "log.console.level = warning",
            # A small write-ahead log: many short-lived queues, little memory.
            "raft.wal_max_size_bytes = 67108864",
        )
        configuration = self._base / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(lines) + "\n")

    def _environment(self, mapper_port: int, node_port: int) -> dict[str, str]:
        base = self._base
        return inherited_environment(without=("RABBITMQ_", "ERL_", "NOTIFY_SOCKET")) | {
            "HOME": str(base),
            "RABBITMQ_NODENAME": "suture@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(node_port),
            "RABBITMQ_MNESIA_BASE": str(base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_PID_FILE": str(base / "rabbitmq.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # Makes the script become the node instead of waiting for it as a child.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(mapper_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_MAX_PORTS": "4096",
        }


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def _server() -> str:
    for path in _SERVERS:
        if os.access(path, os.X_OK):
            return path
    raise StartError("RabbitMQ is not installed: run `make setup`, or install the package rabbitmq-server")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StartError(f"{name} is not installed: run `make setup`")
    return found
