"""Deaths of device processes, and what their owner and their links make of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from aimass_stream.errors import ConfigError, DeviceError, Reason, SetupError
from aimass_stream.runtime import device_host
from aimass_stream.runtime.device_host import DeviceHost, HostOptions
from aimass_stream.runtime.link import BatchFailed, DeviceLink, LinkOptions
from tests.runtime.helpers import ROOT, is_alive, kill, spec, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OBEDIENT = spec()
HASTY = spec("hasty", timeout_s=0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[DeviceHost]:
    host = DeviceHost(ROOT, models_package="", options=HostOptions(rss_limit_bytes=400 << 20))
    await host.start()
    yield host
    await host.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def link(host: DeviceHost) -> AsyncIterator[DeviceLink]:
    await until(lambda: host.spare_pid, "a warm spare")
    link = DeviceLink(host.socket_path, LinkOptions(grace_s=0.5))
    await link.connect()
    await link.load(OBEDIENT)
    await link.load(HASTY)
    yield link
    await link.close()


def predict(
    link: DeviceLink, *payloads: bytes, model: str = OBEDIENT.id
) -> asyncio.Task[BatchFailed]:
    async def call() -> BatchFailed:
        with pytest.raises(BatchFailed) as failed:
            await link.predict(model, payloads)
        return failed.value

    return asyncio.create_task(call())


async def in_flight(link: DeviceLink, count: int) -> None:
    session = link._connected()
    assert session is not None
    await until(lambda: session.in_flight == count, f"{count} batches in flight")


async def usable_again_s(link: DeviceLink, limit_s: float = 3.0) -> float:
    """Seconds until both models answer again."""
    started = time.monotonic()
    async with asyncio.timeout(limit_s):
        for model in (OBEDIENT, HASTY):
            while True:
                # A batch may still be sent to the process that has just died.
                with suppress(BatchFailed):
                    await link.predict(model.id, [b"x"])
                    break
    return time.monotonic() - started


async def test_a_killed_process_costs_its_batches_and_the_spare_takes_over(
    host: DeviceHost, link: DeviceLink
) -> None:
    pid, spare, restarts = host.pid, host.spare_pid, host.restarts
    calls = [predict(link, b"sleep 30") for _ in range(4)]
    await in_flight(link, 4)
    kill(pid)
    failures = await asyncio.gather(*calls)
    assert {failure.reason for failure in failures} == {Reason.MODEL_CRASH}
    # One was predicted and one decoded; the others can be sent again as they are.
    assert [failure.suspect for failure in failures] == [True, False, False, False] or [
        failure.suspect for failure in failures
    ] == [True, True, False, False]
    assert await usable_again_s(link) < 2
    assert host.pid == link.pid == spare
    assert host.restarts == restarts + 1
    assert "SIGKILL" in host.deaths[-1].reason
    await until(lambda: host.spare_pid not in (None, spare), "another spare")


@pytest.mark.parametrize(
    ("payload", "says"), [(b"exit 3", "exit code 3"), (b"segfault ", "SIGSEGV")]
)
async def test_a_model_that_ends_its_process_costs_its_batch(
    host: DeviceHost, link: DeviceLink, payload: bytes, says: str
) -> None:
    failure = await predict(link, payload)
    assert failure.reason is Reason.MODEL_CRASH
    assert failure.suspect
    await usable_again_s(link)
    await until(lambda: says in host.deaths[-1].reason, "the reason is known")


@pytest.mark.parametrize("payload", [b"sleep 100", b"decode-hangs "])
async def test_a_call_that_hangs_is_ended_in_its_timeout(
    host: DeviceHost, link: DeviceLink, payload: bytes
) -> None:
    started = time.monotonic()
    hanging = predict(link, payload, model=HASTY.id)
    await in_flight(link, 1)
    behind = [predict(link, b"x") for _ in range(3)]
    failure = await hanging
    assert time.monotonic() - started < HASTY.timeout_s + 3
    assert failure.reason is Reason.MODEL_TIMEOUT
    assert "did not end within 0.5 s" in failure.detail
    assert "time.sleep" in failure.trace
    failures = await asyncio.gather(*behind)
    assert [(one.reason, one.suspect) for one in failures] == [(Reason.MODEL_CRASH, False)] * 3
    await usable_again_s(link)
    await until(lambda: "a model hung" in host.deaths[-1].reason, "the reason is known")


async def test_a_process_that_is_wholly_stuck_is_killed_by_its_link(
    host: DeviceHost, link: DeviceLink
) -> None:
    pid, started = host.pid, time.monotonic()
    failure = await predict(link, b"hold 100", model=HASTY.id)
    assert time.monotonic() - started < HASTY.timeout_s + 4
    assert failure.reason is Reason.MODEL_TIMEOUT
    assert failure.suspect
    await usable_again_s(link)
    assert pid is not None
    assert not is_alive(pid)


async def test_a_process_is_not_killed_for_the_lag_of_its_link(
    host: DeviceHost, link: DeviceLink
) -> None:
    pid = host.pid
    call = asyncio.create_task(link.predict(HASTY.id, [b"sleep 0.2"]))
    await in_flight(link, 1)
    asyncio.get_running_loop().call_soon(time.sleep, 2.0)
    assert len((await call).answers) == 1
    assert host.pid == pid


async def test_memory_beyond_the_limit_ends_the_process(host: DeviceHost, link: DeviceLink) -> None:
    failure = await predict(link, b"grow 500")
    assert failure.reason is Reason.MODEL_CRASH
    await usable_again_s(link)
    await until(lambda: "memory grew beyond 400 MiB" in host.deaths[-1].reason, "the reason")


async def test_two_links_survive_deaths_in_quick_succession(
    host: DeviceHost, link: DeviceLink
) -> None:
    other = DeviceLink(host.socket_path)
    await other.connect()
    for model in (OBEDIENT, HASTY):
        await other.load(model)
    for _ in range(3):
        kill(host.pid)
        await asyncio.gather(usable_again_s(link, 10), usable_again_s(other, 10))
    await other.close()


async def test_a_model_that_kills_each_process_that_loads_it_is_given_up(
    host: DeviceHost, link: DeviceLink
) -> None:
    dies = r"died 5 times while loading deadly@1, with exit code 9\. .*`aimass models verify`"
    with pytest.raises(SetupError, match=dies) as failed:
        await link.load(spec("deadly", exit=9))
    assert "imported no adapters" in str(failed.value).partition("it last said:\n")[2]
    await usable_again_s(link)


async def test_after_a_death_the_next_spare_is_not_waited_for(
    host: DeviceHost, link: DeviceLink
) -> None:
    kill(host.pid)
    await usable_again_s(link)
    assert host._spare is not None
    spare = host._spare.child
    assert spare is not None
    assert not spare.is_warm
    kill(host.pid)
    await until(lambda: host.pid == spare.child.pid, "the spare at work, cold as it is")
    await usable_again_s(link, limit_s=10)


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is kept by thread on Linux")
async def test_a_promoted_spare_is_not_nice_any_more(host: DeviceHost, link: DeviceLink) -> None:
    kill(host.pid)
    await usable_again_s(link)
    threads = psutil.Process(host.pid).threads()
    assert len(threads) > 3
    assert {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in threads} == {0}


async def test_a_signal_of_the_terminal_is_left_to_the_owner(
    host: DeviceHost, link: DeviceLink
) -> None:
    assert host.pid is not None
    os.kill(host.pid, signal.SIGINT)
    assert len((await link.predict(OBEDIENT.id, [b"sleep 0.1"])).answers) == 1
    assert os.getpgid(host.pid) != os.getpgid(0)


async def test_stopping_answers_what_is_in_flight_and_leaves_nothing() -> None:
    host = DeviceHost(ROOT, models_package="")
    await host.start()
    link = DeviceLink(host.socket_path)
    await link.connect()
    await link.load(OBEDIENT)
    await until(lambda: host.spare_pid, "a spare")
    pids = [pid for pid in (host.pid, host.spare_pid) if pid]
    calls = [asyncio.create_task(link.predict(OBEDIENT.id, [b"sleep 0.2"])) for _ in range(3)]
    await in_flight(link, 3)
    # What the process has not read yet is not its to answer; a second call has been read by then.
    await calls[0]
    folder = host.socket_path.parent
    await host.stop()
    assert [len((await call).answers) for call in calls] == [1, 1, 1]
    assert not any(map(is_alive, pids))
    assert not folder.exists()
    await link.close()


@pytest.mark.parametrize("payload", ["sleep 100", "hold 100"])
async def test_the_death_of_the_owner_leaves_no_process(payload: str) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.runtime.programs", "own", payload),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    word, *numbers = (await owner.stdout.readline()).decode().split()
    assert word == "pids"
    pids = [int(number) for number in numbers]
    assert all(map(is_alive, pids))
    owner.kill()
    await owner.wait()
    await until(lambda: not any(map(is_alive, pids)), "the device processes are gone", 3)


def write_project(folder: Path, **modules: str) -> Path:
    package = folder / "models"
    package.mkdir()
    package.joinpath("__init__.py").touch()
    for name, text in modules.items():
        package.joinpath(f"{name}.py").write_text(text)
    return folder


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


DECLARATION = """
from dataclasses import dataclass
from typing import ClassVar
from aimass_stream.model import Model

