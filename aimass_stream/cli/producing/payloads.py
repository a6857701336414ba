"""Files that are payloads as items: which form each takes, its key, and what travels beside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aimass_stream.cli.producing.errand import Cargo
from aimass_stream.cli.producing.files import File, find_files
from aimass_stream.cli.producing.items import Form, KeyFrom, Parcel, UnsendableError
from aimass_stream.cli.units import size_text
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings
from aimass_stream.errors import AimassError, ConfigError, Reason, RecordError
from aimass_stream.records import Claim, Limits
from aimass_stream.records.envelope import write_payload
from aimass_stream.records.payload import PayloadRecord, Written, metadata_headers

MESSAGE_BYTES = 900_000
"""The largest value sent in a message; a broker takes about a million bytes by default."""


@dataclass(frozen=True, slots=True)
class PayloadKind:
    """What the files of a modality are.

    Attributes:
        noun: what one is, e.g. `image`.
        record: the type of its records.
        suffixes: of its files' names, and the content types these stand for.
        doubt: what is said of a file that is none inside.
    """

    noun: str
    record: type[PayloadRecord]
    suffixes: Mapping[str, str]
    doubt: str


def find_payloads(
    root: Path, conf: Settings, kind: PayloadKind, form: Form, key_from: KeyFrom
) -> Cargo:
    """The files of a kind below a folder.

    Raises:
        AimassError: there are none.
        ConfigError: all are to go as claim checks, and the settings allow none of them.
    """
    found = find_files(root, kind.suffixes)
    if not found.files:
        *others, last = kind.suffixes
        raise AimassError(f"No {', '.join(others)} or {last} file lies below {root}.")
    how = PayloadForm(
        kind,
        form,
        key_from,
        Limits(payload_bytes=conf.max_payload_bytes),
        PayloadStore(conf.payloads_folder, conf.claim_prefixes),
        conf.payloads_folder,
    )
    how.check_claims(root)
    return Cargo([PayloadItem(file, how) for file in found.files], found.others)


@dataclass(frozen=True, slots=True)
class PayloadForm:
    """How the files of a run are written.

    Attributes:
        kind: what they are.
        form: of every file that fits into a message.
        key_from: what the key is.
        limits: files above them would be refused by the engine.
        payloads: where files too large for a message are kept.
        payloads_folder: its folder.
    """

    kind: PayloadKind
    form: Form
    key_from: KeyFrom
    limits: Limits
    payloads: PayloadStore
    payloads_folder: Path

    def check_claims(self, root: Path) -> None:
        """See whether claim checks can be sent, if all files are to be.

        Raises:
            ConfigError: no prefix covers the files, nor the payload store.
        """
        allowed = self._covers(root / "file") or self._covers(self.payloads_folder / "file")
        if self.form is Form.CLAIM and not allowed:
            raise ConfigError(f"Claim checks into {root} are not allowed. {_allowing(root)}")

    def claim(self, file: File, payload: bytes, content_type: str) -> Claim:
        """The claim for a file: the file itself where a prefix covers it, else a kept copy.

        Raises:
            UnsendableError: no prefix covers either.
        """
        path = file.path.resolve()
        if self._covers(path):
            digest = hashlib.sha256(payload).hexdigest()
            return Claim(path.as_uri(), digest, len(payload), content_type)
        if self._covers(self.payloads_folder / "file"):
            try:
                return self.payloads.put(payload, content_type)
            except OSError as error:
                raise UnsendableError(f"a copy cannot be kept: {error}") from error
        raise UnsendableError(
            f"{size_text(len(payload))} are too large for a message, and claim checks are not "
            f"allowed here. {_allowing(file.root)}"
        )

    def _covers(self, path: Path) -> bool:
        """Whether the engine, with these settings, would fetch a claim from there."""
        probe = Claim(path.absolute().as_uri(), "0" * 64, 1, "")
        try:
            self.payloads.fetch(probe, self.limits)
        except RecordError as error:
            return error.reason is not Reason.CLAIM_REFUSED
        return True


@dataclass(frozen=True, slots=True)
class PayloadItem:
    """A file that becomes one record."""

    file: File
    how: PayloadForm

    @property
    def id(self) -> str:
        """The file's."""
        return self.file.id

    @property
    def name(self) -> str:
        """The file's."""
        return self.file.name

    def load(self) -> Parcel:
        """Read the file and write it in its form, whatever its bytes are.

        Raises:
            UnsendableError: it is empty, unreadable, or too large.
        """
        payload, kind = _read(self.file, self.how.limits), self.how.kind
        found = kind.record.sniff(payload)
        value, headers = self._encode(payload, found)
        return Parcel(value, self._key(), headers, "" if found else kind.doubt)

    def _encode(self, payload: bytes, found: str | None) -> Written:
        kind, form, about = self.how.kind, self.how.form, self._metadata()
        declared = found or kind.suffixes[self.file.relative.suffix.lower()]
        if form is not Form.CLAIM:
            write = _json if form is Form.JSON else _raw
            value, headers = write(payload, declared, about)
            if len(value) <= MESSAGE_BYTES:
                return value, headers
        return kind.record.encode_claim(self.how.claim(self.file, payload, declared), about)

    def _metadata(self) -> dict[str, str]:
        about = {"file": self.file.name}
        if self.file.folder:
            about["label"] = self.file.folder
        return about

    def _key(self) -> bytes:
        if self.how.key_from is KeyFrom.NAME:
            return os.fsencode(self.file.relative)
        parent = self.file.relative.parent
        return os.fsencode(parent if parent.name else self.file.root.name)


def _allowing(root: Path) -> str:
    """How claim checks into a folder come to be allowed: the worker must fetch them, too."""
    return (
        f"Allow them here and where the worker runs, and start the worker again: "
        f"export AIMASS_CLAIM_PREFIXES='[\"{root.as_uri()}/\"]'"
    )


# Whatever the bytes are, they are sent: what is wrong with them is for the engine to say, on the
# dead letter.
def _raw(payload: bytes, declared: str, about: dict[str, str]) -> Written:
    return payload, [("content-type", declared.encode()), *metadata_headers(about)]


def _json(payload: bytes, declared: str, about: dict[str, str]) -> Written:
    return write_payload(payload, declared, about), [("content-type", b"application/json")]


def _read(file: File, limits: Limits) -> bytes:
    if file.size > limits.payload_bytes:
        raise UnsendableError(
            f"{size_text(file.size)} are more than the setting max_payload_bytes "
            f"({size_text(limits.payload_bytes)}) lets the engine take"
        )
    try:
        payload = file.path.read_bytes()
    except OSError as error:
        raise UnsendableError(f"it cannot be read: {error.strerror or error}") from error
    if not payload:
        raise UnsendableError("it is empty")
    return payload
