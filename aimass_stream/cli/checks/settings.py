"""The settings of a process here: each value, and where it comes from."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from aimass_stream.cli.checks.finding import Finding, fail, ok, warn
from aimass_stream.config import Settings, load_settings
from aimass_stream.errors import ConfigError
from aimass_stream.kafka.settings import replication
from aimass_stream.runtime.injection_plan import FAULTS
from aimass_stream.runtime.memory_limit import memory_limit_bytes

PREFIX = "AIMASS_"
TOML = Path("aimass.toml")
# Read by a process itself rather than from its settings.
OTHER_VARIABLES = frozenset(
    {
        FAULTS,
        "AIMASS_CLOCK",
        "AIMASS_DEVICE_SOCKET",
        "AIMASS_LEARNER_SOCKET",
        "AIMASS_LOG_LEVEL",
        "AIMASS_SUPERVISED",
    }
)

_USER = re.compile(r"[^\s/'\"\[,]+@")


def check_settings() -> tuple[Settings | None, Finding]:
    """Read the settings; None where they cannot be."""
    try:
        conf = load_settings()
        sources = _sources(os.environ)
    except (ConfigError, tomllib.TOMLDecodeError, OSError) as error:
        first, *rest = redact(str(error)).splitlines()
        return None, fail("settings", first, f"Correct the variable, or {TOML}", rest)
    details = [
        f"{name} = {redact(_text(_in_force(conf, name)))}  ({source})"
        for name, source in sources.items()
    ]
    given = sum(source != "default" for source in sources.values())
    text = f"{given} given, {len(sources) - given} by default"
    unknown = list(_unknown_variables(os.environ))
    if unknown:
        return conf, warn("settings", "; ".join(unknown), "Correct or unset the variable", details)
    return conf, ok("settings", text, details)


def redact(text: str) -> str:
    """The text with the user and password of every URL taken out."""
    return _USER.sub("***@", text)


def _sources(environment: Mapping[str, str]) -> dict[str, str]:
    """Where the value of each setting comes from."""
    variables = {name.upper() for name in environment}
    written = tomllib.loads(TOML.read_text()) if TOML.is_file() else {}
    sources = {}
    for name in Settings.model_fields:
        variable = PREFIX + name.upper()
        if variable in variables:
            sources[name] = variable
        else:
            sources[name] = str(TOML) if name in written else "default"
    return sources


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    if FAULTS in environment:
        yield f"{FAULTS} makes models fail on purpose and is for `aimass verify` alone"
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            yield f"{name} is no setting" + (f"; is it {near[0]}?" if near else "")


def _in_force(conf: Settings, name: str) -> Any:
    """A setting as it was given; where it was not, what it comes to."""
    value = getattr(conf, name)
    if value is not None:
        return value
    if name == "replication":
        return replication(conf)
    if name == "device_memory_bytes":
        return memory_limit_bytes(conf)
    return {
        "broker": f"the embedded Kafka of {conf.state}",
        "models": conf.models_folder,
        "snapshots": conf.snapshots_url,
    }.get(name)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
