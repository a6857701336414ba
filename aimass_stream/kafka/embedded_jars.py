"""The jars of the embedded Kafka: which ones, where they lie, and fetching those that are missing.

They live in the Maven repository of the user, so one download serves every project. Which jars
make up a Kafka is not resolved at start but written in `embedded_jars.lock` with their sizes and
checksums: nothing else is ever run, a half-written file is noticed, and a warm start needs no
network. jgo knows how to talk to Maven repositories, the user's own mirrors included.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import partial
from importlib.resources import files
from pathlib import Path

from aimass_stream.errors import BrokerError

KAFKA = "4.1.2"
# To java.util.logging, whose own file handler keeps the log within bounds. The version is the one
# of the slf4j-api that Kafka brings.
LOGGING = "org.slf4j:slf4j-jdk14:1.7.36"

CONNECTIONS = 4
TRIES = 2


@dataclass(frozen=True)
class Jar:
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def path(self) -> str:
        """Where a Maven repository keeps it."""
        folder = f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}"
        return f"{folder}/{self.artifact}-{self.version}.jar"


def kafka_jars(*, say: Callable[[str], None]) -> list[Path]:
    """Every jar of the embedded Kafka, present and checked, fetched where missing.

    Safe to call from several processes at once; they fetch one after the other.

    Raises:
        BrokerError: a jar is neither in the user's Maven repository nor reachable, or the
            repository cannot be written.
    """
    jars = locked_jars()
    try:
        repository = _default_repository()
    except RuntimeError as error:
        raise BrokerError(_explain(Path("~/.m2/repository"), error)) from error
    if not _missing(repository, jars):
        return [repository / jar.path for jar in jars]
    # jgo takes 0.3 s to import, which a warm start need not pay.
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    settings = GlobalSettings.load()
    repository = settings.repo_cache
    mirrors = {**settings.repositories}
    mirrors |= {k: v for k, v in MavenContext().remote_repos.items() if k not in mirrors}
    if _missing(repository, jars):
        _fetch(repository, jars, mirrors, say)
    return [repository / jar.path for jar in jars]


def user_cache() -> Path:
    """The folder for what may be thrown away and is shared by the user's projects."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aimass-stream"


def locked_jars() -> list[Jar]:
    """The jars as written in the lock file."""
    text = files(__package__).joinpath("embedded_jars.lock").read_text()
    jars = []
    for line in text.splitlines():
        if not line.startswith("#"):
            coordinates, size, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, int(size), sha256))
    return jars


def lock_kafka(kafka: str = KAFKA) -> str:
    """Resolve a Kafka version anew; the text is the next `embedded_jars.lock`.

    For maintainers; fetches every jar from the network into the user's Maven repository.
    """
    import jgo

    lines = [f"# Kafka {kafka}: coordinates, bytes, sha256. Written by lock_kafka()."]
    for artifact in jgo.resolve(f"org.apache.kafka:kafka_2.13:{kafka}+{LOGGING}"):
        payload = Path(artifact.resolve()).read_bytes()
        coordinates = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        lines.append(f"{coordinates} {len(payload)} {hashlib.sha256(payload).hexdigest()}")
    return "\n".join(lines) + "\n"


def _default_repository() -> Path:
    return Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")


def _missing(repository: Path, jars: list[Jar]) -> list[Jar]:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        whole = pool.map(partial(_is_whole, repository), jars)
        return [jar for jar, found in zip(jars, whole, strict=True) if not found]


def _is_whole(repository: Path, jar: Jar) -> bool:
    path = repository / jar.path
    try:
        if path.stat().st_size != jar.size:
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256
    except OSError:
        return False


def _fetch(
    repository: Path, jars: list[Jar], mirrors: dict[str, str], say: Callable[[str], None]
) -> None:
    try:
        repository.mkdir(parents=True, exist_ok=True)
        with _one_fetcher(repository):
            missing = _missing(repository, jars)
            if missing:
                _fetch_all(repository, missing, mirrors, say)
    except (OSError, RuntimeError) as error:
        raise BrokerError(_explain(repository, error)) from error


@contextmanager
def _one_fetcher(repository: Path) -> Iterator[None]:
    # jgo writes a jar straight to its final name and does not expect another to do the same.
    with (repository / ".aimass-stream.lock").open("ab") as lock:
        flock(lock, LOCK_EX)
        yield


def _fetch_all(
    repository: Path, jars: list[Jar], mirrors: dict[str, str], say: Callable[[str], None]
) -> None:
    total = sum(jar.size for jar in jars)
    say(f"Fetching Kafka {KAFKA}, {total / 1e6:.0f} MB, once, into {repository}")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        pending = {pool.submit(_fetch_jar, repository, jar, mirrors): jar for jar in jars}
        got, told = 0, 0
        try:
            for done in as_completed(pending):
                done.result()
                got += pending[done].size
                if got * 4 // total > told:
                    told = got * 4 // total
                    say(f"Fetching Kafka {KAFKA}: {got / 1e6:.0f} of {total / 1e6:.0f} MB")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_jar(repository: Path, jar: Jar, mirrors: dict[str, str]) -> None:
    from requests import RequestException

    path = repository / jar.path
    failures: list[str] = []
    for name, url in list(mirrors.items()) * TRIES:
        path.unlink(missing_ok=True)
        try:
            _download(repository, jar, name, url)
        except (RequestException, RuntimeError) as error:
            failures.append(f"{name}: {error}")
        else:
            if _is_whole(repository, jar):
                return
            failures.append(f"{name}: {jar.path} is not the file that was locked")
    path.unlink(missing_ok=True)
    raise RuntimeError(failures[0])


def _download(repository: Path, jar: Jar, name: str, url: str) -> None:
    from jgo.maven import MavenContext

    # One mirror at a time: jgo itself does not go on to the next after a failed connection.
    context = MavenContext(repo_cache=repository, remote_repos={name: url})
    context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()


def _explain(repository: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        advice = "Free about 50 MB there, or set M2_REPO to a folder on another disk"
    elif isinstance(error, PermissionError | FileExistsError | NotADirectoryError):
        advice = "Make the folder writable, or set M2_REPO to one that is"
    else:
        advice = (
            "Go online once, copy that folder from a machine that has it, name a mirror in "
            "[repositories] of jgo.conf, or use a broker of your own: AIMASS_BROKER=kafka://HOST:9092"
        )
    return (
        f"The embedded Kafka {KAFKA} cannot be fetched into {repository}: {error}\n"
        f"{advice}. Then: aimass kafka start"
    )
