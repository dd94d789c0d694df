"""What the service does, told through the announcer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.notify import announcer as module
from heygem_daemon.notify.announcer import Announcer
from heygem_daemon.notify.command import CommandOutcome
from heygem_daemon.notify.kept_commands import KeptCommand
from heygem_daemon.notify.occasion import Delivery, DeliveryOrder, Occasion
from heygem_daemon.report.notification_status import NotificationStatus, SilentTarget
from tests.fakes.executor import defer, refuse
from tests.fakes.service import ServiceHarness
from tests.service.conftest import harness  # noqa: F401 - the fixture
from tests.service.test_backlog import metrics

OUTCOMES = ("succeeded", "failed", "dropped")


class FakeCourier:
    """Keeps what it is given."""

    made: list["FakeCourier"] = []  # noqa: RUF012 - emptied by each test

    def __init__(self, order: DeliveryOrder, **options: Any) -> None:
        self.order, self.options = order, options
        self.posted: list[Occasion] = []
        self.is_retired = self.is_closed = False
        self.status = NotificationStatus(waiting=2, silent=(SilentTarget(name="t", reason="x"),))
        FakeCourier.made.append(self)

    def post(self, occasion: Occasion) -> None:
        self.posted.append(occasion)
        self.options["on_delivery"](
            Delivery(id=occasion.id, target="t", kind=occasion.kind, outcome="delivered", tries=1)
        )

    def retire(self) -> None:
        self.is_retired = True

    def close(self) -> None:
        self.is_closed = True


class FakeRunner:
    """Keeps the commands."""

    added: list[tuple[object, ...]] = []  # noqa: RUF012 - emptied by each test
    made: list["FakeRunner"] = []  # noqa: RUF012 - emptied by each test

    def __init__(
        self, keep: object, again: object, on_end: Callable[[CommandOutcome], None]
    ) -> None:
        self.keep, self.again, self.on_end, self.is_closed = keep, again, on_end, False
        FakeRunner.made.append(self)

    def add(self, *order: object) -> None:
        FakeRunner.added.append(order)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def announced(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> Announcer:  # noqa: F811
    """The announcer of the services that the harness makes."""
    FakeCourier.made.clear()
    FakeRunner.added.clear()
    FakeRunner.made.clear()
    monkeypatch.setattr(module, "CommandRunner", FakeRunner)
    harness.configure(
        notifications="/etc/notifications.toml",
        notify_wait_minutes=1,
        on_published=("true", "{result}"),
        on_published_seconds=5,
    )
    announcer = Announcer(harness.settings, FakeCourier)  # type: ignore[arg-type]
    harness.announcer = announcer
    return announcer


def test_a_published_job_is_told_and_its_command_run(
    harness: ServiceHarness,  # noqa: F811
    announced: Announcer,
) -> None:
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), 20)
    (told,) = FakeCourier.made[0].posted
    result = harness.spool.outbox / "talk.mp4"
    assert (told.kind, told.job, told.file) == ("published", "talk", str(result))
    assert told.job_id
    ((command, kept, limits),) = FakeRunner.added
    assert isinstance(kept, KeptCommand)
    assert (command, kept.path, kept.job_id) == (("true", "{result}"), result, told.job_id)
    status = result.stat()
    assert kept.identity == (status.st_size, status.st_ino, status.st_mtime_ns)
    assert limits.seconds == 5  # type: ignore[attr-defined]
    assert metrics(harness)['heygem_notifications_total{outcome="delivered"}'] == 1
    assert metrics(harness)["heygem_notifications_waiting"] == 2
    assert metrics(harness)["heygem_notification_targets_silent"] == 1


def test_commands_are_counted_by_what_became_of_them(
    harness: ServiceHarness,  # noqa: F811
    announced: Announcer,
) -> None:
    (runner,) = FakeRunner.made
    for outcome in ("succeeded", "failed", "failed"):
        runner.on_end(outcome)
    harness.run_rounds(harness.service(), 20)
    found = metrics(harness)
    counted = [found[f'heygem_commands_total{{outcome="{each}"}}'] for each in OUTCOMES]
    assert counted == [1, 2, 0]
    announced.follow(harness.settings.model_copy(update={"on_published": ()}))
    assert announced.command_counts == {}


def test_members_of_a_batch_are_told_with_their_place(
    harness: ServiceHarness,  # noqa: F811
    announced: Announcer,
) -> None:
    harness.drop_batch("week", "a.wav", "a.mp4", "b.wav", "b.mp4")
    harness.run_rounds(harness.service(), 60)
    files = sorted(each.file for each in FakeCourier.made[0].posted)
    assert files == [str(harness.spool.outbox / "week" / each) for each in ("a.mp4", "b.mp4")]


def test_a_failed_job_is_told_with_its_reason_and_runs_no_command(
    harness: ServiceHarness,  # noqa: F811
    announced: Announcer,
) -> None:
    harness.executor.answer = refuse
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), 20)
    (told,) = FakeCourier.made[0].posted
    assert (told.kind, told.reason, told.file) == ("failed", "No face was found.", "")
    assert not FakeRunner.added


def test_a_hold_its_end_and_a_long_wait_are_told(
    harness: ServiceHarness,  # noqa: F811
    announced: Announcer,
) -> None:
    service = harness.service()
    harness.executor.answer = defer
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 120)
    assert sorted(each.kind for each in FakeCourier.made[0].posted) == ["on_hold", "waiting"]
    harness.executor.answer = type(harness.executor)(lambda _render: []).answer
    harness.run_rounds(service, 200)
    assert FakeCourier.made[0].posted[-1].kind == "resumed"


def test_a_reload_reads_the_targets_again_and_can_end_them(
    harness: ServiceHarness,  # noqa: F811
    announced: Announcer,
) -> None:
    announced.follow(harness.settings)
    assert [each.is_retired for each in FakeCourier.made] == [True, False]
    first, second = FakeCourier.made
    assert second.options["earlier"] is first
    assert second.options["undelivered"] is first.options["undelivered"]
    announced.follow(harness.settings.model_copy(update={"notifications": None}))
    assert [each.is_retired for each in FakeCourier.made] == [True, True]
    assert announced.counts == {}


def test_what_waits_is_kept_in_the_spool_while_the_daemon_owns_it(
    harness: ServiceHarness,  # noqa: F811
    announced: Announcer,
) -> None:
    with announced.keeping(harness.spool.state):
        announced.follow(harness.settings)
        assert not any(each.is_closed for each in FakeCourier.made[:-1])
    folders = [each.options["folder"] for each in FakeCourier.made]
    assert folders == [None, harness.spool.state, harness.spool.state, None]
    assert [each.is_closed for each in FakeCourier.made] == [False, False, True, False]


def test_a_path_with_bytes_that_are_no_text_is_told_all_the_same(announced: Announcer) -> None:
    spool = Path("/srv/b\udcffd")
    announced.follow(announced._settings.model_copy(update={"spool": spool}))
    announced._post("on_hold", 0.0)
    (told,) = FakeCourier.made[-1].posted
    assert b"/srv/b?d" in told.to_line()


def test_commands_are_kept_while_the_spool_is_open(announced: Announcer, tmp_path: Path) -> None:
    with announced.keeping(tmp_path):
        before, now = FakeRunner.made
        assert before.keep is None
        assert now.keep is not None
        assert [each.is_closed for each in FakeRunner.made] == [True, False]
    with announced.keeping(tmp_path):
        assert not FakeRunner.made[-1].is_closed
    assert all(each.is_closed for each in FakeRunner.made)
