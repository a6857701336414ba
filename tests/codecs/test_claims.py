"""The payload store: nothing outside the allowed prefixes, nothing that is not what it claims."""

import asyncio
import hashlib
import importlib
import importlib.util
import os
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.records import Claim, Limits

LIMITS = Limits(payload_bytes=1000)


def claim_of(
    uri: str, payload: bytes, *, size: int | None = None, sha256: str | None = None
) -> Claim:
    digest = hashlib.sha256(payload).hexdigest() if sha256 is None else sha256
    return Claim(uri, digest, len(payload) if size is None else size, "image/png")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"meow")
    (tmp_path / "secret.png").write_bytes(b"secret")
    return folder


@pytest.fixture
def store(data: Path, tmp_path: Path) -> PayloadStore:
    return PayloadStore(tmp_path / "payloads", [data.as_uri() + "/"])


def refusal(store: PayloadStore, claim: Claim) -> RecordError:
    with pytest.raises(RecordError) as caught:
        store.fetch(claim, LIMITS)
    assert "/" not in caught.value.detail
    return caught.value


def test_claim_inside_a_prefix_is_fetched(store: PayloadStore, data: Path) -> None:
    assert store.fetch(claim_of((data / "cat.png").as_uri(), b"meow"), LIMITS) == b"meow"
    local = (data / "cat.png").as_uri().replace("file:///", "file://localhost/")
    assert store.fetch(claim_of(local, b"meow"), LIMITS) == b"meow"


def test_names_with_spaces_and_signs_are_fetched(store: PayloadStore, data: Path) -> None:
    path = data / "a cat #1 100% ü.png"
    path.write_bytes(b"meow")
    assert store.fetch(claim_of(path.as_uri(), b"meow"), LIMITS) == b"meow"


def test_without_prefixes_everything_is_refused(tmp_path: Path, data: Path) -> None:
    claim = claim_of((data / "cat.png").as_uri(), b"meow")
    assert refusal(PayloadStore(tmp_path), claim).reason is Reason.CLAIM_REFUSED


@pytest.mark.parametrize(
    "place",
    [
        "{data}/../secret.png",
        "{data}/%2e%2e/secret.png",
        "{data}/%2E%2E%2Fsecret.png",
        "{data}/./../secret.png",
        "{data}x/cat.png",
        "{data}/../data2/cat.png",
        "/etc/hostname",
        "{data}/link.png",
        "{data}/folder/secret.png",
        "//evil{data}/cat.png",
        "{data}/cat.png%00.png",
    ],
)
def test_place_outside_every_prefix_is_refused(store: PayloadStore, data: Path, place: str) -> None:
    (data / "link.png").symlink_to(data.parent / "secret.png")
    (data / "folder").symlink_to(data.parent)
    for sibling in ("datax", "data2"):
        (data.parent / sibling).mkdir()
        (data.parent / sibling / "cat.png").write_bytes(b"secret")
    uri = "file://" + place.format(data=data)
    assert refusal(store, claim_of(uri, b"secret")).reason is Reason.CLAIM_REFUSED


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://example.org/cat.png",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "ftp://host/cat.png",
        "gopher://host/",
        "s3://bucket/cat.png",
        "memory://cat.png",
        "data:image/png;base64,AAAA",
        "simplecache::file:///{data}/cat.png",
        "zip://cat.png::file://{data}/cat.zip",
        "file:{data}/cat.png",
        "{data}/cat.png",
        "file://cat.png",
        "://",
        "",
    ],
)
def test_other_schemes_are_refused(store: PayloadStore, data: Path, uri: str) -> None:
    claim = claim_of(uri.format(data=data), b"meow")
    assert refusal(store, claim).reason is Reason.CLAIM_REFUSED


def test_link_inside_a_prefix_is_followed(store: PayloadStore, data: Path) -> None:
    (data / "link.png").symlink_to(data / "cat.png")
    assert store.fetch(claim_of((data / "link.png").as_uri(), b"meow"), LIMITS) == b"meow"


