"""Settings of a process: flag, then `AIMASS_*`, then `aimass.toml`, then the default here.

What belongs to one model stands on its declaration, and Kafka's own knobs stay Faust's; only
what a whole process shares is a setting.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from aimass_stream.errors import ConfigError


class Settings(BaseSettings):
    """What one process needs to know about its surroundings."""

    model_config = SettingsConfigDict(
        env_prefix="AIMASS_", toml_file="aimass.toml", extra="forbid", frozen=True
    )

    broker: str | None = Field(
        default=None,
        description="kafka://host:port[,host:port]; the embedded broker when not given",
    )
    state: Path = Field(
        default=Path(".aimass"), description="folder for the broker, models and payloads"
    )
    models: Path | None = Field(
        default=None, description="registry folder; <state>/models when not given"
    )
    snapshots: str | None = Field(
        default=None,
        description="URL of a folder for learners' snapshots, which every worker can reach; "
        "<state>/snapshots when not given",
    )
    partitions: int = Field(default=4, ge=1, description="partitions of a topic the engine creates")
    replication: int | None = Field(
        default=None, ge=1, description="replicas of a topic; 1 on the embedded broker, else 3"
    )
    claim_prefixes: tuple[str, ...] = Field(
        default=(), description="URI prefixes a claim check may point to, e.g. file:///data/"
    )
    max_payload_bytes: int = Field(
        default=20 * 1024 * 1024,
        ge=1,
        description="largest payload of a record that no model's own limits bound",
    )
    web_port: int = Field(
        default=6066, ge=0, le=65535, description="a worker's pages and metrics, on loopback"
    )
    buffer_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        description="bytes of records held by a worker, and as many again for each of its models",
    )
    failure_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of an agent's latest records that may fail by the model or the agent; "
        "1 switches the limit off",
    )
    failure_window: int = Field(
        default=1000, ge=1, description="latest records of an agent that failure_share is about"
    )
    stall_s: float = Field(
        default=120.0,
        gt=0,
        description="seconds without progress, beyond a model's own timeout, after which a "
        "worker ends",
    )
    accept_loss: tuple[str, ...] = Field(
        default=(), description="losses of state to go on from, by the names a refusal gave them"
    )
    device_memory_bytes: int | None = Field(
        default=None,
        ge=1,
        description="memory beyond which a model process is ended; 80 % of the machine's when "
        "not given",
    )

    @property
    def models_folder(self) -> Path:
        """Where `models://` names are resolved."""
        return self.models or self.state / "models"

    @property
    def payloads_folder(self) -> Path:
        """Where payloads too large for a message are written."""
        return self.state / "payloads"

    @property
    def engines_folder(self) -> Path:
        """Where models are kept as other engines than torch take them."""
        return self.state / "engines"

    @property
    def snapshots_url(self) -> str:
        """Where learners' snapshots lie."""
        return self.snapshots or str((self.state / "snapshots").absolute())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence; the first source that knows a setting wins."""
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, toml


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of this process.

    Args:
        overrides: values given on the command line; None means not given.

    Raises:
        ConfigError: a value is wrong or a name in `aimass.toml` is unknown.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except (SettingsError, TOMLDecodeError) as error:
        # Text that cannot be read at all; the cause says where it stands.
        raise ConfigError(
            f"Settings cannot be read (AIMASS_* variables or aimass.toml): {error}"
            + (f": {error.__cause__}" if error.__cause__ else "")
            + "\nLists are written as JSON: AIMASS_CLAIM_PREFIXES='[\"file:///data/\"]'"
        ) from error
    except ValidationError as error:
        lines = [
            f"  {_problem(problem)}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        known = ", ".join(sorted(Settings.model_fields))
        raise ConfigError(
            "Settings are wrong (AIMASS_* variables or aimass.toml):\n"
            + "\n".join(lines)
            + f"\nKnown settings: {known}"
        ) from error


def _problem(problem: ErrorDetails) -> str:
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] != "extra_forbidden":
        return f"{name}: {problem['msg']}"
    near = get_close_matches(name, Settings.model_fields, n=1)
    return f"there is no setting {name}" + (f"; did you mean {near[0]}?" if near else "")


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
