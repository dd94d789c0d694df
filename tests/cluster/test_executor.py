"""The executor of a cluster, with agents in this process and workers that are real processes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.cluster import agent as agents
from heygem_daemon.cluster import link as link_module
from heygem_daemon.cluster.agent import Agent
from heygem_daemon.cluster.executor import LONGEST_PAUSE_SECONDS, SILENT_SECONDS, ClusterExecutor
from heygem_daemon.cluster.link import ClusterLink, plain_name
from heygem_daemon.cluster.link_process import LinkConnection, LinkEnded
from heygem_daemon.cluster.messages import FromLink, LinkSetup, LinkState, NodeFacts
from heygem_daemon.cluster.nodes import AgentHandle, ClusterNode, NodeSilent
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import Deferred, Halted, Paused, Progress, Render, Rendered
from heygem_daemon.worker.executor import Executor, WorkerDied, WorkerEvent
from heygem_daemon.worker.pool import WorkerPool
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FACTS, FakeCluster, FakeConnection

FAKE = (sys.executable, str(Path(__file__).parent.parent / "worker" / "fake_worker.py"))
PATIENCE = 60.0
ANNA = replace(CPU, node="anna")


class Desk:
    """A minimal service with a cluster."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.cluster = FakeCluster(FAKE, names=list(names))
        self.woken = threading.Event()
        self.clock = FakeClock(0.0)
        self.links: list[FakeConnection] = []
        self.settings = settings = Settings(
            spool=folder / "spool", device="cpu", engine="builtin", cpu_workers=2, confine="off"
        )
        (folder / "spool").mkdir()
        pool = WorkerPool(
            "builtin", folder, folder, on_event=self.woken.set, command=FAKE, clock=self.clock
        )
        self.executor = ClusterExecutor(
            pool,
            link_setup(settings),
            on_event=self.woken.set,
            start_link=self.start_link,
            clock=self.clock,
        )
        self.events: list[WorkerEvent] = []

    def start_link(
        self, setup: LinkSetup, on_message: Callable[[FromLink | LinkEnded], None]
    ) -> LinkConnection:
        self.links.append(FakeConnection(self.cluster, setup, on_message))
        return self.links[-1]

    def wait(self, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, self.events
            self.woken.wait(0.1)
            self.woken.clear()
            self.events += self.executor.poll()

    def wait_for_nodes(self, count: int) -> None:
        self.wait(lambda: len(self.executor.cpus()) == count)

    def submit(self, job: str, device: object = ANNA) -> None:
        self.executor.submit(
            device,  # type: ignore[arg-type]
            Render(job_id=job, audio="a", video="v", workspace="w"),
        )

    def found(self, kind: type, job: str | None = None) -> list[WorkerEvent]:
        return [
            each
            for each in self.events
            if isinstance(each.message, kind) and job in (None, each.job_id)
        ]


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{message}")
    yield lines
    logger.remove(sink)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, "anna")
    yield desk
    desk.executor.close(0)
    desk.cluster.close()
    for thread in threading.enumerate():
        if thread.name in desk.cluster.names:
            thread.join(30.0)
            assert not thread.is_alive(), "it would follow its agent for ever"


def test_it_is_an_executor(desk: Desk) -> None:
    executor: Executor = desk.executor
    assert executor.occupancies() == ()


