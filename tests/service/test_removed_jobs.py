"""What was removed is gone from the pages, whatever people have put into its folder."""

from dataclasses import replace

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.service.loop import Service
from heygem_daemon.service.removals import find_left_folder
from heygem_daemon.spool.command_requests import leave_request
from heygem_daemon.spool.request_names import Verb
from heygem_daemon.spool.requests import Request
from tests.fakes.executor import FakeExecutor, keep_running, refuse_bad
from tests.fakes.service import ServiceHarness


@pytest.fixture
def service(harness: ServiceHarness) -> Service:
    """A service whose engine refuses what is called bad, with a hot folder."""
    harness.configure(folders={"anna": {}})
    harness.executor = FakeExecutor(refuse_bad, now=harness.clock.monotonic)
    service = harness.service()
    harness.run_rounds(service, 2.0)
    return service


def render(harness: ServiceHarness, service: Service, *names: str) -> None:
    harness.drop(*names)
    harness.run_rounds(service, 16.0)


def render_batch(harness: ServiceHarness, service: Service, *names: str) -> None:
    harness.drop_batch("news", *names)
    harness.run_rounds(service, 16.0)


def ask(harness: ServiceHarness, service: Service, name: str) -> str:
    """Drop a request, and return the answer."""
    (harness.spool.inbox / name).touch()
    harness.run_rounds(service, 20.0)
    answers = harness.status().requests
    return next(e.text for e in answers if e.name == name)


def page(harness: ServiceHarness, folder: str = "") -> str:
    """Return what a page says of jobs, apart from requests."""
    path = harness.spool.outbox / folder if folder else harness.spool.root
    english = (path / "status.txt").read_text().partition("-----")[0]
    return "".join(e for e in english.split("\n\n") if not e.lstrip().startswith("Requests"))


def put(harness: ServiceHarness, *names: str) -> None:
    """Write files of a user."""
    for name in names:
        (harness.spool.root / name).write_text("a user's own")


PLACES = [
    ("bad", "failed/bad"),
    ("anna/bad", "failed/anna/bad"),
    ("talk", "done/talk"),
]


@pytest.mark.parametrize(("name", "folder"), PLACES)
def test_a_job_that_was_removed_is_on_no_page(
    harness: ServiceHarness, service: Service, name: str, folder: str
) -> None:
    """It was listed as failed until somebody deleted its folder, and could not be removed."""
    hot_folder, stem = name.rpartition("/")[::2]
    render(harness, service, f"{name}.wav", f"{name}.mp4")
    assert stem in page(harness)
    put(harness, f"{folder}/new.mp4")
    assert ask(harness, service, f"{name}.remove").startswith(f"{stem} is deleted, ")
    assert (harness.spool.root / folder / "new.mp4").exists()
    assert stem not in page(harness)
    if hot_folder:
        assert stem not in page(harness, hot_folder)


def test_a_result_that_people_have_replaced_is_theirs(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "talk.wav", "talk.mp4")
    put(harness, "outbox/talk.mp4")
    ask(harness, service, "talk.remove")
    assert (harness.spool.outbox / "talk.mp4").exists()
    assert "talk" not in page(harness)


def test_a_batch_that_was_removed_is_on_no_page(harness: ServiceHarness, service: Service) -> None:
    render_batch(harness, service, "a.wav", "a.mp4", "bad.wav", "bad.mp4")
    assert page(harness).count("news/:") == 2
    put(harness, "failed/news/new.mp4", "outbox/news/new.txt", "done/news/new.txt")
    ask(harness, service, "news.remove")
    assert (harness.spool.failed / "news" / "new.mp4").exists()
    assert "news" not in page(harness)


@pytest.mark.parametrize("verb", ["remove", "retry"])
def test_what_failed_of_a_batch_is_not_there_any_more(
    harness: ServiceHarness, service: Service, verb: Verb
) -> None:
    """What is left of the batch is a result."""
    render_batch(harness, service, "a.wav", "a.mp4", "bad.wav", "bad.mp4")
    put(harness, "failed/news/new.mp4")
    leave_request(harness.spool, harness.spool.files, verb, "news/bad", harness.clock.wall())
    harness.run_rounds(service, 2.0)
    assert page(harness).count("news/:") == 1
    assert "failed/news" not in page(harness)


def test_a_cancelled_batch_that_was_removed_is_on_no_page(
    harness: ServiceHarness, service: Service
) -> None:
    harness.executor.answer = keep_running
    render_batch(harness, service, "a.wav", "a.mp4", "b.wav", "b.mp4")
    ask(harness, service, "news.cancel")
    assert "failed/news" in page(harness)
    put(harness, "failed/news/new.mp4")
    ask(harness, service, "news.remove")
    assert "news" not in page(harness)


