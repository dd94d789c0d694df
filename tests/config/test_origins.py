"""Where the value of each setting comes from."""

import os
from pathlib import Path

import pytest

from heygem_daemon.config import loading
from heygem_daemon.config.loading import SettingsSource
from heygem_daemon.config.origins import find_lines, find_origins
from heygem_daemon.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("HEYGEM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(loading, "SYSTEM_CONFIG", tmp_path / "etc" / "config.toml")


def test_each_value_comes_from_one_of_four_places(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "a.toml"
    file.write_text(
        '# crf = 3\n\ncrf = 20\nloop = "freeze"\ncheckpoints = "" # empty\npreset = "slow"\n'
    )
    monkeypatch.setenv("HEYGEM_LOOP", "restart")
    origins = find_origins(SettingsSource(file, {"preset": "fast"}))
    assert str(origins["crf"]) == f"{file}, line 3"
    assert (origins["loop"].kind, origins["loop"].place) == ("environment", "HEYGEM_LOOP")
    assert (origins["preset"].kind, origins["preset"].place) == ("command line", "--preset")
    assert str(origins["checkpoints"]) == str(origins["threads"]) == "default"


def test_keys_of_tables_and_texts_of_several_lines_are_told_apart() -> None:
    text = 'gpus = [\n  "a",\n]\ntext = """\ncrf = 3\n"""\n[folders.talk]\ncrf = 5\n'
    assert find_lines(text) == {"gpus": 1, "text": 4, "folders.talk.crf": 8}


def test_keys_in_quotes_or_of_several_parts_are_keys() -> None:
    text = (
        '"crf" = 3\n\'loop\' = "freeze"\n"pre\\u0073et" = "slow"\nfolders . "talk" . crf = 5\n'
        '["folders".\'a [b] = c\'] # one\n  crf=7\n"max=height" = 0\nloop = [\n"x = 1",\n]\n'
    )
    assert find_lines(text) == {
        "crf": 1, "loop": 2, "preset": 3, "folders.talk.crf": 4,
        "folders.a [b] = c.crf": 6, "folders.a [b] = c.max=height": 7, "folders.a [b] = c.loop": 8,
    }  # fmt: skip


def test_a_pinned_source_does_not_fall_back_to_the_defaults(tmp_path: Path) -> None:
    system = tmp_path / "etc" / "config.toml"
    system.parent.mkdir()
    system.write_text("crf = 30\n")
    source = SettingsSource().pin()
    assert source.load().crf == 30
    system.unlink()
    with pytest.raises(ConfigurationError, match=r"etc/config\.toml: the file is gone"):
        source.load()
    system.write_text("crf = 31\n")
    assert source.load().crf == 31
