import asyncio
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from typer import BadParameter

from aimass_stream.cli.producing.errand import Errand
from aimass_stream.cli.producing.files import find_files
from aimass_stream.cli.producing.images import IMAGES
from aimass_stream.cli.producing.items import Form, Item, KeyFrom, Parcel, UnsendableError
from aimass_stream.cli.producing.journal import Journal, journal_path
from aimass_stream.cli.producing.options import parse_rate
from aimass_stream.cli.producing.payloads import find_payloads
from aimass_stream.cli.producing.run import Run
from aimass_stream.cli.producing.sending import Shipment, Tally
from aimass_stream.cli.producing.summary import Ending, summary
from aimass_stream.config import Settings
from aimass_stream.errors import AimassError
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.survey import survey
from tests.cli.commands import PNG, aimass, make_pictures, read_topic, start_aimass, wait_for_lines


class TestFiles:
    def test_order_is_by_name_and_hidden_files_are_passed_over(self, tmp_path: Path) -> None:
        for name in ("b.jpg", "a/z.PNG", "a/a.jpeg", ".c.jpg", ".git/d.jpg", "notes.txt"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        found = find_files(tmp_path, IMAGES.suffixes)
        assert [file.name for file in found.files] == ["a/a.jpeg", "a/z.PNG", "b.jpg"]
        assert found.others == ["notes.txt"]

    def test_a_changed_file_is_another_item(self, tmp_path: Path) -> None:
        path = tmp_path / "a b.png"
        path.write_bytes(PNG)
        before = find_files(tmp_path, IMAGES.suffixes).files[0].id
        path.write_bytes(PNG + b"more")
        after = find_files(tmp_path, IMAGES.suffixes).files[0].id
        assert before != after
        assert " " not in before


class TestJournal:
    def test_what_is_noted_is_there_after_a_restart(self, tmp_path: Path) -> None:
        path = journal_path(tmp_path, tmp_path, "images", "cluster")
        with Journal(path, "title") as journal:
            journal.note("a?1.2", (0, 7))
            journal.note("b?1.2", (1, 3))
        with Journal(path, "title") as journal:
            assert "a?1.2" in journal
            assert "c?1.2" not in journal
            assert journal.last == {0: 7, 1: 3}

    @pytest.mark.parametrize("torn", ["1 4", "1 4 c?1", "1"])
    def test_half_a_line_does_not_count_and_is_cut_off(self, tmp_path: Path, torn: str) -> None:
        path = tmp_path / "journal"
        path.write_text(f"# title\n0 7 a?1.2\n{torn}")
        with Journal(path, "title") as journal:
            assert len(journal) == 1
            journal.note("d?1.2", (1, 4))
        assert path.read_text().splitlines() == ["# title", "0 7 a?1.2", "1 4 d?1.2"]

    def test_one_process_at_a_time(self, tmp_path: Path) -> None:
        with (
            Journal(tmp_path / "journal", "title"),
            pytest.raises(AimassError, match="Another aimass"),
            Journal(tmp_path / "journal", "title"),
        ):
            pass

    def test_each_folder_topic_and_cluster_has_its_own(self, tmp_path: Path) -> None:
        abouts = [(tmp_path, "a", "x"), (tmp_path, "a", "y"), (tmp_path, "b", "x")]
        abouts.append((tmp_path / "c", "a", "x"))
        assert len({journal_path(tmp_path, *about) for about in abouts}) == 4


class StubSender:
    """Acknowledges at once, or never."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.answers = True

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[tuple[int, int]]:
        loop = asyncio.get_running_loop()
        self.times_s.append(loop.time())
        sent: asyncio.Future[tuple[int, int]] = loop.create_future()
        if self.answers:
            sent.set_result((0, len(self.times_s) - 1))
        else:
            sent.cancel()
        return sent


class StubItem:
    def __init__(self, number: int) -> None:
        self.id = f"item?{number}"
        self.name = f"item {number}"

    def load(self) -> Parcel:
        if self.id.endswith("?3"):
            raise UnsendableError("it is empty")
        return Parcel(b"x", None, [])


async def ship(
    sender: StubSender, journal: Journal, rate: float | None, stop_after: int = 100
) -> Tally:
    tally, stopped = Tally(total=10), asyncio.Event()
    shipment = Shipment(cast(Sender, sender), "topic", journal, tally)

    def items() -> Any:
        for number in range(10):
            if number == stop_after:
                stopped.set()
            yield cast(Item, StubItem(number))

    await shipment.send(items(), rate, stopped)
    await shipment.settle()
    return tally


class TestShipment:
    async def test_the_rate_is_kept(self, tmp_path: Path) -> None:
        sender = StubSender()
        with Journal(tmp_path / "journal", "title") as journal:
            await ship(sender, journal, 50)
        # Nine of ten items, the last due 180 ms after the first.
        assert 0.17 < sender.times_s[-1] - sender.times_s[0] < 0.6

    async def test_one_bad_item_does_not_stop_the_rest(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "journal", "title") as journal:
            tally = await ship(StubSender(), journal, None)
            assert len(journal) == tally.acknowledged == 9
        assert tally.unsendable == [("item 3", "it is empty")]

    async def test_what_is_not_acknowledged_is_not_noted(self, tmp_path: Path) -> None:
        sender = StubSender()
        sender.answers = False
        with Journal(tmp_path / "journal", "title") as journal:
            tally = await ship(sender, journal, None)
            assert len(journal) == 0
        assert tally.refused == 9

    async def test_stopping_ends_before_the_next_item(self, tmp_path: Path) -> None:
        with Journal(tmp_path / "journal", "title") as journal:
            tally = await ship(StubSender(), journal, None, stop_after=2)
        assert tally.acknowledged == 2


def test_the_summary_names_a_few_of_each_kind() -> None:
    tally = Tally(10, 2, 3, unsendable=[(f"{n}\x1b.png", "it is empty") for n in range(7)])
    ending = Ending("image", "images", "kafka://x", 1.5, False, ["a.txt"], ["seen", "said"])
    text = "\n".join(summary(tally, ending))
    assert "Sent 3 images (5 in all) to images" in text
    assert "Not sent: 7" in text
    assert "and 2 more" in text
    assert "0\\x1b.png: it is empty" in text
    assert "Next: " not in text
    whole = summary(Tally(10, 2, 8), ending)
    assert whole[-2:] == ["Next: aimass watch seen", "  or: aimass watch said"]


@pytest.mark.parametrize(
    ("count", "said"), [(1, "the only image was refused"), (3, "all 3 images were refused")]
)
def test_a_summary_of_nothing_but_refusals_says_so(count: int, said: str) -> None:
    refused = [(f"{n}.png", "it is empty") for n in range(count)]
    ending = Ending("image", "images", "kafka://x", 1.5, False, [], ["seen"])
    first, *rest = summary(Tally(count, unsendable=refused), ending)
    assert first == f"Nothing was sent to images: {said}."
    assert rest == [f"Not sent: {count}", *(f"  {name}: it is empty" for name, _ in refused)]


async def produce(url: str, tmp_path: Path, topic: str) -> int:
    """The same as `aimass produce images in`, in this process, which has the imports done."""
    root = tmp_path / "in"
    conf = Settings(broker=url, replication=1, state=tmp_path / "state")
    errand = Errand(noun="image", folder=root, topic=topic, create=True)
    cargo = find_payloads(root, conf, IMAGES, Form.RAW, KeyFrom.NAME)
    return await Run(errand, cargo, conf).run(url, terminal=False)


class TestCommand:
    async def test_a_folder_becomes_records_and_a_second_run_sends_nothing(
        self,
        broker_url: str,
        worker_env: dict[str, str],
        tmp_path: Path,
        topic_name: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        names = make_pictures(tmp_path / "in", 6)
        (tmp_path / "in/empty.jpg").write_bytes(b"")
        command = ("produce", "images", "in", "--topic", topic_name, "--create")
        first = aimass(*command, env={**worker_env, "AIMASS_PARTITIONS": "3"}, cwd=tmp_path)
        assert first.returncode == 1, first.stderr
        assert f"Created topic {topic_name} with 3 partitions." in first.stderr
        assert "Sent 6 images" in first.stdout
        assert "empty.jpg: it is empty" in first.stdout
        assert f"Next: aimass watch {topic_name}" in first.stdout
        (tmp_path / "in/empty.jpg").unlink()
        assert await produce(broker_url, tmp_path, topic_name) == 0
        assert "All 6 are sent already" in capsys.readouterr().err
        records = await read_topic(broker_url, topic_name)
        assert sorted((r.key or b"").decode() for r in records) == names
        assert {r.header("meta-label") for r in records} == {"cat", "dog"}

    async def test_after_kill_9_nothing_is_missing_and_little_repeated(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        names = make_pictures(tmp_path / "in", 400)
        command = ("produce", "images", "in", "--topic", topic_name, "--create")
        cluster_id = (await survey(bootstrap_servers(broker_url))).cluster_id
        journal = journal_path(tmp_path / "state", tmp_path / "in", topic_name, cluster_id)
        process = start_aimass(*command, "--rate", "200/s", env=worker_env, cwd=tmp_path)
        wait_for_lines(journal, 60)
        process.kill()
        process.communicate()
        noted = journal.read_bytes().count(b"\n") - 1
        assert noted < 300
        again = aimass(*command, env=worker_env, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert f"Resuming: {noted} of 400 already sent" in again.stderr
        counts = Counter((r.key or b"").decode() for r in await read_topic(broker_url, topic_name))
        assert sorted(counts) == names
        assert counts.total() - len(names) < 20

    async def test_ctrl_c_keeps_what_is_acknowledged(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        names = make_pictures(tmp_path / "in", 200)
        command = ("produce", "images", "in", "--topic", topic_name, "--create")
        cluster_id = (await survey(bootstrap_servers(broker_url))).cluster_id
        journal = journal_path(tmp_path / "state", tmp_path / "in", topic_name, cluster_id)
        process = start_aimass(*command, "--rate", "50", env=worker_env, cwd=tmp_path)
        wait_for_lines(journal, 10)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 130, output
        noted = journal.read_bytes().count(b"\n") - 1
        assert f"Sent {noted} images" in output
        assert f"Not yet sent: {200 - noted}. The same command sends them." in output
        assert await produce(broker_url, tmp_path, topic_name) == 0
        records = await read_topic(broker_url, topic_name)
        assert sorted(r.header("meta-file") or "" for r in records) == names

    async def test_a_topic_made_anew_gets_everything(
        self, broker_url: str, tmp_path: Path, topic_name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        make_pictures(tmp_path / "in", 3)
        assert await produce(broker_url, tmp_path, topic_name) == 0
        await delete_topic(broker_url, topic_name)
        assert await produce(broker_url, tmp_path, topic_name) == 0
        captured = capsys.readouterr()
        assert "starting over" in captured.err
        assert captured.out.count("Sent 3 images") == 2

    def test_a_folder_without_images_is_refused(
        self, worker_env: dict[str, str], tmp_path: Path
    ) -> None:
        ended = aimass("produce", "images", ".", env=worker_env, cwd=tmp_path)
        assert ended.returncode == 1
        assert "No .jpg, .jpeg or .png file lies below" in ended.stderr


@pytest.mark.parametrize(("text", "rate"), [("50", 50.0), ("0.5/s", 0.5)])
def test_a_rate_may_name_its_unit(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-1/s", "fast", "inf", "nan"])
def test_a_rate_that_sends_nothing_or_anything_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="write for example 50"):
        parse_rate(text)


async def delete_topic(url: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers(url))
    await admin.start()
    await admin.delete_topics([topic])
    while topic in await admin.list_topics():  # noqa: ASYNC110 - the broker tells nobody
        await asyncio.sleep(0.05)
    await admin.close()


def test_help_imports_nothing_heavy() -> None:
    program = "import sys, aimass_stream.cli.main; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"aiokafka", "faust", "numpy", "orjson", "msgspec", "pydantic", "rich", "torch"}
    assert not heavy & set(modules)
