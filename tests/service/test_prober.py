"""The prober and its child processes."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.service.prober import ATTEMPTS, MAX_CHILDREN, MAX_PROBE_SECONDS, Prober
from tests.fakes.clock import FakeClock

HOSTILE_USER = 65533
DEMO = Path(__file__).resolve().parents[2] / "demo" / "presenter.mp4"


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_text("x")
    return path


@pytest.fixture
def probers() -> Iterator[list[Prober]]:
    made: list[Prober] = []
    yield made
    for prober in made:
        prober.close()


def answer(prober: Prober, path: Path) -> bool:
    """Call the prober until there is an answer."""
    deadline = time.monotonic() + 60
    while (found := prober(path)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("import sys; sys.exit(0)", True),
        ("import sys; sys.exit(1)", False),
        ("import os; os.kill(os.getpid(), 11)", False),
    ],
)
def test_rule_19_the_childs_end_is_the_answer(file: Path, code: str, verdict: bool) -> None:
    assert answer(Prober(child(code)), file) is verdict


def test_rule_22_a_name_is_an_argument_and_read_by_no_shell(tmp_path: Path) -> None:
    odd = tmp_path / "-rf $(touch escaped); `touch escaped` 'a\nb\udcff.mp4"
    odd.write_bytes(b"x")
    code = "import os, sys; sys.exit(not os.path.isfile(sys.argv[1]) or len(sys.argv) != 3)"
    assert answer(Prober(child(code)), odd) is True
    assert list(tmp_path.iterdir()) == [odd]


def test_a_real_video_is_complete_and_half_of_it_is_not(tmp_path: Path) -> None:
    half = tmp_path / "half.mp4"
    half.write_bytes(DEMO.read_bytes()[: DEMO.stat().st_size // 2])
    prober = Prober()
    assert answer(prober, DEMO) is True
    assert answer(prober, half) is False


def test_a_confined_child_gives_the_same_answers(tmp_path: Path) -> None:
    half = tmp_path / "half.mp4"
    half.write_bytes(DEMO.read_bytes()[: DEMO.stat().st_size // 2])
    prober = Prober(confine=True)
    assert answer(prober, DEMO) is True
    assert answer(prober, half) is False
    command = child("import sys; sys.exit(sys.argv[1] != '--confine')")
    assert answer(Prober(command, confine=True), half) is True
    assert answer(Prober(command), half) is False


def test_only_a_few_run_at_once(tmp_path: Path, clock: FakeClock, probers: list[Prober]) -> None:
    prober = Prober(child("import time; time.sleep(600)"), clock)
    probers.append(prober)
    for number in range(MAX_CHILDREN + 3):
        path = tmp_path / f"{number}.mp4"
        path.write_text("x")
        assert prober(path) is None
    assert len(prober._children) == MAX_CHILDREN - 1  # the last place is for another owner


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_hanging_files_of_one_owner_do_not_block_another_owners(
    tmp_path: Path, clock: FakeClock, probers: list[Prober]
) -> None:
    prober = Prober(child("import sys, time; time.sleep(600 * ('bad' in sys.argv[1]))"), clock)
    probers.append(prober)
    hostile = [tmp_path / f"bad-{number}.mp4" for number in range(1000)]
    for path in hostile:
        path.touch()
        os.chown(path, HOSTILE_USER, -1)
        assert prober(path) is None
    for number in range(10):
        honest = tmp_path / f"good-{number}.mp4"
        honest.touch()
        assert answer(prober, honest) is True
        for path in hostile:
            assert prober(path) is None


def test_the_files_of_one_folder_do_not_block_those_beside_it(tmp_path: Path) -> None:
    """Where all people are one owner, a single job still has its turn beside a batch."""
    log = tmp_path / "log"
    code = f"import sys, time; time.sleep(0.1); open({str(log)!r}, 'a').write(sys.argv[1] + '\\n')"
    inbox, folder = tmp_path / "inbox", tmp_path / "inbox" / "folder"
    folder.mkdir(parents=True)
    prober = Prober(child(code), inbox=inbox)
    for number in range(30):
        path = folder / f"{number}.mp4"
        path.touch()
        assert prober(path) is None
    single = inbox / "single.mp4"
    single.touch()
    assert answer(prober, single) is True
    assert len(log.read_text().splitlines()) < 10
    prober.close()


def test_a_file_with_a_partner_passes_a_thousand_without_one(tmp_path: Path) -> None:
    log, go = tmp_path / "log", tmp_path / "go"
    # None ends while the files are given, however long that takes here.
    code = (
        "import os, sys, time\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
        f"open({str(log)!r}, 'a').write(sys.argv[1] + '\\n')"
    )
    prober = Prober(child(code))
    for number in range(1200):  # more than a line holds
        path = tmp_path / f"lone-{number}.mp4"
        path.touch()
        assert prober(path) is None
    partner = tmp_path / "partner.mp4"
    partner.touch()
    prober.prefer({partner})
    prober(partner)
    go.touch()
    assert answer(prober, partner) is True
    assert len(log.read_text().splitlines()) < 20
    prober.close()


def test_rule_19_one_that_hangs_is_ended(
    file: Path, clock: FakeClock, probers: list[Prober]
) -> None:
    prober = Prober(child("import time; time.sleep(600)"), clock)
    probers.append(prober)
    for _ in range(ATTEMPTS):
        assert prober(file) is None
        hanging = next(iter(prober._children.values())).process
        clock.now += MAX_PROBE_SECONDS + 1
        prober.advance()
        assert hanging.returncode is not None
    assert prober(file) is False
    assert list(prober.take_contents().values()) == [MediaContent()]


def test_a_file_whose_reader_had_no_time_is_examined_again(
    tmp_path: Path, file: Path, clock: FakeClock, probers: list[Prober]
) -> None:
    """On a busy machine no file is at fault, and nothing is said of what it holds."""
    tries = tmp_path / "tries"
    code = (
        f"import time; f = open({str(tries)!r}, 'a'); f.write('x'); f.close();"
        f" time.sleep(600 * (len(open({str(tries)!r}).read()) < {ATTEMPTS}));"
        """ print('{"sound":true,"picture":true}')"""
    )
    prober = Prober(child(code), clock)
    probers.append(prober)
    for attempt in range(1, ATTEMPTS):
        assert prober(file) is None
        deadline = time.monotonic() + 60
        while not tries.exists() or len(tries.read_text()) < attempt:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        clock.now += MAX_PROBE_SECONDS + 1
        prober.advance()
        assert prober.take_contents() == {}
    assert answer(prober, file) is True
    assert list(prober.take_contents().values()) == [MediaContent(sound=True, picture=True)]


def test_answers_that_nobody_asks_for_keep_no_place(tmp_path: Path) -> None:
    prober = Prober(child("pass"))
    paths = [tmp_path / f"{number}.mp4" for number in range(MAX_CHILDREN + 1)]
    for path in paths:
        path.write_text("x")
    for path in paths[:-1]:
        assert prober(path) is None
    assert answer(prober, paths[-1]) is True
    prober.close()


def test_whoever_waits_for_an_answer_is_told_when_to_ask(file: Path) -> None:
    answered = threading.Event()
    prober = Prober(child("pass"), on_answer=answered.set)
    assert prober(file) is None
    assert answered.wait(60)
    assert prober(file) is True


def test_a_changed_file_is_asked_about_anew(file: Path) -> None:
    prober = Prober(child("import sys; sys.exit(len(open(sys.argv[1]).read()) != 2)"))
    assert prober(file) is None
    file.write_text("xx")
    assert answer(prober, file) is True
    prober.close()


def test_a_file_that_is_gone_is_not_complete(tmp_path: Path) -> None:
    assert Prober()(tmp_path / "gone.mp4") is False


def test_where_no_process_can_be_started_the_answer_is_not_known_yet(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"x")
    prober = Prober(("/no/such/program",))
    assert prober(path) is None
    assert prober(path) is None
