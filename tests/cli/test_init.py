"""`aimass init`: a project that runs, from its own README."""

import os
import re
import subprocess
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from aimass_stream.cli.app_report import NO_BROKER, AppReport
from aimass_stream.cli.main import app
from aimass_stream.cli.scaffold.project import app_name, create_project, find_template
from aimass_stream.config import Settings
from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import TopicPlan, create_topics
from tests.cli.commands import PNG, aimass, read_topic, send, start_aimass
from tests.docs.tutorial import File, steps_of

REPOSITORY = Path(__file__).parents[2]


def snippets(readme: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", readme, re.DOTALL)


class TestProject:
    def test_the_application_is_named_after_its_folder(self, tmp_path: Path) -> None:
        written = create_project(tmp_path / "My Shop!")
        assert written[:3] == ["agents/", "models/", "topics/"]
        folder = tmp_path / "My Shop!"
        assert 'App("my-shop")' in (folder / "agents/app.py").read_text()
        assert "my-shop" in (folder / "docker-compose.yml").read_text()
        assert ".aimass/" in (folder / ".gitignore").read_text()
        held = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
        assert "aimass-demo" not in held
        assert not list(folder.rglob("__pycache__"))

    @pytest.mark.parametrize("empty", [False, True])
    def test_it_is_installed_from_a_checkout_and_not_from_an_index(
        self, tmp_path: Path, *, empty: bool
    ) -> None:
        create_project(tmp_path / "shop", empty=empty)
        readme = (tmp_path / "shop/README.md").read_text()
        assert "pip install --constraint CHECKOUT/constraints.txt CHECKOUT" in readme
        held = "".join(path.read_text() for path in (tmp_path / "shop").rglob("*.*"))
        assert "pypi.org" not in held
        assert not re.search(r"pip install '?aimass|aimass-stream==", held)
        if not empty:
            wheel = f"./aimass_stream-{version('aimass-stream')}-py3-none-any.whl"
            assert wheel in (tmp_path / "shop/docker-compose.yml").read_text()

    @pytest.mark.parametrize("part", ["agents", "models", "topics"])
    def test_every_page_of_the_reference_application_is_there(
        self, tmp_path: Path, part: str
    ) -> None:
        create_project(tmp_path / "shop")
        expected = {path.name for path in (REPOSITORY / part).glob("*.py")}
        assert {path.name for path in (tmp_path / "shop" / part).iterdir()} == expected

    def test_an_empty_project_has_an_app_and_its_readme_fills_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "pumps"
        written = create_project(folder, empty=True)
        assert written[3:] == ["aimass.toml", "README.md", ".gitignore"]
        pages = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py"))
        assert pages == [
            "agents/__init__.py",
            "agents/app.py",
            "models/__init__.py",
            "topics/__init__.py",
        ]
        for step in steps_of((folder / "README.md").read_text()):
            if isinstance(step, File):
                (folder / step.name).write_text(step.text)
        asked = [sys.executable, "-m", "aimass_stream.cli.app_report", "agents", "0", "0"]
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "AIMASS_BROKER": NO_BROKER}
        report = subprocess.run(asked, cwd=folder, env=env, capture_output=True, check=True).stdout
        told = msgspec.json.decode(report, type=AppReport)
        assert told.learners == ["odd-readings"]
        assert [(agent.topic, agent.to) for agent in told.agents] == [("readings", "alerts")]

    def test_a_folder_that_holds_something_is_refused_unless_forced(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(AimassError, match="--force"):
            create_project(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
        create_project(tmp_path, force=True)
        assert (tmp_path / "notes.txt").read_text() == "mine"
        assert (tmp_path / "agents" / "app.py").is_file()

    @pytest.mark.parametrize(
        ("folder", "name"), [("shop", "shop"), ("/a/Shop_2.0", "shop-2-0"), ("x" * 300, "x" * 100)]
    )
    def test_a_name_suits_topics_and_groups(self, folder: str, name: str) -> None:
        assert app_name(Path(folder)) == name

    @pytest.mark.parametrize("folder", ["/", "/a/---", "/a/商店"])
    def test_a_folder_that_names_nothing_is_refused(self, folder: str) -> None:
        with pytest.raises(AimassError, match="letters"):
            app_name(Path(folder))

    def test_a_name_with_a_space_is_quoted_for_the_shell(self, tmp_path: Path) -> None:
        made = CliRunner().invoke(app, ["init", str(tmp_path / "my shop")])
        assert f"cd '{tmp_path}/my shop'\n" in made.output

    def test_a_folder_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match="cannot be written"):
            create_project(tmp_path / "file" / "shop")

    def test_the_template_of_a_wheel_comes_before_that_of_a_checkout(self, tmp_path: Path) -> None:
        package = tmp_path / "aimass_stream"
        with pytest.raises(ConfigError, match="template is missing"):
            find_template(package)
        for root in (tmp_path, package / "template"):
            for part in ("agents", "models", "topics"):
                (root / part).mkdir(parents=True)
                (root / part / "__init__.py").touch()
            assert find_template(package) == root

    def test_settings_are_told_as_they_are(self, tmp_path: Path) -> None:
        create_project(tmp_path / "shop")
        text = (tmp_path / "shop" / "aimass.toml").read_text()
        assert tomllib.loads(text) == {}
        told = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
        assert set(told) <= set(Settings.model_fields)
        defaults = Settings()
        for name in ("state", "partitions", "max_payload_bytes", "buffer_bytes", "web_port"):
            assert str(getattr(defaults, name)) == str(told[name])


@pytest.fixture
def shop(worker_env: dict[str, str], tmp_path: Path, topic_name: str) -> Path:
    """A new project that shares the broker with others, so its topics get names of their own."""
    made = aimass("init", topic_name, env=worker_env, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert f"cd {topic_name}\n" in made.stdout
    folder = tmp_path / topic_name
    for page in (folder / "agents").glob("*.py"):
        if page.name not in ("__init__.py", "app.py", "images.py"):
            page.unlink()
    topics = folder / "topics" / "images.py"
    names = topics.read_text()
    for name in ("images", "predictions.images"):
        names = names.replace(f'"{name}"', f'"{topic_name}.{name}"')
    topics.write_text(names)
    return folder


class TestCommand:
    async def test_a_model_swapped_and_an_agent_changed_as_the_readme_says_answer(
        self, shop: Path, broker_url: str, worker_env: dict[str, str]
    ) -> None:
        _, model, agent = snippets((shop / "README.md").read_text())
        (shop / "models" / "image_classifier.py").write_text(model)
        page = (shop / "agents" / "images.py").read_text()
        (shop / "agents" / "images.py").write_text(page[: page.index("@app.agent")] + agent)
        worker = start_aimass("worker", env=worker_env, cwd=shop, errors=shop / "worker.log")
        try:
            answers = await answered(broker_url, shop.name)
        finally:
            worker.terminate()
            worker.communicate(timeout=30)
        assert worker.returncode == 0
        assert answers == [b'{"label":"small","score":1.0,"scores":{}}'] * 3

    def test_its_code_is_typed_and_every_page_compiles(self, shop: Path) -> None:
        pages = [*shop.rglob("*.py")]
        assert len(pages) > 5
        subprocess.run([sys.executable, "-m", "py_compile", *pages], check=True)

    def test_a_second_init_is_refused(self, shop: Path, worker_env: dict[str, str]) -> None:
        ended = aimass("init", str(shop), env=worker_env, cwd=shop)
        assert ended.returncode == 1
        assert "is not empty" in ended.stderr


async def answered(url: str, name: str) -> list[bytes | None]:
    """The answers to three pictures, once they are there."""
    topics = (f"{name}.images", f"{name}.predictions.images")
    client = {"bootstrap_servers": bootstrap_servers(url)}
    await create_topics(client, [TopicPlan(topic, 2) for topic in topics], 1)
    await send(url, topics[0], PNG, PNG, PNG, key=b"u1")
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        found = [record.value for record in await read_topic(url, topics[1])]
        if len(found) == 3:
            return found
    raise TimeoutError("the worker did not answer")
