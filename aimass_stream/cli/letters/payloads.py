"""Where the payloads of dead letters are read from."""

from __future__ import annotations

from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings


def payload_store(conf: Settings) -> PayloadStore:
    """The payload store, which here may also read what the engine put there itself."""
    own = conf.payloads_folder.resolve().as_uri()
    return PayloadStore(conf.payloads_folder, (*conf.claim_prefixes, own))
