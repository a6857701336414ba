"""The compose files: of the specification, shut to the network, and of commands that exist."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from aimass_stream.cli.main import app
from aimass_stream.cli.scaffold.project import create_project
from aimass_stream.config import Settings
from aimass_stream.kafka.embedded_jars import KAFKA
from aimass_stream.training import __main__ as training

REPOSITORY = Path(__file__).parents[2]
OURS = ("models", "samples", "worker", "producer")


@pytest.fixture(params=["repository", "project"])
def compose_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "repository":
        return REPOSITORY / "docker-compose.yml"
    create_project(tmp_path / "shop")
    return tmp_path / "shop" / "docker-compose.yml"


@pytest.fixture
def compose(compose_file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(compose_file.read_text())
    return found


def dockerfile(compose_file: Path) -> str:
    """The Dockerfile that the services are built from."""
    build = yaml.safe_load(compose_file.read_text())["services"]["worker"]["build"]
    if isinstance(build, dict):
        return str(build["dockerfile_inline"])
    return (compose_file.parent / str(build) / "Dockerfile").read_text()


def test_it_is_of_the_compose_specification(compose_file: Path) -> None:
    pytest.importorskip("check_jsonschema", reason="part of the dev extra")
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    ended = subprocess.run([*argv, str(compose_file)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_services_are_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"kafka", *OURS}
    for service in compose["services"].values():
        assert "image" in service
        assert "privileged" not in service
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA}"
    assert ":latest" not in str(compose)


def test_ports_are_open_to_this_machine_alone(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", [])
    ]
    assert published == ["127.0.0.1:9092:9092"]
    listeners = compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert listeners == "INSIDE://kafka:19092,OUTSIDE://127.0.0.1:9092"
    assert compose["services"]["worker"]["environment"]["AIMASS_BROKER"] == "kafka://kafka:19092"


def test_volumes_are_declared_and_of_docker_alone(compose: dict[str, Any]) -> None:
    used = {
        volume.partition(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
    }
    assert used == set(compose["volumes"])


def test_services_hold_no_privilege(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    for name in OURS:
        assert compose["services"][name]["read_only"] is True
        assert compose["services"][name]["tmpfs"] == ["/tmp"]  # noqa: S108 - in the container


def test_settings_exist_and_suit_one_broker(compose: dict[str, Any]) -> None:
    for name in OURS:
        environment = compose["services"][name]["environment"]
        told = {key.removeprefix("AIMASS_").lower(): value for key, value in environment.items()}
        assert set(told) <= set(Settings.model_fields)
        assert Settings(**told).replication == 1


def test_what_depends_on_another_can_see_that_it_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"][0] == "CMD"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert "restart" not in services[other]


def commands(compose: dict[str, Any]) -> Iterator[list[str]]:
    for name in OURS:
        yield compose["services"][name]["command"]


def test_commands_exist_with_their_options(compose: dict[str, Any]) -> None:
    for program, *arguments in commands(compose):
        if program == "python":
            assert arguments[0] == "-m"
            module = REPOSITORY / Path(*arguments[1].split("."))
            assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
            continue
        assert program == "aimass"
        command: Any = typer.main.get_command(app)
        while isinstance(command, click.Group) or hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {part for part in arguments if part.startswith("--")} <= known


def test_all_models_of_the_application_are_trained(compose: dict[str, Any]) -> None:
    what = compose["services"]["models"]["command"][-2]
    assert what == training.EVERY
    assert training.main(["nothing", "folder"]) == 2


def test_the_worker_has_time_to_drain(compose: dict[str, Any]) -> None:
    worker = compose["services"]["worker"]
    drain_s = float(worker["command"][worker["command"].index("--drain-s") + 1])
    assert float(worker["stop_grace_period"].removesuffix("s")) > drain_s + 5


def test_the_image_is_small_and_not_of_root(compose_file: Path) -> None:
    text = dockerfile(compose_file)
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:3\.1[1-9]-slim", base) for base in bases)
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "aimass"
    assert "/state" in text
    ignored = (compose_file.parent / ".dockerignore").read_text().splitlines()
    assert {".git/", ".venv/", ".aimass/"} <= set(ignored)


def test_what_the_repository_image_copies_is_there() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    for names in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in names.split():
            assert (REPOSITORY / name).exists()
            assert f"{name}/" not in ignored