def test_prefix_behind_a_link_covers_what_it_points_to(tmp_path: Path, data: Path) -> None:
    (tmp_path / "alias").symlink_to(data)
    store = PayloadStore(tmp_path, [(tmp_path / "alias").as_uri()])
    assert store.fetch(claim_of((data / "cat.png").as_uri(), b"meow"), LIMITS) == b"meow"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        pytest.param("none.png", {}, id="missing"),
        pytest.param("", {}, id="a folder"),
        pytest.param("pipe", {}, id="a pipe"),
        pytest.param("cat.png", {"size": 3}, id="longer than stated"),
        pytest.param("cat.png", {"size": 5}, id="shorter than stated"),
        pytest.param("cat.png", {"sha256": "0" * 64}, id="other bytes"),
    ],
)
def test_payload_that_is_not_as_stated_is_broken(
    store: PayloadStore, data: Path, name: str, changes: dict[str, Any]
) -> None:
    os.mkfifo(data / "pipe")
    claim = claim_of((data / name).as_uri(), b"meow", **changes)
    assert refusal(store, claim).reason is Reason.CLAIM_BROKEN


def test_size_is_bounded_before_anything_is_opened(store: PayloadStore) -> None:
    claim = claim_of("file:///nowhere", b"", size=1001)
    assert refusal(store, claim).reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "prefix", ["/data", "http://host/", "https://host/", "memory://x", "file://data/", "gs://", "x"]
)
def test_wrong_prefix_is_a_configuration_error(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(ConfigError, match="claim_prefixes"):
        PayloadStore(tmp_path, [prefix])


def test_missing_driver_is_a_configuration_error(tmp_path: Path) -> None:
    if importlib.util.find_spec("s3fs") is not None:
        pytest.skip("the driver is installed")
    with pytest.raises(ConfigError, match="driver"):
        PayloadStore(tmp_path, ["s3://bucket/"])


class Bucket(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Objects in memory, under the scheme of a store whose driver is not needed here."""

    protocol = "gs"
    store: ClassVar[dict[str, object]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.removeprefix("gs://")))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.import_module("fsspec.registry")._registry
    monkeypatch.setitem(known, "gs", Bucket)
    files = Bucket()
    files.pipe("gs://bucket/in/cat.png", b"meow")
    files.pipe("gs://bucket/secret.png", b"meow")


@pytest.mark.usefixtures("bucket")
def test_object_inside_a_bucket_prefix_is_fetched(tmp_path: Path) -> None:
    store = PayloadStore(tmp_path, ["gs://bucket/in/"])
    assert store.fetch(claim_of("gs://bucket/in/cat.png", b"meow"), LIMITS) == b"meow"
    for uri in (
        "gs://bucket/secret.png",
        "gs://bucket/in/../secret.png",
        "gs://bucket/in/%2e%2e/secret.png",
        "gs://bucket/in//cat.png",
        "gs://bucket/inside.png",
        "gs://bucket/in/cat.png?versionId=1",
    ):
        assert refusal(store, claim_of(uri, b"meow")).reason is Reason.CLAIM_REFUSED
    missing = claim_of("gs://bucket/in/none.png", b"meow")
    assert refusal(store, missing).reason is Reason.CLAIM_BROKEN


def test_what_is_put_is_fetched_again(tmp_path: Path) -> None:
    folder = tmp_path / "pay loads"
    store = PayloadStore(folder, [folder.as_uri()])
    claim = store.put(b"meow", "image/png")
    assert (claim.size, claim.type) == (4, "image/png")
    assert store.fetch(claim, LIMITS) == b"meow"


def test_put_is_idempotent_and_leaves_nothing_else(tmp_path: Path) -> None:
    store = PayloadStore(tmp_path)
    first = store.put(b"meow", "image/png")
    before = [(path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()]
    assert store.put(b"meow", "image/png") == first
    after = [(path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()]
    assert after == before
    assert len(after) == 1


def test_threads_that_put_the_same_payload_agree(tmp_path: Path) -> None:
    store = PayloadStore(tmp_path)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(store.put(b"x" * 999, "image/png")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 1


async def test_store_is_awaited_on_threads_of_its_own(tmp_path: Path) -> None:
    store = PayloadStore(tmp_path, [tmp_path.as_uri()])
    claim = await store.save(b"meow", "image/png")
    assert await asyncio.gather(*(store(claim, LIMITS) for _ in range(5))) == [b"meow"] * 5
    with pytest.raises(RecordError):
        await store(claim_of("file:///etc/hostname", b""), LIMITS)
    assert any(thread.name.startswith("payloads") for thread in threading.enumerate())
    store.close()
    store.close()
    assert not any(thread.name.startswith("payloads") for thread in threading.enumerate())
