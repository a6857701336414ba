"""Fetching Kafka: offline, from a mirror, and from one that serves something else."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aimass_stream.errors import BrokerError
from aimass_stream.kafka.embedded_jars import KAFKA, LOGGING, Jar, kafka_jars, locked_jars


class Mirror(SimpleHTTPRequestHandler):
    """A Maven repository that serves a folder."""

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, and no way to the network but the test's own mirror."""
    folder = tmp_path / "repository"
    monkeypatch.setenv("M2_REPO", str(folder))
    point_to(tmp_path, monkeypatch, "http://127.0.0.1:1")
    return folder


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        point_to(tmp_path, monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield folder
        server.shutdown()
        thread.join()


def point_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    settings = tmp_path / "jgo.conf"
    settings.write_text(f"[repositories]\ncentral = {url}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def make_jar(name: str, payload: bytes) -> Jar:
    return Jar("org.example", name, "1.0", len(payload), hashlib.sha256(payload).hexdigest())


@pytest.fixture
def originals(monkeypatch: pytest.MonkeyPatch) -> dict[Jar, bytes]:
    """A Kafka of two small jars."""
    jars = {make_jar(name, payload): payload for name, payload in (("a", b"one"), ("b", b"two"))}
    monkeypatch.setattr("aimass_stream.kafka.embedded_jars.locked_jars", lambda: list(jars))
    return jars


def put(folder: Path, jar: Jar, payload: bytes) -> Path:
    path = folder / jar.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(payload)
    return path


def test_the_lock_is_of_the_version_that_is_named() -> None:
    jars = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in locked_jars()}
    assert {f"org.apache.kafka:kafka_2.13:{KAFKA}", LOGGING} <= jars
    assert {jar.version for jar in locked_jars() if jar.group == "org.apache.kafka"} == {KAFKA}


def test_without_network_and_jars_the_error_names_the_way_out(repository: Path) -> None:
    with pytest.raises(BrokerError) as caught:
        kafka_jars(say=lambda text: None)
    text = str(caught.value)
    assert str(repository) in text
    assert "Go online once" in text
    assert "AIMASS_BROKER=" in text


def test_a_repository_that_cannot_be_written_is_an_error(repository: Path) -> None:
    repository.write_text("a file in the way")
    with pytest.raises(BrokerError, match="set M2_REPO to one that is"):
        kafka_jars(say=lambda text: None)


def test_only_what_is_missing_or_broken_is_fetched(
    repository: Path, originals: dict[Jar, bytes], mirror: Path
) -> None:
    whole, broken = originals
    put(repository, whole, originals[whole])
    put(repository, broken, originals[broken][:-1])
    put(mirror, broken, originals[broken])
    said: list[str] = []
    paths = kafka_jars(say=said.append)
    assert [path.read_bytes() for path in paths] == list(originals.values())
    assert f"Fetching Kafka {KAFKA}" in said[0]
    said.clear()
    assert kafka_jars(say=said.append) == paths
    assert not said


def test_a_jar_that_is_not_the_locked_one_is_never_used(
    repository: Path, originals: dict[Jar, bytes], mirror: Path
) -> None:
    for jar in originals:
        put(mirror, jar, b"x" * jar.size)
    with pytest.raises(BrokerError, match="is not the file that was locked"):
        kafka_jars(say=lambda text: None)
    assert not list(repository.rglob("*.jar"))