@dataclass(frozen=True, kw_only=True)
class Declared(Model[int]):
    adapter: ClassVar[str] = "models.slow_library:Adapter"

declared = Declared()
"""

TRANSFORMERS = """
from aimass_stream.adapters.transformers import Transformers

wants = Transformers("text-classification", "models://wants", {settings})
"""


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library' (%s:1)"),
        ("\ndef broken(:\n", "SyntaxError: invalid syntax (%s:2)"),
        (
            TRANSFORMERS.format(settings="latency_ms=-1"),
            "Transformers('models://wants'): latency_ms=-1: it must be a number above 0 (%s:4)",
        ),
        (TRANSFORMERS.format(settings="latency_ms='50'"), "latency_ms='50': it must be a number"),
        (TRANSFORMERS.format(settings="latncy_ms=50"), "it takes no latncy_ms"),
        (TRANSFORMERS.format(settings="engine='openvino'"), "engine"),
        (
            DECLARATION,
            "declared (%s:10) needs the adapter models.slow_library, which cannot be imported: "
            "ModuleNotFoundError: No module named 'models.slow_library'",
        ),
    ],
    ids=["import", "syntax", "value", "type", "keyword", "engine", "adapter"],
)
async def test_a_wrong_declaration_is_told_in_a_sentence_and_not_tried_again(
    tmp_path: Path, text: str, says: str
) -> None:
    project, said, events = write_project(tmp_path, wrong=text), list[bytes](), list[str]()
    host = DeviceHost(project, options=HostOptions(on_stderr=said.append, on_event=events.append))
    with pytest.raises(ConfigError) as failed:
        await host.start()
    assert says.replace("%s", "models/wrong.py") in str(failed.value)
    assert "(models/wrong.py:" in str(failed.value)
    assert "\n" not in str(failed.value)
    assert (b"".join(said), events, host.restarts) == (b"", [], 0)
    assert host.pid is None
    assert not [child for child in psutil.Process().children() if child.cwd() == str(tmp_path)]


@pytest.mark.usefixtures("on_path")
async def test_what_may_be_the_machines_fault_is_no_wrong_declaration(tmp_path: Path) -> None:
    busy = "raise RuntimeError('CUDA error: all devices are busy')"
    said: list[bytes] = []
    host = DeviceHost(
        write_project(tmp_path, busy=busy), options=HostOptions(on_stderr=said.append)
    )
    with pytest.raises(DeviceError, match=r"all devices are busy \(models/busy\.py:1\)$") as failed:
        await host.start()
    assert b"".join(said).count(b"Traceback") == 1
    assert "Traceback" not in str(failed.value)


@pytest.mark.usefixtures("on_path")
async def test_a_spare_that_cannot_start_any_more_says_why(tmp_path: Path) -> None:
    events: list[str] = []
    project = write_project(tmp_path)
    host = DeviceHost(project, options=HostOptions(on_event=events.append))
    await host.start()
    await until(lambda: host.spare_pid, "a spare")
    project.joinpath("models", "broken.py").write_text("import no_such_library")
    kill(host.spare_pid)
    why = "(exit code 78): ModuleNotFoundError: No module named 'no_such_library'"
    await until(lambda: any(why in event for event in events), "the reason")
    assert host.pid is not None
    await host.stop()


@pytest.mark.usefixtures("on_path")
async def test_adapters_of_declared_models_are_imported_before_the_first_load(
    tmp_path: Path,
) -> None:
    library = "import sys\nsys.stderr.write('library imported\\n')"
    project = write_project(tmp_path, declared=DECLARATION, slow_library=library)
    said: list[bytes] = []
    host = DeviceHost(project, options=HostOptions(on_stderr=said.append))
    await host.start()
    assert b"".join(said).count(b"library imported") == 1
    await until(lambda: host.spare_pid, "a spare")
    assert b"".join(said).count(b"library imported") == 2
    await host.stop()


@pytest.mark.usefixtures("on_path")
async def test_a_project_elsewhere_comes_before_the_working_directory(tmp_path: Path) -> None:
    for name in ("beside", "project"):
        (tmp_path / name).mkdir()
        write_project(tmp_path / name, said=f"import sys\nsys.stderr.write('of {name}\\n')")
    said: list[bytes] = []
    options = HostOptions(spare=False, project=tmp_path / "project", on_stderr=said.append)
    host = DeviceHost(tmp_path / "beside", options=options)
    await host.start()
    await host.stop()
    assert b"of project" in b"".join(said)
    assert b"of beside" not in b"".join(said)


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("raise RuntimeError('broken since')", DeviceError, 3),
        # It may be in the middle of being written, and is not when it is looked at again.
        ("raise TypeError('broken since')", ConfigError, 2),
    ],
)
async def test_a_project_that_breaks_later_is_given_up_after_a_few_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    error: type[Exception],
    said: int,
) -> None:
    monkeypatch.setattr(device_host, "MAX_FAILED_STARTS", 2)
    events: list[str] = []
    project = write_project(tmp_path)
    host = DeviceHost(project, options=HostOptions(spare=False, on_event=events.append))
    await host.start()
    project.joinpath("models", "broken.py").write_text(text)
    kill(host.pid)
    with pytest.raises(error, match=r"broken since \(models/broken.py:1\)"):
        await asyncio.wait_for(host.watch(), 10)
    assert len([event for event in events if "died" in event]) == said
    assert "broken since (models/broken.py:1)" in events[1]
    await host.stop()


async def test_a_process_that_is_killed_while_it_starts_for_the_first_time_is_replaced() -> None:
    host = DeviceHost(ROOT, models_package="", options=HostOptions(spare=False))
    starting = asyncio.create_task(host.start())
    await until(lambda: host.pid, "a process")
    kill(host.pid)
    await starting
    assert host.pid is not None
    assert [death.code for death in host.deaths] == [-signal.SIGKILL]
    await host.stop()


async def test_a_process_on_demand_starts_when_a_link_connects() -> None:
    options = HostOptions(spare=False, on_demand=True)
    host = DeviceHost(ROOT, models_package="", options=options)
    host.launch()
    try:
        await until(host.socket_path.exists, "a socket to call")
        assert host.pid is None
        link = DeviceLink(host.socket_path)
        await link.connect()
        await link.load(OBEDIENT)
        assert len((await link.predict(OBEDIENT.id, [b"x"])).answers) == 1
        assert link.pid == host.pid
        assert not host.deaths
        await link.close()
    finally:
        await host.stop()


async def test_a_host_on_demand_that_nobody_calls_stops_at_once() -> None:
    host = DeviceHost(ROOT, models_package="", options=HostOptions(on_demand=True))
    host.launch()
    path = host.socket_path
    await until(path.exists, "a socket to call")
    await host.stop(budget_s=0)
    assert not path.exists()