def test_a_job_runs_on_a_node(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    (cpu,) = desk.executor.cpus()
    assert (cpu.node, cpu.slots) == ("anna", 2)
    desk.submit("1")
    desk.wait(lambda: desk.found(Rendered, "1"))
    (event,) = desk.found(Rendered)
    assert event.device == ANNA
    assert event.worker_number < 0, "it could be one of this machine"
    desk.wait(lambda: [each.idle for each in desk.executor.occupancies()] == [True])
    (worker,) = desk.executor.occupancies()
    assert worker.place == ANNA.place
    assert worker.worker_number == event.worker_number


def test_a_job_on_this_machine_does_not_leave_it(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.submit("1", CPU)
    desk.wait(lambda: desk.found(Rendered, "1"))
    assert desk.cluster.agents[0].orders == []


def test_a_place_is_taken_as_soon_as_a_job_is_submitted(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.submit("1")
    (worker,) = desk.executor.occupancies()
    assert (worker.idle, worker.place) == (False, ANNA.place)
    desk.wait(lambda: desk.found(Rendered, "1"))
    desk.wait(lambda: desk.executor.occupancies()[0].idle)
    desk.submit("2")
    (worker,) = desk.executor.occupancies()
    assert not worker.idle, "the idle worker has the job"


def test_a_job_is_paused_and_killed_where_it_is(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.submit("chunked")
    desk.wait(lambda: desk.found(Progress, "chunked"))
    desk.executor.pause("chunked")
    desk.wait(lambda: desk.found(Paused, "chunked"))
    desk.submit("hang")
    desk.wait(lambda: desk.found(Progress, "hang"))
    desk.executor.kill("hang", "was not wanted")
    desk.wait(lambda: desk.found(WorkerDied, "hang"))
    assert desk.found(WorkerDied)[0].message == WorkerDied("was not wanted", "hang")


def test_an_idle_worker_of_a_node_is_retired(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.submit("1")
    desk.wait(lambda: desk.found(Rendered, "1"))
    desk.wait(lambda: desk.executor.occupancies()[0].idle)
    desk.executor.retire(desk.executor.occupancies()[0].worker_number)
    desk.wait(lambda: desk.found(Halted) and not desk.executor.occupancies())


def test_the_jobs_of_a_node_that_is_cut_off_end_and_are_not_heard_of_again(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.submit("chunked")
    desk.wait(lambda: desk.found(Progress, "chunked"))
    lost = desk.cluster.agents[0]
    desk.cluster.names.clear()
    lost.cut_off.set()
    desk.wait(lambda: desk.found(Deferred, "chunked"))
    (event,) = desk.found(Deferred)
    assert isinstance(event.message, Deferred)
    assert event.message.of_device, "another device may have it at once"
    assert "the node anna is lost: it has not answered" in event.message.reason
    assert desk.executor.occupancies() == ()
    with pytest.raises(OSError, match="the node anna is gone"):
        desk.submit("2")
    lost.agent.order('{"kind": "halt"}')  # it ends the job, and would say so
    desk.events.clear()
    desk.wait(lambda: len(desk.links) == 1)
    assert not desk.events


def test_the_loss_of_an_assistant_lets_no_job_start_elsewhere(desk: Desk, log: list[str]) -> None:
    desk.wait_for_nodes(1)
    order = Render(
        job_id="hang", audio="a", video="v", workspace="w", assistant=f"{desk.settings.spool}/w/1"
    )
    desk.executor.submit(ANNA, order)
    desk.submit("chunked", replace(ANNA, slot=2))
    desk.wait(lambda: desk.found(Progress, "hang") and desk.found(Progress, "chunked"))
    desk.cluster.names.clear()
    desk.cluster.agents[0].cut_off.set()
    desk.wait(lambda: desk.found(Deferred, "hang") and desk.found(Deferred, "chunked"))
    assert any("jobs that start elsewhere: 1" in line for line in log), log


def test_a_node_that_is_back_has_a_new_agent(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.cluster.agents[0].cut_off.set()
    desk.wait_for_nodes(0)
    time.sleep(0.5)
    desk.links[0].link.look()
    desk.wait_for_nodes(1)
    desk.submit("1")
    desk.wait(lambda: desk.found(Rendered, "1"))
    assert len(desk.cluster.agents) == 2


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"version": "2"}, "it has version 2, the daemon 1"),
        ({"weights": "x"}, "its weights or checkpoints are not those"),
        ({"spool": "other"}, "the folder there is not the daemon's spool"),
        ({"fault": "the spool cannot be used there"}, "the spool cannot be used there"),
    ],
)
def test_a_node_that_differs_gets_no_job_and_says_why(
    desk: Desk, log: list[str], facts: dict[str, str], reason: str
) -> None:
    desk.cluster.facts["anna"] = FACTS.model_copy(update=facts)
    desk.wait(lambda: any(f"the node anna gets no job: {reason}" in line for line in log))
    assert desk.executor.cpus() == ()


def test_two_nodes_of_one_name_are_two_places(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "anna")
    cluster = desk.cluster
    original = cluster.nodes
    vars(cluster)["nodes"] = lambda: [*original(), replace(original()[0], id="second")]
    desk.wait_for_nodes(2)
    assert {each.node for each in desk.executor.cpus()} == {"anna", "anna-second"}
    desk.executor.close(0)
    cluster.close()


@pytest.mark.parametrize(
    ("name", "plain"),
    [("anna", "anna"), ("a/b", "a_b"), ("../x", "_x"), ("", "node"), ("节点 1", "___1")],
)
def test_a_name_of_a_node_fits_into_a_journal(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_the_end_of_the_link_ends_no_job_of_this_machine(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.submit("chunked")
    desk.submit("hang", CPU)
    desk.wait(lambda: desk.found(Progress, "chunked") and desk.found(Progress, "hang"))
    desk.links[0].on_message(LinkEnded("its process ended"))
    desk.wait(lambda: desk.found(Deferred, "chunked"))
    assert not desk.found(Deferred, "hang")
    assert len(desk.links) == 1
    desk.clock.now += LONGEST_PAUSE_SECONDS
    desk.wait(lambda: len(desk.links) == 2)
    desk.wait_for_nodes(1)


def test_a_silent_link_is_killed(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.cluster.names.clear()
    for each in desk.cluster.agents:
        each.cut_off.set()
    desk.wait_for_nodes(0)
    desk.clock.now += SILENT_SECONDS + 1
    desk.executor.poll()
    desk.links[0].on_message(LinkState(fault=""))
    desk.executor.poll()
    desk.clock.now += LONGEST_PAUSE_SECONDS
    desk.wait(lambda: len(desk.links) == 2)


def test_an_agent_that_nobody_asks_ends_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "FENCE_SECONDS", 0.5)
    ended = threading.Event()
    setup = link_setup(Settings(spool=tmp_path, device="cpu")).agents
    agent = agents.Agent(setup.model_dump_json(), FAKE, end=ended.set)
    assert ended.wait(PATIENCE)
    agent.close()


def test_a_stop_waits_for_the_jobs_of_nodes(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.submit("chunked")
    desk.wait(lambda: desk.found(Progress, "chunked"))
    desk.executor.close(PATIENCE)
    desk.events += desk.executor.poll()
    assert [each.job_id for each in desk.found(Halted) if each.job_id] == ["chunked"]


def test_an_agent_that_reads_its_weights_for_long_does_not_end_itself(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[None] = []
    monkeypatch.setattr("heygem_daemon.cluster.agent.FENCE_SECONDS", 0.3)

    def read_for_long(*_paths: Path) -> NodeFacts:
        time.sleep(1.0)
        return FACTS

    monkeypatch.setattr("heygem_daemon.cluster.agent.gather_facts", read_for_long)
    monkeypatch.setattr("heygem_daemon.cluster.agent.FACTS_SECONDS", 2.0)
    setup = link_setup(desk.settings).agents.model_dump_json()
    agent = Agent(setup, FAKE, end=lambda: ended.append(None))
    assert agent.facts()
    assert not ended
    time.sleep(1.0)
    assert ended
    agent.close()


def test_a_link_that_spoke_while_the_loop_was_busy_is_kept(desk: Desk) -> None:
    desk.wait_for_nodes(1)
    desk.links[-1].on_message(LinkState(fault=""))
    desk.clock.now += 2 * SILENT_SECONDS
    desk.executor.poll()
    assert len(desk.executor.cpus()) == 1
    assert len(desk.links) == 1


def test_a_machine_that_was_started_again_waits_for_its_own_name() -> None:
    names: list[str] = []

    class Nodes(FakeCluster):
        def start_agent(self, node: ClusterNode, setup: str) -> AgentHandle:
            names.append(node.name)
            raise NodeSilent("it is starting")

    cluster = Nodes(FAKE)
    setup = link_setup(Settings.model_validate({"cluster": "auto"}))
    link = ClusterLink(setup, cluster, FACTS, lambda _message: None, again_seconds=0.5)
    for number in (1, 2):
        cluster.nodes = lambda: [ClusterNode(f"id {number}", "anna")]  # type: ignore[method-assign] # noqa: B023
        deadline = time.monotonic() + PATIENCE
        while len(names) < number and time.monotonic() < deadline:
            link.look()
            time.sleep(0.05)
    cluster.nodes = lambda: [ClusterNode(f"id {each}", "bert") for each in "ab"]  # type: ignore[method-assign]
    link.look()
    link.close()
    assert names[:2] == ["anna", "anna"]
    assert sorted(names[2:]) == ["bert", "bert-id b"]


def test_an_answer_that_makes_no_sense_is_silence() -> None:
    with pytest.raises(NodeSilent, match="cannot be read"):
        link_module._parse(NodeFacts, "{]")
