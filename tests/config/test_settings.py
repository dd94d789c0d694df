"""The sources of settings, and the messages for wrong ones."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from heygem_daemon.config import loading as module
from heygem_daemon.config.loading import find_config_file, load_settings
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import ConfigurationError

SHIPPED = Path(__file__).resolve().parents[2] / "config.toml"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("HEYGEM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(module, "SYSTEM_CONFIG", tmp_path / "etc" / "config.toml")


def write_config(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def error_message(config: Path | None = None, **overrides: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_shipped_file_names_every_setting_with_its_default() -> None:
    shown = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert set(shown) == set(Settings.model_fields)
    assert load_settings(SHIPPED) == Settings()


def test_every_setting_of_the_shipped_file_has_a_comment_above_it() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[number - 1].startswith("#"), line


def test_the_spool_variable_alone_is_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEYGEM_SPOOL", str(tmp_path))
    settings = load_settings()
    assert settings.spool == tmp_path
    assert settings.log_folder == tmp_path / "logs"
    assert settings.checkpoints == Path("/var/lib/heygem-daemon/checkpoints")


def test_option_overrides_variable_overrides_file_overrides_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = write_config(tmp_path, "crf = 20\nthreads = 1\nmax_attempts = 4\n")
    monkeypatch.setenv("HEYGEM_CRF", "21")
    monkeypatch.setenv("HEYGEM_THREADS", "2")
    settings = load_settings(file, {"crf": "22"})
    assert (settings.crf, settings.threads, settings.max_attempts) == (22, 2, 4)
    assert settings.preset == "veryfast"


def test_relative_paths_of_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = write_config(tmp_path / "etc", 'spool = "../spool"\ncheckpoints = "w"\n')
    settings = load_settings(file)
    assert settings.spool == tmp_path / "spool"
    assert settings.checkpoints == tmp_path / "etc" / "w"


def test_relative_paths_elsewhere_are_relative_to_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {"spool": "here"}).spool == tmp_path / "here"


def test_an_empty_value_means_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEYGEM_CRF", "")
    assert load_settings(write_config(tmp_path, 'checkpoints = ""\n')) == Settings()


def test_the_system_file_comes_before_the_checkouts(tmp_path: Path) -> None:
    assert find_config_file(None) == SHIPPED
    system = write_config(tmp_path / "etc", "crf = 30\n")
    assert find_config_file(None) == system


def test_the_variable_names_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEYGEM_CONFIG", str(write_config(tmp_path, "crf = 30\n")))
    assert load_settings().crf == 30


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().crf = 3


def test_an_unknown_key_gets_a_suggestion(tmp_path: Path) -> None:
    file = write_config(tmp_path, "chunk_second = 3\n")
    assert error_message(file) == (
        f'{file}: unknown key "chunk_second"; did you mean "chunk_seconds"?'
    )


def test_a_key_unlike_all_settings_gets_no_suggestion(tmp_path: Path) -> None:
    file = write_config(tmp_path, "zzz = 3\n")
    assert error_message(file) == f'{file}: unknown key "zzz"'


def test_an_unknown_variable_gets_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYGEM_SPOOOL", "x")
    assert error_message() == 'HEYGEM_SPOOOL: unknown variable; did you mean "HEYGEM_SPOOL"?'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('crf = "18"', 'crf = "18": must be a number, unquoted'),
        ("crf = 1.5", "crf = 1.5: must be a valid integer, got a number with a fractional part"),
        ("crf = 52", "crf = 52: must be less than or equal to 51"),
        ("crf = true", "crf = true: must be a number"),
        ("strip = 1", "strip = 1: must be true or false"),
        ("spool = 5", "spool = 5: must be a path"),
        ("[spool]\na = 1", "spool = {'a': 1}: must be a path"),
        ("chunk_seconds = nan", "chunk_seconds = nan: must be"),
        ("chunk_seconds = 0", "chunk_seconds = 0: must be greater than or equal to 1"),
        ("retention_days = -1", "retention_days = -1: must be greater than or equal to 0"),
        ("max_attempts = 0", "max_attempts = 0: must be greater than or equal to 1"),
        ('engine = "bultin"', 'did you mean "builtin"?'),
        ('log_level = "debug"', 'did you mean "DEBUG"?'),
        ('loop = "ping"', "must be 'pingpong', 'restart' or 'freeze'"),
        ('device = "0"', "must be 'auto', 'cuda', 'cpu' or a UUID"),
        ("crf =", "not valid TOML"),
    ],
)
def test_a_wrong_value_is_one_line_with_file_key_and_remedy(
    tmp_path: Path, line: str, problem: str
) -> None:
    file = write_config(tmp_path, line)
    message = error_message(file)
    assert message.startswith(f"{file}: ")
    assert problem in message


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYGEM_CRF", "many")
    assert error_message().startswith('HEYGEM_CRF: crf = "many": must be a whole number')


def test_a_wrong_option_is_named() -> None:
    assert error_message(None, chunk_seconds="0").startswith('--chunk-seconds: chunk_seconds = "0"')


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert error_message(missing) == f"--config: there is no file {missing}"
    monkeypatch.setenv("HEYGEM_CONFIG", str(missing))
    assert error_message() == f"HEYGEM_CONFIG: there is no file {missing}"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xff\xfe\x00")
    assert error_message(file) == f"{file}: not a UTF-8 text file"


@pytest.mark.parametrize("device", ["0", "gpu", "GPU-", "cuda:0", "GPU-1 GPU-2"])
def test_unknown_devices_are_refused(device: str) -> None:
    assert "must be 'auto'" in error_message(None, device=device)


@pytest.mark.parametrize("device", ["auto", "cuda", "cpu", "GPU-1b2c", "MIG-77"])
def test_devices_are_words_or_uuids(device: str) -> None:
    assert load_settings(None, {"device": device}).device == device


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write_config(tmp_path, 'crf = "18"\nchunk_second = 3\nloop = "ping"\nstrip = 1\n')
    monkeypatch.setenv("HEYGEM_SPOOOL", "x")
    monkeypatch.setenv("HEYGEM_THREADS", "many")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, {"max_attempts": "0"})
    lines = str(caught.value).splitlines()
    for start in (
        "HEYGEM_SPOOOL: unknown",
        "HEYGEM_THREADS: threads",
        "--max-attempts: max_attempts",
        f"{file}: crf",
        f'{file}: unknown key "chunk_second"',
        f"{file}: loop",
        f"{file}: strip",
    ):
        assert sum(line.startswith(start) for line in lines) == 1, (start, lines)
    assert len(lines) == 7


def test_a_label_with_a_character_that_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    file = write_config(tmp_path, 'label = "AI 생성"\n')
    assert "the label's fonts have no '생', '성'" in error_message(file)


def test_a_label_is_off_unless_it_has_a_text(tmp_path: Path) -> None:
    assert load_settings(write_config(tmp_path, "")).visible_label is None
    file = write_config(tmp_path, 'label = "AI生成"\nlabel_seconds = 3\n')
    label = load_settings(file).visible_label
    assert label is not None
    assert (label.text, label.corner, label.percent, label.seconds) == (
        "AI生成", "bottom-right", 5.0, 3.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ('[folders.视频]\nface = "left"', '[folders."视频"]'),
        ("[folders.film crew]  # theirs", '[folders."film crew"]'),
        ("folders.视频.priority = 2", 'folders."视频".priority'),
        ("[folders]\n视频 = {priority = 2}", '"视频"'),
    ],
)
def test_a_name_without_its_quotes_is_told_with_them(
    tmp_path: Path, written: str, right: str
) -> None:
    message = error_message(write_config(tmp_path, written))
    assert message.endswith(f": write {right}")
    wrong = next(line for line in written.split("\n") if not line.isascii() or " crew" in line)
    bare = re.sub(r"\s*(#.*|=.*)", "", wrong)
    corrected = written.replace(bare, right)
    assert load_settings(write_config(tmp_path, corrected)).folders


def test_messages_name_the_table_of_a_folder_with_its_quotes(tmp_path: Path) -> None:
    for line in ('fase = "left"', "crf = 99", 'codec = "prores"\ncrf = 20'):
        message = error_message(write_config(tmp_path, f'[folders."视频"]\n{line}'))
        assert '[folders."视频"]' in message
