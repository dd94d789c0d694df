"""``submit``: what lies in the inbox afterwards, and what is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from heygem_daemon.cli.job_flags import parse_job_options
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.job_reference import describe_job_options
from heygem_daemon.config.loading import option_of
from heygem_daemon.config.sidecar import parse_sidecar
from heygem_daemon.spool.spool import Spool

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Until = Callable[[Callable[[], object]], None]

DEMO = Path(__file__).resolve().parents[2] / "demo"


@pytest.fixture
def sound_in_mp4(tmp_path: Path) -> Path:
    """AAC alone in an MP4."""
    path = tmp_path / "sound.mp4"
    with av.open(str(DEMO / "speech.wav")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("aac", rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


@pytest.fixture(autouse=True)
def spool(program: "Program") -> Spool:
    """The program's spool, ready."""
    spool = Spool(program.spool)
    spool.prepare()
    return spool


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    audio, video = tmp_path / "voice.wav", tmp_path / "face.mp4"
    audio.write_text("render")
    video.write_text("video")
    return str(audio), str(video)


@pytest.fixture
def show(tmp_path: Path) -> Path:
    folder = tmp_path / "show"
    folder.mkdir()
    for name in ("1.wav", "2.wav"):
        (folder / name).write_text("render")
    (folder / "face.mp4").write_text("video")
    return folder


def test_a_submitted_pair_lies_in_the_inbox(program: "Program", pair: tuple[str, str]) -> None:
    done = program("submit", *pair, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"name": "voice", "spool": str(program.spool)}
    assert done.stderr.endswith("no daemon is running on this spool; the pair waits for one\n")
    assert sorted(p.name for p in (program.spool / "inbox").iterdir()) == ["voice.mp4", "voice.wav"]


@pytest.mark.slow
def test_a_sound_in_a_video_container_is_submitted(
    program: "Program", tmp_path: Path, sound_in_mp4: Path
) -> None:
    (tmp_path / "face.mp4").write_bytes((DEMO / "presenter.mp4").read_bytes())
    done = program("submit", str(sound_in_mp4), str(tmp_path / "face.mp4"), "--json")
    assert done.returncode == 0, done.stderr
    inbox = program.spool / "inbox"
    assert sorted(path.name for path in inbox.iterdir()) == ["sound.m4a", "sound.mp4"]
    assert (inbox / "sound.m4a").read_bytes() == sound_in_mp4.read_bytes()
    done = program("submit", str(tmp_path / "face.mp4"), str(sound_in_mp4))
    assert "is video, not audio" in done.stderr


@pytest.mark.slow
def test_submit_wait_ends_with_the_results_path(
    program: "Program", pair: tuple[str, str], until: Until
) -> None:
    program.start("run")
    done = program("submit", *pair, "--wait", "--timeout", "60")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{program.spool}/outbox/voice.mp4\n"
    again = program("submit", *pair, "--wait", "--timeout", "60", "--json")
    end = json.loads(again.stdout)
    assert end["outcome"] == "published"
    assert Path(end["video"]).name == "voice (2).mp4"


@pytest.mark.slow
def test_submit_wait_tells_why_a_job_failed(program: "Program", pair: tuple[str, str]) -> None:
    Path(pair[0]).write_text("refuse")
    program.start("run")
    done = program("submit", *pair, "--wait", "--timeout", "60", "--name", "hello")
    assert done.returncode == 1
    assert done.stdout == "hello failed: There is no face. Show one.\n"


def test_submit_wait_gives_up_after_its_time(program: "Program", pair: tuple[str, str]) -> None:
    done = program("submit", *pair, "--wait", "--timeout", "0.2")
    assert done.returncode == 3
    assert done.stdout == "voice: no result yet\n"
    assert "no daemon is running on this spool" in done.stderr


