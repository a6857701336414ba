"""Programs that the tests start: owners of processes.

python -m tests.runtime.programs own|supervise ARGUMENTS
"""

from __future__ import annotations

import asyncio
import sys

from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import DeviceLink
from aimass_stream.runtime.processes import Command
from aimass_stream.runtime.supervisor import DEVICE_SOCKET, Supervisor
from tests.runtime.helpers import ROOT, spec, until
from tests.runtime.worker import say


async def own(payload: str) -> None:
    """Own a device that is busy with `payload`, until killed."""
    host = DeviceHost(ROOT, models_package="")
    await host.start()
    await until(lambda: host.spare_pid, "a spare")
    link = DeviceLink(host.socket_path)
    await link.connect()
    await link.load(spec())
    call = asyncio.create_task(link.predict(spec().id, [payload.encode()]))
    await until(lambda: call.done() or ((s := link._connected()) and s.in_flight), "busy")
    say("pids", host.pid, host.spare_pid)
    await asyncio.sleep(1000)


async def supervise(mode: str, workers: str, drain_s: str, models: str) -> int:
    """Supervise workers, with a device when there is a models package to import."""
    options = HostOptions(spare=False, on_event=lambda line: say("event", line))
    host = DeviceHost(ROOT, models_package=models, options=options)
    hosts = {DEVICE_SOCKET: host} if models != "-" else {}
    argv = [sys.executable, "-m", "tests.runtime.worker", mode]
    commands = [Command(name=f"worker {n + 1}", argv=argv) for n in range(int(workers))]
    supervisor = Supervisor(
        commands, hosts, drain_s=float(drain_s), on_event=lambda line: say("event", line)
    )
    code = await supervisor.run()
    say("reason", supervisor.reason.replace("\n", " / "))
    say("left", [status.pid for status in supervisor.status if status.pid])
    return code


def main() -> None:
    program, *arguments = sys.argv[1:]
    if program == "own":
        asyncio.run(own(*arguments))
    else:
        raise SystemExit(asyncio.run(supervise(*arguments)))


if __name__ == "__main__":
    main()