def test_what_was_purged_is_on_no_page(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    put(harness, "failed/bad/new.mp4")
    harness.clock.now += 8 * 86_400
    harness.run_rounds(service, 20.0)
    assert [each.name for each in (harness.spool.failed / "bad").iterdir()] == ["new.mp4"]
    assert "bad" not in page(harness)


def test_a_job_that_is_tried_again_has_not_failed(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    put(harness, "failed/bad/new.mp4")
    harness.executor.answer = keep_running
    ask(harness, service, "bad.retry")
    assert "failed/bad" not in page(harness)


def test_nobody_is_sent_to_what_was_removed(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    put(harness, "failed/bad/new.mp4", "inbox/bad.toml", "inbox/bad.mp4")
    harness.run_rounds(service, 6.0)
    told = {each.name: each.remedy for each in harness.status().inbox}
    assert "failed/bad" in told["bad.mp4"]
    ask(harness, service, "bad.remove")
    told = {each.name: each.remedy for each in harness.status().inbox}
    assert "failed/bad" not in told["bad.mp4"]
    (harness.spool.inbox / "bad.mp4").unlink()
    harness.run_rounds(service, 6.0)
    told = {each.name: each.remedy for each in harness.status().inbox}
    assert "bad.retry" not in told["bad.toml"]


ONE = "{file} in {place} was put there or changed later, and stays"
MANY = "{file} in {place} and {count} more were put there or changed later, and stay"


def test_the_answer_names_what_stays(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    put(harness, "failed/bad/new.mp4")
    told = ask(harness, service, "bad.remove")
    left = ONE.format(file="new.mp4", place="failed/bad")
    assert told == f"bad is deleted, 4 files and folders; {left}"
    assert "failed/bad 中的 new.mp4 是后来放入或改动过的，予以保留" in translator("zh")(told)


def test_people_of_a_hot_folder_are_told_in_their_words(
    harness: ServiceHarness, service: Service
) -> None:
    render(harness, service, "anna/bad.wav", "anna/bad.mp4")
    put(harness, "failed/anna/bad/new.mp4")
    told = ask(harness, service, "anna/bad.remove")
    assert ONE.format(file="new.mp4", place="failed/anna/bad (my-failed/bad)") in told


def test_of_many_the_answer_names_the_first(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "bad.wav", "bad.mp4")
    put(harness, "failed/bad/2.mp4", "failed/bad/10.mp4", "failed/bad/.DS_Store")
    put(harness, "failed/bad/reason.txt")  # one of ours, rewritten
    told = ask(harness, service, "bad.remove")
    assert MANY.format(file="2.mp4", place="failed/bad", count=3) in told
    assert "failed/bad 中的 2.mp4 等（另有 3 项）是后来放入或改动过的，予以保留" in translator(
        "zh"
    )(told)


def test_of_a_batch_it_names_what_stays_in_any_of_its_folders(
    harness: ServiceHarness, service: Service
) -> None:
    render_batch(harness, service, "a.wav", "a.mp4", "bad.wav", "bad.mp4")
    put(harness, "failed/news/new.mp4")
    told = ask(harness, service, "news.remove")
    assert told.endswith("; " + ONE.format(file="new.mp4", place="failed/news"))


def test_of_a_member_it_names_nothing_of_the_others(
    harness: ServiceHarness, service: Service
) -> None:
    render_batch(harness, service, "a.wav", "bad.wav", "a.mp4", "bad.mp4", "c.wav", "c.mp4")
    put(harness, "failed/news/bad/new.mp4", "failed/news/other.txt")
    leave_request(harness.spool, harness.spool.files, "remove", "news/bad", harness.clock.wall())
    harness.run_rounds(service, 2.0)
    (told,) = (each.text for each in harness.status().requests)
    assert told.endswith("; " + ONE.format(file="new.mp4", place="failed/news/bad"))


def test_a_result_that_was_replaced_is_named(harness: ServiceHarness, service: Service) -> None:
    render(harness, service, "talk.wav", "talk.mp4")
    put(harness, "outbox/talk.mp4")
    told = ask(harness, service, "talk.remove")
    assert told.endswith("; " + ONE.format(file="talk.mp4", place="outbox"))


def test_whoever_asks_again_is_not_sent_to_a_good_result(
    harness: ServiceHarness, service: Service
) -> None:
    """The answer named what ended later of that name, as if that were meant."""
    harness.drop_batch("news", "bad.wav", "bad.mp4")
    harness.run_rounds(service, 16.0)
    harness.drop_batch("news", "a.wav", "a.mp4")
    harness.run_rounds(service, 16.0)
    put(harness, "failed/news/new.mp4")
    ask(harness, service, "news.remove")
    told = [ask(harness, service, "news.remove") for _ in range(2)][-1]
    assert told == (
        "no job news of yours has ended; what is in failed/news belongs to no job, and stays until"
        " somebody deletes it"
    )
    assert "failed/news 中的内容不属于任何任务，在有人删除之前一直保留" in translator("zh")(told)


@pytest.mark.parametrize("name", ["..", "a/..", "/failed", "bad/../bad", ""])
def test_no_name_leads_elsewhere(harness: ServiceHarness, name: str) -> None:
    (harness.spool.failed / "bad").mkdir(parents=True)
    asked = Request("remove", "bad", "bad.remove", 0, 0)
    assert find_left_folder(harness.spool, asked) == "failed/bad"
    assert find_left_folder(harness.spool, replace(asked, name=name)) == ""
