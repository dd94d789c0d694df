"""Fair turns: decides which of the waiting items goes next. No I/O, but for whose a user id is.

The owners of files take turns, and so do the single jobs and the batches of one owner, and the
batches among each other. Within such a line the highest priority goes first, then the earliest
arrival. Three rules bound every wait:

* Whoever was served longest ago goes next. An owner and a batch count as served when they first
  arrive, so that new ones cannot pass an old one again and again.
* An owner whose item has a higher priority may pass the owner who was served longest ago, but not
  twice in a row, and gives its next turn for it. So each of K owners who wait is served within 2 K
  starts, or within 4 K after having passed another, and an owner without urgent jobs gets half of
  all starts beside one who has nothing else.
* Members of batches leave one device to single jobs of the same or a higher priority, where there
  is more than one device.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from heygem_daemon.config.job_options import HIGHEST_PRIORITY
from heygem_daemon.system.subordinate_ids import holder_of

Arrival = tuple[int, int, str]
"""Sorts by time of arrival."""


@dataclass(frozen=True, slots=True)
class FairnessKey:
    """The line in which an item waits."""

    owner: str
    """Whose item it is."""

    batch: str | None = None
    """The batch that it belongs to; None: it is a single job."""

    @property
    def kind(self) -> tuple[str, bool]:
        """The owner's single jobs, or all of the owner's batches."""
        return self.owner, self.batch is not None


def wanted_priority(asked: int, is_hurried: bool) -> int:
    """Return the priority that an item would have without a cap. A hurried one wants the highest,
    so that it gets what its cap allows."""
    return HIGHEST_PRIORITY if is_hurried else asked


def hurried_arrival(asked_ns: int, number: int = 0, name: str = "") -> Arrival:
    """Return the place of a hurried item: before all others of its priority in its line; what was
    asked for last is first. ``asked_ns``: nanoseconds since the epoch."""
    return -1, -asked_ns, f"{number:012d}{name}"


def owner_name(uid: int | None, folder: str = "") -> str:
    """Return the owner of a line from the user id of a file; None: not known. In a hot folder it is
    the ``folder``, whoever owns the file; empty: it is in none. Who has many ids is one owner."""
    if folder:
        return f"folder {folder}"
    return "unknown" if uid is None else f"uid {holder_of(uid)}"


class WaitingItem(Protocol):
    """Something that waits for its turn."""

    @property
    def key(self) -> FairnessKey:
        """Its line."""

    @property
    def priority(self) -> int:
        """Higher goes first."""

    @property
    def arrival(self) -> Arrival:
        """Earlier goes first."""


class WaitingJob(WaitingItem, Protocol):
    """Jobs that wait for their turn: a claimed one, or what may be claimed."""

    @property
    def folder(self) -> str:
        """The hot folder in which it was dropped; empty: the plain inbox."""

    @property
    def engines(self) -> frozenset[str | None]:
        """The engines that it asks for; None: that of the settings."""

    @property
    def seconds(self) -> float:
        """How long its result will be; 0: not known."""


@dataclass(frozen=True, slots=True)
class DeviceLoad:
    """What runs on the devices."""

    capacity: int = 1
    """How many jobs can run at the same time."""

    batch_jobs: int = 0
    """How many members of batches run."""

    @property
    def is_last_place(self) -> bool:
        """Whether one more member of a batch would leave no device to single jobs."""
        return self.capacity > 1 and self.batch_jobs >= self.capacity - 1

    def with_start(self, key: FairnessKey) -> "DeviceLoad":
        """Return the load after the start of an item."""
        return self if key.batch is None else DeviceLoad(self.capacity, self.batch_jobs + 1)


IDLE = DeviceLoad()

T = TypeVar("T", bound=WaitingItem)


class TurnHistory:
    """Who was served when. Turns are counted from 1."""

    def __init__(self) -> None:
        self._turn = 0
        self._served: dict[Hashable, float] = {}
        self._passed_over = False
        """Whether the last start passed over the owner who was served longest ago."""
        self._debtors: set[str] = set()
        """The owners who have passed another and have not given a turn for it yet."""

    def copy(self) -> "TurnHistory":
        """Return an independent copy."""
        twin = TurnHistory()
        twin._turn, twin._served = self._turn, dict(self._served)
        twin._passed_over, twin._debtors = self._passed_over, set(self._debtors)
        return twin

    def record_arrival(self, key: FairnessKey) -> None:
        """Record that an item came. Does nothing of its batch where others of that wait already."""
        self.record_owner(key.owner)
        if key.batch is not None:
            self._served.setdefault(key, self._turn)

    def record_owner(self, owner: str) -> None:
        """Record that something of an owner waits. Who is new goes before the one served last, and
        behind all others."""
        self._served.setdefault(owner, self._turn - 0.5)

    def forget_batch(self, key: FairnessKey) -> None:
        """Forget a batch of which nothing waits any more."""
        if key.batch is not None:
            self._served.pop(key, None)

    def record_start(self, started: WaitingItem, heads: Iterable[WaitingItem]) -> None:
        """Record that an item was started. ``heads``: the first item of each line that waited,
        its own included."""
        waiting = list(heads)
        longest = min(waiting, key=self._by_owner, default=started)
        self._passed_over = longest.key.owner != started.key.owner
        if self._passed_over:
            self._debtors.add(started.key.owner)
        self._turn += 1
        self._served[started.key.owner] = self._served[started.key.kind] = self._turn
        if started.key.batch is not None:
            self._served[started.key] = self._turn
        self._collect_debt(waiting)

    def choose(self, heads: Sequence[T], load: DeviceLoad = IDLE) -> T:
        """Return the item that goes next. ``heads``: the first item of each line; at least one."""
        chosen = self._choose(heads)
        if chosen.key.batch is not None and load.is_last_place:
            singles = [
                each
                for each in heads
                if each.key.batch is None and each.priority >= chosen.priority
            ]
            return self._choose(singles) if singles else chosen
        return chosen

    def _choose(self, heads: Sequence[T]) -> T:
        of_owners: dict[str, T] = {}
        for head in heads:
            best = of_owners.get(head.key.owner)
            if best is None or self._within_owner(head) < self._within_owner(best):
                of_owners[head.key.owner] = head
        if self._passed_over:
            return min(of_owners.values(), key=self._by_owner)
        return min(of_owners.values(), key=lambda head: (-head.priority, self._by_owner(head)))

    def _collect_debt(self, waiting: Sequence[WaitingItem]) -> None:
        """Let the owner who would be next go behind the others, if it has passed one of them."""
        longest = min(waiting, key=self._by_owner, default=None)
        if longest is not None and longest.key.owner in self._debtors:
            self._debtors.remove(longest.key.owner)
            self._served[longest.key.owner] = self._turn + 0.5

    def _by_owner(self, head: WaitingItem) -> tuple[float, Arrival]:
        return self._served.get(head.key.owner, self._turn - 0.5), head.arrival

    def _within_owner(self, head: WaitingItem) -> tuple[int, float, float, Arrival]:
        kind = self._served.get(head.key.kind, 0)
        batch = 0 if head.key.batch is None else self._served.get(head.key, self._turn)
        return -head.priority, kind, batch, head.arrival


def sort_line(items: Iterable[T]) -> list[T]:
    """Return the items of one line in their order: by priority, then by arrival."""
    return sorted(items, key=lambda each: (-each.priority, each.arrival))


def find_heads(items: Iterable[T]) -> list[T]:
    """Return the first item of each line."""
    heads: dict[FairnessKey, T] = {}
    for item in items:
        head = heads.get(item.key)
        if head is None or (-item.priority, item.arrival) < (-head.priority, head.arrival):
            heads[item.key] = item
    return list(heads.values())


def in_turn(
    items: Iterable[T], history: TurnHistory, load: DeviceLoad | None = None
) -> Iterator[T]:
    """Yield all items in the order in which they go if each is started and nothing ends or comes
    meanwhile. Lazy: what the caller does not take is not computed. ``history`` stays as it is."""
    present, simulated = load or DeviceLoad(), history.copy()
    groups: defaultdict[FairnessKey, list[T]] = defaultdict(list)
    for item in items:
        groups[item.key].append(item)
        simulated.record_owner(item.key.owner)
    lines = {key: deque(sort_line(group)) for key, group in groups.items()}
    while len(lines) > 1:
        heads = [line[0] for line in lines.values()]
        chosen = simulated.choose(heads, present)
        simulated.record_start(chosen, heads)
        present = present.with_start(chosen.key)
        lines[chosen.key].popleft()
        if not lines[chosen.key]:
            del lines[chosen.key]
        yield chosen
    for line in lines.values():
        yield from line