def test_submit_refuses_what_is_no_video(program: "Program", pair: tuple[str, str]) -> None:
    done = program("submit", pair[0], pair[0])
    assert done.returncode == 1
    assert done.stderr.startswith("heygem-daemon: ")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_submit_wait_of_a_folder_ends_with_the_zips_path(
    program: "Program", show: Path, until: Until
) -> None:
    program.start("run")
    done = program("submit", str(show), "--wait", "--timeout", "60")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{program.spool}/outbox/show/show.zip\n"
    (show / "2.wav").write_text("refuse")
    again = program("submit", str(show), "--wait", "--timeout", "60", "--json")
    assert again.returncode == 1
    end = json.loads(again.stdout)
    assert end["failed"] == {"2": "There is no face."}
    assert Path(end["zip"]) == program.spool / "outbox" / "show (2)" / "show (2).zip"
    status = program("status")
    assert "Last batches" in status.stdout
    assert "1 published, 1 failed" in status.stdout
    assert "show (2)/2" in status.stdout
    back = program("retry", "show (2)/2")
    assert back.stdout == "show (2)/2 goes back to the inbox, file by file.\n"
    until(lambda: "show (2)/2 is in the inbox again as show (2)" in program("status").stdout)


def test_a_folder_that_is_no_batch_is_not_submitted(program: "Program", show: Path) -> None:
    (show / "face.mp4").unlink()
    done = program("submit", str(show))
    assert done.returncode == 1
    assert "holds no video" in done.stderr
    assert program("submit", str(show / "1.wav")).returncode == 1


