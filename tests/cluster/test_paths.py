"""Paths of the spool on machines that mount it elsewhere, and what machines must have alike."""

from pathlib import Path

from heygem_daemon.cluster.facts import find_difference, gather_facts, hash_weights
from heygem_daemon.cluster.paths import message_here, render_there
from heygem_daemon.protocol import Progress, Render, Rendered
from heygem_daemon.spool.spool import Spool

HEAD, NODE = "/srv/spool", "/mnt/spool"


def test_an_order_has_the_paths_of_the_node() -> None:
    job = f"{HEAD}/processing/1"
    render = Render(job_id="1", audio=f"{job}/a", video=f"{job}/v", workspace=f"{job}/work")
    there = render_there(render, HEAD, NODE)
    assert (there.audio, there.workspace) == (f"{NODE}/processing/1/a", f"{NODE}/processing/1/work")
    assert there.assistant == ""
    assisting = render.model_copy(update={"assistant": f"{job}/work/assistant-1"})
    assert render_there(assisting, HEAD, NODE).assistant == f"{there.workspace}/assistant-1"


def test_a_result_has_the_paths_of_the_daemons_machine() -> None:
    work = f"{NODE}/processing/1/work"
    rendered = Rendered(job_id="1", result=f"{work}/r", report=f"{work}/p", strip=f"{work}/s")
    here = message_here(rendered, NODE, HEAD)
    assert isinstance(here, Rendered)
    assert (here.result, here.strip) == (
        f"{HEAD}/processing/1/work/r",
        f"{HEAD}/processing/1/work/s",
    )
    progress = Progress(job_id="1", stage="probe")
    assert message_here(progress, NODE, HEAD) is progress


def test_a_path_outside_stays_what_it_is() -> None:
    rendered = Rendered(job_id="1", result="/etc/passwd", report=f"{NODE}/../x", strip=None)
    here = message_here(rendered, NODE, HEAD)
    assert isinstance(here, Rendered)
    assert here.result == "/etc/passwd"
    assert here.report == f"{HEAD}/../x", "the daemon checks what it is given"


def test_the_same_spool_and_weights_are_alike(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    (tmp_path / "link").symlink_to(spool.root)
    owner, node = (gather_facts(path, tmp_path) for path in (spool.root, tmp_path / "link"))
    assert owner.fault == ""
    assert find_difference(owner, node) is None
    other = Spool(tmp_path / "other")
    other.prepare()
    assert "not the daemon's spool" in str(
        find_difference(owner, gather_facts(other.root, tmp_path))
    )


def test_a_node_without_the_spool_says_so(tmp_path: Path) -> None:
    facts = gather_facts(tmp_path / "nothing", tmp_path)
    assert "cannot be used there: No such file" in facts.fault


def test_checkpoints_count_by_their_content(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    file = tmp_path / "mine.pth"
    file.write_bytes(b"one")
    before = hash_weights(weights, tmp_path)
    file.write_bytes(b"one")
    assert hash_weights(weights, tmp_path) == before
    file.write_bytes(b"two")
    assert hash_weights(weights, tmp_path) != before
