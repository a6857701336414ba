"""Settings that are wrong are said so, with what to write instead, and nothing starts."""

from pathlib import Path

import pytest

from aimass_stream.config import load_settings
from aimass_stream.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("partitions = [", "cannot be read"),
        ("partitions = 0", "partitions: Input should be greater"),
        ('brokr = "x"', "  there is no setting brokr; did you mean broker\\?"),
        ("zzz = 1", "  there is no setting zzz\n"),
        ("partition = 4", "Known settings: .*partitions"),
    ],
)
def test_a_file_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aimass.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_settings()


def test_a_list_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMASS_CLAIM_PREFIXES", "file:///data/")
    with pytest.raises(ConfigError, match="written as JSON"):
        load_settings()


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aimass.toml").write_text("partitions = 2\nweb_port = 7000\nbuffer_bytes = 9")
    monkeypatch.setenv("AIMASS_PARTITIONS", "3")
    monkeypatch.setenv("AIMASS_WEB_PORT", "7001")
    settings = load_settings(web_port=7002)
    assert (settings.web_port, settings.partitions, settings.buffer_bytes) == (7002, 3, 9)
