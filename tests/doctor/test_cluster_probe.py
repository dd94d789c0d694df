"""Every node of a cluster is asked, and each examines itself; on Ray once, slowly."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from heygem_daemon.cluster.facts import read_version
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.cluster_answers import ClusterQuestion
from heygem_daemon.doctor.cluster_probe import ask_nodes
from heygem_daemon.spool.spool import Spool
from tests.cluster.daemon import PROGRAM
from tests.cluster.machines import Machines
from tests.fakes.examined_cluster import FakeExaminedCluster


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    spool = Spool(tmp_path / "spool")
    spool.cache.mkdir(parents=True)
    spool.state.mkdir(exist_ok=True)
    (spool.state / "spool-id").write_text("this one\n")
    return tmp_path / "spool"


def question(spool: Path, **paths: Path) -> ClusterQuestion:
    settings = Settings(
        spool=spool, checkpoints=spool, cluster_paths=paths, device="cpu", cpu_workers=2
    )
    return ClusterQuestion(setup=link_setup(settings), measure=False, seconds=5)


def test_a_node_examines_itself(spool: Path) -> None:
    cluster = FakeExaminedCluster({"anna": 30.0})
    (answer,) = ask_nodes(question(spool), cluster)
    assert answer.node == "anna"
    assert answer.silent == ""
    assert answer.ahead_seconds == pytest.approx(30.0, abs=1.0)
    found = answer.findings
    assert found is not None
    assert (found.facts.version, found.facts.spool) == (read_version(), "this one")
    assert (found.facts.fault, found.missing_mount) == ("", "")
    assert found.mount_point
    assert found.free_bytes > 0
    assert found.user == found.owner == os.geteuid()
    assert (found.slots, found.gpus, found.speed) == (2, 0, ())
    assert cluster.examiners["anna"].killed


def test_a_node_looks_where_its_spool_is_mounted(spool: Path) -> None:
    elsewhere = spool.with_name("mount")
    cluster = FakeExaminedCluster({"anna": 0.0, "bert": 0.0})
    anna, bert = ask_nodes(question(spool, bert=elsewhere), cluster)
    assert anna.findings is not None
    assert bert.findings is not None
    assert anna.findings.facts.fault == ""
    assert str(elsewhere) in bert.findings.facts.fault
    assert bert.findings.owner is None


def test_one_node_that_hangs_or_is_gone_keeps_nothing_from_the_others(spool: Path) -> None:
    names = {"anna": 0.0, "bert": 0.0, "carl": 0.0}
    cluster = FakeExaminedCluster(names, hanging={"bert"}, gone={"carl"})
    anna, bert, carl = ask_nodes(question(spool), cluster)
    assert anna.findings is not None
    assert (bert.silent, bert.findings) == ("it has not answered for 5 s", None)
    assert bert.ahead_seconds is not None
    assert (carl.silent, carl.ahead_seconds) == ("the node died", None)
    assert cluster.examiners["bert"].killed


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nodes_of_ray_are_examined(spool: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: 'make cluster' installs it")
    machines = Machines()
    try:
        for each in (machines.add("anna"), machines.add("bert")):
            each.wait()
        settings = {
            "HEYGEM_SPOOL": str(spool),
            "HEYGEM_CLUSTER": machines.address,
            "HEYGEM_CLUSTER_PATHS": f"bert={spool.with_name('nothing')}",
            "HEYGEM_DEVICE": "cpu",
        }
        child = subprocess.run(
            [PROGRAM, "doctor", "--cluster", "--quick", "--json"],
            env=os.environ | machines.environment | settings,
            stdout=subprocess.PIPE,
            check=False,
        )
    finally:
        machines.close()
    found = {
        each["name"]: each
        for each in json.loads(child.stdout)["checks"]
        if each["section"] == "cluster"
    }
    assert found["cluster"]["detail"] == "2 other machines", found
    assert found["anna, work"]["verdict"] == "pass", found
    assert found["anna, clock"]["verdict"] == "pass"
    assert found["anna, spool room"]["figures"]["free_bytes"] > 0
    assert found["bert, work"]["verdict"] == "fail"
    assert "nothing cannot be used there" in found["bert, work"]["detail"]
