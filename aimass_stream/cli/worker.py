"""`aimass worker`: the supervisor's process. It imports neither Faust nor torch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from aimass_stream.cli.app_place import check_app
from aimass_stream.cli.checks.machine import check_device_named
from aimass_stream.cli.terminal import say, use_broker
from aimass_stream.config import Settings, load_settings
from aimass_stream.errors import BrokerError
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.log_form import LOG_FORM
from aimass_stream.runtime.memory_limit import memory_limit_bytes
from aimass_stream.runtime.messages import LEARNERS
from aimass_stream.runtime.parent import watch_parent
from aimass_stream.runtime.process_link import LEARNER_OPTIONS
from aimass_stream.runtime.processes import Command
from aimass_stream.runtime.project import find_project
from aimass_stream.runtime.supervisor import DEVICE_SOCKET, LEARNER_SOCKET, SLOT, Supervisor

REACH_S = 5.0

log = logging.getLogger("aimass.worker")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What `aimass worker` was asked for; see its help.

    Attributes:
        app: the package that was named; None for the one of this folder.
    """

    app: str | None = None
    workers: int = 1
    device: str = "cpu"
    drain_s: float = 15.0
    log: Path | None = None


def supervise(options: WorkerOptions) -> int:
    """Run workers and their device until told to stop.

    Returns:
        The exit code: 0 after a drain, 130 or 143 when cut short, else why it ended.

    Raises:
        AimassError: nothing was started.
        BrokerError: no broker listens.
        ConfigError: there is no such package, or no such device.
    """
    app = check_app(options.app)
    check_device_named(options.device)
    watch_parent(options.drain_s + 10)
    logging.basicConfig(level=logging.INFO, format=LOG_FORM)
    conf = load_settings()
    with use_broker(conf) as url:
        check_reachable(url)
        env = {"AIMASS_BROKER": url}
        if not conf.broker:
            env["AIMASS_REPLICATION"] = str(conf.replication or 1)
        commands = [
            Command(
                name=f"worker {number}",
                argv=[sys.executable, "-m", "aimass_stream.cli.worker_process", app],
                env={**env, "AIMASS_WEB_PORT": str(port), SLOT: str(number)},
                log=options.log,
            )
            for number, port in enumerate(free_ports(conf.web_port, options.workers), start=1)
        ]
        supervisor = Supervisor(
            commands,
            make_hosts(conf, options.device, find_project(app)),
            drain_s=options.drain_s,
        )
        ports = ", ".join(command.env["AIMASS_WEB_PORT"] for command in commands)
        say(
            f"{options.workers} worker(s) on {url}; metrics on 127.0.0.1 port {ports}. Ctrl-C ends."
        )
        return asyncio.run(supervisor.run())


def make_hosts(conf: Settings, device: str, project: Path | None) -> dict[str, DeviceHost]:
    """The owners of the model processes, by the variable that tells workers their socket."""
    limit_bytes = memory_limit_bytes(conf)
    models = HostOptions(on_event=log.warning, rss_limit_bytes=limit_bytes, project=project)
    # A worker calls at once if its app has learners, and never if it has none.
    learners = replace(
        LEARNER_OPTIONS,
        on_event=log.warning,
        rss_limit_bytes=limit_bytes,
        on_demand=True,
        project=project,
    )
    return {
        DEVICE_SOCKET: DeviceHost(Path.cwd(), device, options=models),
        LEARNER_SOCKET: DeviceHost(Path.cwd(), LEARNERS, options=learners),
    }


def check_reachable(url: str) -> None:
    """See that a broker listens; one that goes away later is waited for instead.

    Raises:
        BrokerError: none of the brokers does.
    """
    servers = [server.strip("/") for server in url.rpartition("://")[2].split(",") if server]
    for server in servers:
        host, _, port = server.rpartition(":")
        with contextlib.suppress(OSError, ValueError):
            socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
            return
    raise BrokerError(
        f"Kafka does not answer at {', '.join(servers)}. "
        "Is it running, and is AIMASS_BROKER right? Try: aimass doctor"
    )


def free_ports(first: int, count: int) -> list[int]:
    """The first `count` ports from `first` on that nobody listens on, on loopback."""
    ports: list[int] = []
    for port in range(first, first + 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                ports.append(port)
        if len(ports) == count:
            break
    return ports
