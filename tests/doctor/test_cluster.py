"""What the doctor finds about the nodes of a cluster, with nodes that answer as a test says."""

from pathlib import Path

import pytest

from heygem_daemon.cluster.messages import NodeFacts
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.check import Check, passed
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.cluster import cluster_checks, examine_cluster
from heygem_daemon.doctor.cluster_answers import (
    ClusterAnswer,
    ClusterQuestion,
    NodeAnswer,
    NodeFindings,
)
from heygem_daemon.language.translator import translator
from heygem_daemon.system.units import GIB
from tests.fakes.cluster import FACTS

FIT = NodeFindings(
    facts=FACTS,
    mount_type="nfs4",
    mount_point="/srv/spool",
    free_bytes=100 * GIB,
    user=990,
    owner=990,
    slots=4,
    gpus=1,
)


def checks(*nodes: NodeAnswer, owner: NodeFacts = FACTS, **paths: Path) -> dict[str, Check]:
    setup = link_setup(Settings(cluster="10.0.0.5:6379", cluster_paths=paths))
    found = cluster_checks(setup, ClusterAnswer(owner=owner, nodes=nodes))
    return {each.name: each for each in found}


def node(ahead: float = 0.01, **changes: object) -> NodeAnswer:
    findings = FIT.model_copy(update=changes)
    return NodeAnswer(node="anna", ahead_seconds=ahead, doubt_seconds=0.005, findings=findings)


def test_a_node_that_is_fit_passes() -> None:
    found = checks(node(speed=(passed("speed of CPU", "float32 90 GFLOP/s"),)))
    assert {each.verdict for each in found.values()} == {"pass"}
    assert found["cluster"].detail == "1 other machine"
    assert found["anna, work"].detail == "gets work: 4 jobs on its CPU, 1 GPU"
    assert found["anna, spool"].detail == "nfs4, mounted at /srv/spool"
    assert found["anna, spool room"].figures == {"free_bytes": 100 * GIB}
    assert found["anna, clock"].detail == "+0.01 s from this machine's"
    assert found["anna, speed of CPU"].detail == "float32 90 GFLOP/s"


@pytest.mark.parametrize(
    ("field", "value", "detail", "remedy"),
    [
        ("version", "0.2", "gets no work: it has version 0.2, the daemon 1", "same version on"),
        ("fault", "no spool", "gets no work: no spool", "Mount the spool there"),
        ("spool", "x", "gets no work: the folder there is not", "cluster_paths"),
        ("weights", "x", "gets no work: its weights or checkpoints", "copy the folder"),
    ],
)
def test_why_a_node_gets_no_work(field: str, value: str, detail: str, remedy: str) -> None:
    work = checks(node(facts=FACTS.model_copy(update={field: value})))["anna, work"]
    assert work.verdict == "fail"
    assert work.detail.startswith(detail)
    assert remedy in work.remedy


def test_a_fault_of_this_machine_is_not_the_nodes() -> None:
    owner = FACTS.model_copy(update={"fault": "the spool cannot be used"})
    work = checks(node(), owner=owner)["anna, work"]
    assert "the daemon's own machine" in work.detail
    assert "first start" in work.remedy


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"missing_mount": "/srv/spool"}, "spool", "fail"),
        ({"user": 0}, "spool", "warn"),
        ({"free_bytes": 5 * GIB}, "spool room", "warn"),
        ({"free_bytes": 0}, "spool room", "fail"),
        ({"ahead": -90.0}, "clock", "warn"),
        ({"ahead": 0.9}, "clock", "pass"),
    ],
)
def test_what_a_node_lacks(changes: dict[str, object], name: str, verdict: str) -> None:
    found = checks(node(**changes))[f"anna, {name}"]  # type: ignore[arg-type]
    assert found.verdict == verdict
    assert bool(found.remedy) == (verdict != "pass")


def test_a_node_that_does_not_start_a_process_differs_from_one_whose_share_hangs() -> None:
    away = checks(NodeAnswer(node="anna", silent="the node died"))
    assert away["anna, work"].detail == "gets no work: the node died"
    assert "Start Ray" in away["anna, work"].remedy
    assert "anna, clock" not in away
    hanging = checks(NodeAnswer(node="anna", silent="no answer", ahead_seconds=0.0))
    assert "share" in hanging["anna, work"].remedy
    assert hanging["anna, clock"].verdict == "pass"


def test_a_cluster_without_other_machines_or_with_a_misspelt_name_is_a_warning() -> None:
    found = checks(ana=Path("/mnt/spool"))
    assert found["cluster"].verdict == found["cluster_paths"].verdict == "warn"
    assert "the node ana " in found["cluster_paths"].detail


@pytest.mark.parametrize(
    "answer",
    [
        ProbeFailure("gave no answer within 60 s", hung=True),
        ClusterAnswer(owner=FACTS, problem="ConnectionError: no cluster"),
    ],
)
def test_a_cluster_that_is_not_reached_is_one_finding(answer: ClusterAnswer | ProbeFailure) -> None:
    (check,) = cluster_checks(link_setup(Settings(cluster="auto")), answer)
    assert check.verdict == "fail"
    assert check.detail.startswith("auto cannot be used: ")
    assert "ray status" in check.remedy


def test_without_ray_nothing_is_started(tmp_path: Path) -> None:
    (check,) = examine_cluster(
        Settings(spool=tmp_path),
        quick=True,
        ask=lambda *_: pytest.fail("asked"),
        has_ray=lambda: False,
    )
    assert check.verdict == "fail"
    assert "cluster" in check.remedy


@pytest.mark.parametrize("quick", [True, False])
def test_only_the_long_examination_measures(tmp_path: Path, quick: bool) -> None:
    asked: list[ClusterQuestion] = []

    def ask(program: object, _seconds: float) -> ProbeFailure:
        asked.append(ClusterQuestion.model_validate_json(program[-1]))  # type: ignore[index]
        return ProbeFailure("ended")

    examine_cluster(Settings(spool=tmp_path), quick, ask, lambda: True)
    (question,) = asked
    assert question.measure is not quick
    assert question.setup.address == "auto", "the cluster of this machine where none is set"


def test_the_findings_are_chinese() -> None:
    chinese = translator("zh")
    found = [*checks(node(user=0), ana=Path("/x")).values(), *checks(node(9.0)).values()]
    for text in (part for each in found for part in (each.detail, each.remedy) if part):
        assert chinese.knows(text), text
