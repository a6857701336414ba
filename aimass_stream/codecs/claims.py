"""The payload store: what a claim check points to, fetched within an allow-list, and put there.

A claim comes from outside, so it is believed in nothing: its URI must lie inside a configured
prefix, its size is bounded before the first byte is read, and the bytes must have the size and
checksum it states. Web addresses are never fetched.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.records.claim import Claim
from aimass_stream.records.limits import Limits

SCHEMES = frozenset({"file", "s3", "gs", "az", "abfs"})
"""Schemes a prefix may have. All but `file` need the fsspec driver of that store."""

_THREADS = 4


@dataclass(frozen=True, slots=True)
class _Prefix:
    """One allowed place: a scheme, and the folder or bucket path everything must lie in."""

    scheme: str
    parts: tuple[str, ...]


class PayloadStore:
    """Fetches claims, and keeps payloads that are too large for a message.

    `fetch` and `put` block and may be called from any thread. Awaiting the store itself, or
    `save`, does the same on threads of its own, which exist from the first use to `close`.

    Args:
        folder: where `put` writes. What it wrote is fetched again only if a prefix covers it.
        prefixes: URI prefixes a claim may point into, e.g. `file:///data/`; none refuses all.
            A prefix is a whole folder: `file:///data` does not admit `/database`.

    Raises:
        ConfigError: a prefix has no scheme, or one that is not supported.
    """

    def __init__(self, folder: Path, prefixes: Sequence[str] = ()) -> None:
        self._folder = folder
        self._prefixes = tuple(_read_prefix(prefix) for prefix in prefixes)
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, claim: Claim, limits: Limits) -> bytes:
        """`fetch`, on the store's threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool(), self.fetch, claim, limits)

    async def save(self, payload: bytes, content_type: str) -> Claim:
        """`put`, on the store's threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool(), self.put, payload, content_type)

    def fetch(self, claim: Claim, limits: Limits) -> bytes:
        """Read the payload of a claim and verify it.

        At most one byte more than the claim's size is read.

        Raises:
            RecordError: CLAIM_REFUSED (outside every prefix), TOO_LARGE, or CLAIM_BROKEN
                (missing, unreadable, or not of the stated size and checksum).
        """
        if claim.size > limits.payload_bytes:
            raise RecordError(
                Reason.TOO_LARGE,
                f"the claim's {claim.size} bytes are more than the limit of {limits.payload_bytes}",
            )
        scheme, place = _split(claim.uri)
        if scheme == "file":
            payload = _read_file(self._allowed_path(place), claim.size + 1)
        else:
            self._check_remote(scheme, place)
            payload = _read_remote(claim.uri, claim.size + 1)
        if len(payload) != claim.size:
            raise _broken("its size is not the size stated")
        if hashlib.sha256(payload).hexdigest() != claim.sha256:
            raise _broken("its checksum is not the one stated")
        return payload

    def put(self, payload: bytes, content_type: str) -> Claim:
        """Keep a payload under its checksum; putting the same bytes again changes nothing.

        The file appears whole or not at all.

        Returns:
            The claim to send in the payload's place.

        Raises:
            OSError: the folder cannot be written.
        """
        digest = hashlib.sha256(payload).hexdigest()
        path = self._folder.resolve() / digest[:2] / digest
        if not (path.is_file() and path.stat().st_size == len(payload)):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, payload)
        return Claim(path.as_uri(), digest, len(payload), content_type)

    def close(self) -> None:
        """End the store's threads; what has not begun is cancelled."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="payloads")
        return self._threads

    def _allowed_path(self, place: str) -> Path:
        """The real file behind a `file:` URI, links and `..` resolved, if a prefix covers it."""
        host, slash, rest = place.partition("/")
        if host not in ("", "localhost") or not slash:
            raise _refused()
        name = "/" + unquote(rest)
        if "\0" in name:
            raise _refused()
        path = Path(os.path.realpath(name))
        if not any(
            prefix.scheme == "file" and path.parts[: len(prefix.parts)] == prefix.parts
            for prefix in self._prefixes
        ):
            raise _refused()
        return path

    def _check_remote(self, scheme: str, place: str) -> None:
        """Refuse an object whose name could mean another one, or that no prefix covers."""
        parts = tuple(place.split("/"))
        if any(part in ("", ".", "..") for part in parts) or set(place) & set("%?#*[]\\"):
            raise _refused()
        if not any(
            prefix.scheme == scheme and parts[: len(prefix.parts)] == prefix.parts
            for prefix in self._prefixes
        ):
            raise _refused()


def _read_prefix(prefix: str) -> _Prefix:
    scheme, place = _split(prefix)
    if scheme not in SCHEMES:
        raise ConfigError(
            f"Setting claim_prefixes: {prefix!r} cannot be a prefix; write one of "
            f"{', '.join(sorted(SCHEMES))} followed by ://, e.g. file:///data/images/"
        )
    if scheme == "file":
        folder = Path(os.path.realpath(unquote(place.removeprefix("localhost"))))
        if not place.removeprefix("localhost").startswith("/"):
            raise ConfigError(
                f"Setting claim_prefixes: {prefix!r} names no absolute folder; "
                "write three slashes, e.g. file:///data/images/"
            )
        return _Prefix(scheme, folder.parts)
    parts = tuple(place.strip("/").split("/"))
    if not parts[0]:
        raise ConfigError(f"Setting claim_prefixes: {prefix!r} names no bucket")
    _require_driver(scheme, prefix)
    return _Prefix(scheme, parts)


def _require_driver(scheme: str, prefix: str) -> None:
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise ConfigError(
            f"Setting claim_prefixes: {prefix!r} needs a driver that is not installed: {error}"
        ) from error


def _split(uri: str) -> tuple[str, str]:
    """Scheme and the rest; the scheme is empty where there is none, or several are chained."""
    scheme, found, place = uri.partition("://")
    if not found or "::" in uri or "\0" in uri:
        return "", ""
    return scheme.lower(), place


def _read_file(path: Path, most: int) -> bytes:
    # A pipe or device would block the thread for ever, and a link put there since is not followed.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - a handle has no Path
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _broken("it is no file")
            if status.st_size >= most:
                raise _broken("its size is not the size stated")
            return file.read(most)
    except OSError as error:
        raise _unreadable(error) from None


def _read_remote(uri: str, most: int) -> bytes:
    import fsspec

    try:
        with fsspec.open(uri, "rb") as file:
            payload: bytes = file.read(most)
    except Exception as error:  # each driver has families of its own
        raise _unreadable(error) from None
    return payload


def _write_whole(path: Path, payload: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _refused() -> RecordError:
    return RecordError(
        Reason.CLAIM_REFUSED, "the claim points outside what the setting claim_prefixes allows"
    )


def _broken(why: str) -> RecordError:
    return RecordError(Reason.CLAIM_BROKEN, f"the claim's payload: {why}")


def _unreadable(error: Exception) -> RecordError:
    return _broken(f"it cannot be read: {type(error).__name__}")
