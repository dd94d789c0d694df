"""Findings about the other machines of a cluster: whether each gets work, and if not, why."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec

from heygem_daemon.cluster.facts import find_difference
from heygem_daemon.cluster.messages import LinkSetup, NodeFacts
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings
from heygem_daemon.counts import counted
from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.doctor.cluster_answers import (
    ClusterAnswer,
    ClusterQuestion,
    NodeAnswer,
    NodeFindings,
)
from heygem_daemon.doctor.disk import EXHAUSTED_SPACE_BYTES, LOW_SPACE_BYTES
from heygem_daemon.doctor.speed import CPU_TIMEOUT_SECONDS, GPU_TIMEOUT_SECONDS
from heygem_daemon.system.installation import find_installation
from heygem_daemon.system.units import GIB

FSTAB = "/etc/fstab"
PROBE = "heygem_daemon.doctor.cluster_probe"
NAME = "cluster"
CONNECT_SECONDS = 60.0
"""How long Ray may take to connect and to start a process on each node."""
LOOK_SECONDS = 60.0
"""How long a node may take to read its weights and to look at its spool."""
SKEW_SECONDS = 1.0
"""A clock that is further away gives files on the share times that mislead."""

Ask = Callable[[Sequence[str], float], ClusterAnswer | ProbeFailure]


def _ask(program: Sequence[str], seconds: float) -> ClusterAnswer | ProbeFailure:
    return run_probe(program, ClusterAnswer, seconds)


def _has_ray() -> bool:
    return find_spec("ray") is not None


def examine_cluster(
    settings: Settings, quick: bool, ask: Ask = _ask, has_ray: Callable[[], bool] = _has_ray
) -> list[Check]:
    """Ask every node, and return the findings. Without an address in the settings it is the cluster
    that runs on this machine."""
    if not has_ray():
        return [failed(NAME, "Ray is not installed", find_installation().add_extra("cluster"))]
    setup = link_setup(settings)
    setup = setup.model_copy(update={"address": setup.address or "auto"})
    seconds = LOOK_SECONDS if quick else LOOK_SECONDS + CPU_TIMEOUT_SECONDS + GPU_TIMEOUT_SECONDS
    question = ClusterQuestion(setup=setup, measure=not quick, seconds=seconds)
    program = ["-m", PROBE, question.model_dump_json()]
    return list(cluster_checks(setup, ask(program, seconds + CONNECT_SECONDS)))


def cluster_checks(setup: LinkSetup, answer: ClusterAnswer | ProbeFailure) -> Iterator[Check]:
    """Yield the findings: on the cluster as a whole, then on each node."""
    problem = answer.reason if isinstance(answer, ProbeFailure) else answer.problem
    if isinstance(answer, ProbeFailure) or problem:
        remedy = "See whether Ray runs, as the daemon's user: ray status; docs/cluster.md."
        yield failed(NAME, f"{setup.address} cannot be used: {problem}", remedy)
        return
    count = len(answer.nodes)
    if not answer.nodes:
        remedy = "Start Ray on another machine: ray start --address, see docs/cluster.md."
        yield warned(NAME, "no other machine is in it", remedy)
    else:
        yield passed(NAME, counted(count, "1 other machine", "{count} other machines"))
    for name in sorted(set(setup.paths) - {each.node for each in answer.nodes}):
        detail = f"the node {name} is not in the cluster"
        yield warned("cluster_paths", detail, "Correct its name, or start Ray there.")
    for node in answer.nodes:
        for check in _node_checks(answer.owner, node):
            yield replace(check, name=f"{node.node}, {check.name}")


def _node_checks(owner: NodeFacts, node: NodeAnswer) -> Iterator[Check]:
    findings = node.findings
    if findings is None:
        yield _silent(node)
    else:
        yield _work(owner, findings)
        yield _mount(findings)
        yield _room(findings)
    if node.ahead_seconds is not None:
        yield _clock(node.ahead_seconds, node.doubt_seconds)
    if findings is not None:
        yield from findings.speed


def _silent(node: NodeAnswer) -> Check:
    detail = f"gets no work: {node.silent}"
    if node.ahead_seconds is None:
        remedy = "Start Ray there again, with the same version of this program: ray status."
    else:
        remedy = "It runs, so look at its spool: a share whose server is gone hangs."
    return failed("work", detail, remedy)


def _work(owner: NodeFacts, findings: NodeFindings) -> Check:
    """Return whether the node gets work: the daemon compares the same facts."""
    facts = findings.facts
    if (difference := find_difference(owner, facts)) is not None:
        return failed("work", f"gets no work: {difference}", _remedy(owner, facts))
    slots = counted(findings.slots, "1 job on its CPU", "{count} jobs on its CPU")
    gpus = counted(findings.gpus, "1 GPU", "{count} GPUs")
    figures = {"slots": findings.slots, "gpus": findings.gpus}
    return passed("work", f"gets work: {slots}, {gpus}", figures)


def _remedy(owner: NodeFacts, facts: NodeFacts) -> str:
    if owner.fault:
        return "See the findings on the spool; the daemon's first start marks it."
    if facts.version != owner.version:
        return "Install the same version on every machine, with the extra cluster."
    if facts.fault or facts.spool != owner.spool:
        return "Mount the spool there, or say in cluster_paths where it is mounted."
    return "Install the same version there, and copy the folder checkpoints."


def _mount(findings: NodeFindings) -> Check:
    if mount := findings.missing_mount:
        detail = f"{FSTAB} names a disk or share for {mount}, which is not mounted"
        return failed("spool", detail, f"Mount it there: mount {mount}")
    detail = f"{findings.mount_type}, mounted at {findings.mount_point}"
    if findings.owner is not None and findings.owner != findings.user:
        detail += f": Ray runs as user {findings.user}, the spool belongs to {findings.owner}"
        return warned("spool", detail, f"Start Ray there as the user with number {findings.owner}.")
    return passed("spool", detail)


def _room(findings: NodeFindings) -> Check:
    free = findings.free_bytes
    detail, figures = f"{free / GIB:.1f} GiB free", {"free_bytes": free}
    if free >= LOW_SPACE_BYTES:
        return passed("spool room", detail, figures)
    form = failed if free < EXHAUSTED_SPACE_BYTES else warned
    return form("spool room", detail, "Free some, or lower retention_days.", figures)


def _clock(ahead: float, doubt: float) -> Check:
    detail = f"{ahead:+.2f} s from this machine's"
    figures = {"ahead_seconds": ahead, "doubt_seconds": doubt}
    if abs(ahead) - doubt > SKEW_SECONDS:
        remedy = "Set it, and keep it synchronized: timedatectl set-ntp true."
        return warned("clock", detail, remedy, figures)
    return passed("clock", detail, figures)
