"""Which targets take nothing, and what the log says of them."""

from heygem_daemon.notify.occasion import Delivery, Postponed
from heygem_daemon.notify.silence import Silence

BUSY = Postponed(target="hook", kind="failed", tries=1, seconds=5, reason="busy")
TAKEN = Delivery(id="1", target="hook", kind="failed", outcome="delivered", tries=2)
REFUSED = Delivery(
    id="1", target="hook", kind="failed", outcome="failed", tries=1, reason="HTTP 401"
)


def test_each_silence_is_logged_once_with_its_end(log: list[str]) -> None:
    silence = Silence()
    for _ in range(2):
        silence.postponed(BUSY)
        silence.postponed(BUSY.model_copy(update={"tries": 2, "seconds": 10}))
        assert [(each.name, each.reason) for each in silence.targets] == [("hook", "busy")]
        silence.ended(TAKEN)
        assert silence.targets == ()
        silence.ended(TAKEN)
    text = "".join(log)
    assert text.count("hook does not take notifications: busy; failed is tried again in 5 s") == 2
    assert text.count("hook takes notifications again") == 2


def test_a_target_that_refuses_for_good_is_silent_until_it_takes_one(log: list[str]) -> None:
    silence = Silence()
    silence.ended(REFUSED)
    assert [each.reason for each in silence.targets] == ["HTTP 401"]
    silence.ended(TAKEN)
    assert "hook takes notifications again" in "".join(log)


def test_what_is_pushed_out_says_nothing_of_the_target() -> None:
    silence = Silence()
    silence.ended(REFUSED.model_copy(update={"outcome": "dropped"}))
    assert silence.targets == ()
