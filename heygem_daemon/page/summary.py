"""How much there is of everything on the page, said at its top. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from heygem_daemon.language.translator import Translator
from heygem_daemon.page.view import PageView


@dataclass(frozen=True, slots=True)
class SectionCount:
    """How much a section of the page lists."""

    section: str
    """Its name in addresses."""

    count: int

    text: str
    """What is said of that many; '{count}' stands for the number."""

    @property
    def is_bad(self) -> bool:
        """Whether a person should look at it."""
        return self.section in ("attention", "failed")

    @property
    def is_doing(self) -> bool:
        """Whether it is true only as long as a daemon runs."""
        return self.section == "running"


def section_counts(view: PageView) -> tuple[SectionCount, ...]:
    """Return the counts of the sections that list something, from the top of the page to its
    end."""
    return tuple(each for each in _all_counts(view) if each.count)


def counts_sentence(
    counts: Iterable[SectionCount], translate: Translator, comma: str = ", "
) -> str:
    """Return '2 being made, 1 failed' in a language; empty if nothing is listed. ``comma``: the one
    of that language."""
    return comma.join(translate(each.text, count=each.count) for each in counts)


def _all_counts(view: PageView) -> Iterator[SectionCount]:
    running = 0 if view.is_stopped else len(view.running)
    waiting = len(view.queue) + view.queue_more
    yield SectionCount("running", running, "{count} being made")
    yield SectionCount("attention", view.attention_count, "{count} cannot start")
    yield SectionCount("queue", waiting, "{count} waiting")
    yield SectionCount("looked-at", view.looked_at_count, "{count} being looked at")
    yield SectionCount("arriving", view.arriving_count, "{count} not complete yet")
    yield SectionCount("failed", len(view.failures), "{count} failed")
    yield SectionCount("results", len(view.results), "{count} finished")
    yield SectionCount("cancelled", len(view.cancelled), "{count} cancelled")