def test_submit_says_which_spool_it_used_and_never_makes_one(
    program: "Program", pair: tuple[str, str], tmp_path: Path
) -> None:
    assert program("submit", *pair).stdout == (f"submitted as voice to the spool {program.spool}\n")
    done = program("submit", *pair, "--spool", str(tmp_path / "elsewhere"))
    assert done.returncode == 3
    assert f"there is no spool in {tmp_path / 'elsewhere'}" in done.stderr
    (tmp_path / "elsewhere" / "inbox").mkdir(parents=True)
    assert program("submit", *pair, "--spool", str(tmp_path / "elsewhere")).returncode == 3
    assert list((tmp_path / "elsewhere" / "inbox").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_whoever_may_only_write_into_the_inbox_may_submit(
    program: "Program", pair: tuple[str, str], spool: Spool
) -> None:
    for folder in (spool.root, *spool.root.parents[:3]):
        folder.chmod(0o755)
    spool.inbox.chmod(0o1777)
    os.seteuid(65_534)
    try:
        done = program("submit", *pair)
        waits = program("submit", *pair, "--wait")
    finally:
        os.seteuid(0)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # it cannot know whether a daemon works
    assert waits.returncode == 3
    assert "only that user may see what is in it" in waits.stderr
    assert sorted(path.name for path in spool.inbox.iterdir()) == ["voice.mp4", "voice.wav"]


def _text_of_a_value(key: str) -> str | bool:
    option = next(each for each in describe_job_options() if each.key == key)
    if option.is_switch:
        return False
    if "|" in option.kind:
        return option.kind.split("|")[-2 if option.kind.endswith("NUMBER") else -1]
    return option.bounds.split()[-1]


@pytest.mark.parametrize("key", JobOptions.model_fields)
def test_every_option_of_a_job_goes_into_its_sidecar(key: str) -> None:
    given = parse_job_options({key: _text_of_a_value(key)})
    assert given.given == (key,)
    assert parse_sidecar(given.sidecar_text.encode(), "talk.toml") == given
    assert next(each for each in describe_job_options() if each.key == key).text


def test_submit_takes_every_option_of_a_job(
    program: "Program", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = program("submit", "--help").stdout
    for key in JobOptions.model_fields:
        assert f" {option_of(key)} " in text
    assert "--spool" in text
    assert "--gpus" not in text


def test_options_lie_in_the_sidecar_beside_the_pair(
    program: "Program", pair: tuple[str, str], spool: Spool
) -> None:
    options = ("--face", "left", "--priority", "10", "--codec", "hevc", "--no-strip")
    done = program("submit", *pair, *options)
    assert done.returncode == 0, done.stderr
    text = (spool.inbox / "voice.toml").read_text()
    assert text.splitlines() == [
        'face = "left"', 'codec = "hevc"', "strip = false", "priority = 10"
    ]  # fmt: skip
    assert len(list(spool.inbox.iterdir())) == 3


def test_a_video_is_submitted_alone_with_its_own_sound(
    program: "Program", pair: tuple[str, str], spool: Spool
) -> None:
    done = program("submit", pair[1], "--audio", "own")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in spool.inbox.iterdir()) == ["face.mp4", "face.toml"]
    assert (spool.inbox / "face.toml").read_text() == 'audio = "own"\n'


IDLE = {
    "--gpus GPU-1": "gpus is a setting of the daemon",
    "--log-json": "log_json is a setting of the daemon",
    "--codec prores --crf 18": "crf has no effect",
    "--quality high --crf 18 --preset fast": "quality has no effect with crf and preset",
    "--audio own": "no effect with an audio file",
    "--priority 100": "at most 50",
    "--priority 101": "less than or equal to 100",
    "--face middle": "must be 'largest', 'left', 'right' or a number",
    "--codec h265 --crf x": "--codec = \"h265\": must be 'h264', 'hevc' or 'prores'",
    "--timeout 5": "--timeout has no effect without --wait",
    "--loudness -23": 'not possible with audio = "copy"',
}


@pytest.mark.parametrize("options", IDLE)
def test_an_option_without_effect_is_refused_with_the_reason(
    program: "Program", pair: tuple[str, str], spool: Spool, options: str
) -> None:
    program.environment |= {"HEYGEM_MAX_PRIORITY": "50", "HEYGEM_AUDIO": "copy"}
    if "prores" in options or "own" in options:
        del program.environment["HEYGEM_AUDIO"]
    done = program("submit", *pair, *options.split())
    assert done.returncode in (1, 2)
    assert IDLE[options] in done.stderr
    assert list(spool.inbox.iterdir()) == []


def test_the_options_of_a_folder_lie_in_its_sidecar_for_all(
    program: "Program", show: Path, spool: Spool
) -> None:
    (show / "job.toml").write_text('face = "left"\n')
    (show / "2.toml").write_text("priority = 3\n")
    done = program("submit", str(show), "--codec", "hevc", "--face", "left")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"submitted as show to the spool {spool.root}\n"
    text = (spool.inbox / "show" / "job.toml").read_text()
    assert parse_sidecar(text.encode(), "job.toml") == JobOptions(face="left", codec="hevc")
    assert (spool.inbox / "show" / "2.toml").read_text() == "priority = 3\n"
    assert (show / "job.toml").read_text() == 'face = "left"\n'
    refused = program("submit", str(show), "--priority", "4")
    assert refused.returncode == 1
    assert "priority = 4 has no effect: 2.toml in the folder says priority = 3." in refused.stderr
    (show / "2.toml").write_text("crf = 20\n")
    assert "2.toml: crf has no effect" in program("submit", str(show), "--codec", "prores").stderr
    assert [path.name for path in spool.inbox.iterdir()] == ["show"]


def test_a_folder_of_videos_is_submitted_with_their_own_sound(
    program: "Program", show: Path, spool: Spool
) -> None:
    for sound in show.glob("*.wav"):
        sound.rename(sound.with_suffix(".mp4"))
    assert program("submit", str(show)).returncode == 1
    done = program("submit", str(show), "--audio", "own")
    assert done.returncode == 0, done.stderr
    assert (spool.inbox / "show" / "job.toml").read_text() == 'audio = "own"\n'


def test_folder_submits_to_a_hot_folder(
    program: "Program", spool: Spool, pair: tuple[str, str], show: Path
) -> None:
    refused = program("submit", *pair, "--folder", "anna")
    assert refused.returncode == 1
    assert "There is no hot folder anna" in refused.stderr
    program.environment["HEYGEM_FOLDERS"] = '{anna = {max_priority = 5, face = "left"}}'
    early = program("submit", *pair, "--folder", "anna")
    assert early.returncode == 3
    assert "inbox/anna is not there" in early.stderr
    inbox = spool.open_folder("anna").inbox
    too_high = program("submit", *pair, "--folder", "anna", "--priority", "9")
    assert "a job in the folder anna gets at most 5 (max_priority)" in too_high.stderr
    submitted = program("submit", *pair, "--folder", "anna", "--priority", "5", "--json")
    assert json.loads(submitted.stdout)["name"] == "anna/voice"
    assert program("submit", str(show), "--folder", "anna").returncode == 0
    assert {each.name for each in inbox.iterdir()} == {
        "voice.wav", "voice.mp4", "voice.toml", "show",
    }  # fmt: skip
    assert program("once").returncode == 0
    found = {str(each.relative_to(spool.outbox)) for each in spool.outbox.rglob("*.mp4")}
    assert found == {"anna/voice.mp4", "anna/show/1.mp4", "anna/show/2.mp4"}
    assert "anna/voice" in program("history").stdout
    assert program("remove", "anna/voice").returncode == 0
    assert not (spool.outbox / "anna" / "voice.mp4").exists()
