"""A campaign: jobs on a cluster of one machine whose nodes are killed and paused at random.

Run ``python -m tests.cluster --jobs 100``. It takes about ten seconds a job on two cores. The
daemon itself is killed twice, and so is the head of Ray. At the end every job has one result, none
ever looked finished that was not, and the jobs of a dead node started elsewhere soon.

With ``--namespaces``, as root, each node has a network and a mount of its own, and is cut off too.
"""

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

from tests.cluster.campaign import Campaign
from tests.cluster.daemon import Daemon
from tests.cluster.machines import Machines
from tests.cluster.networks import Network, lacks, mount_point

NODES = ("node1", "node2", "node3")
"""Beside the daemon's machine."""


def main() -> int:
    """Run a campaign; return 1 where a job was lost, doubled or shown unfinished, or was late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=2, help="jobs in the spool at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600.0, help="give up after these")
    parser.add_argument("--namespaces", action="store_true", help="each node in its own network")
    arguments = parser.parse_args()
    if arguments.namespaces and (reason := lacks()):
        parser.error(reason)
    network = Network() if arguments.namespaces else None
    try:
        return run(arguments, network)
    finally:
        if network is not None:
            network.close()


def run(arguments: argparse.Namespace, network: Network | None) -> int:
    """Start the machines and the daemon, run a campaign, and print what came of it."""
    machines = Machines(network.host if network else None)
    folder = Path(tempfile.mkdtemp(prefix="cluster-campaign-"))
    paths = ",".join(f"{name}={mount_point(machines.folder / name)}" for name in NODES)
    environment = machines.environment | ({"HEYGEM_CLUSTER_PATHS": paths} if network else {})
    daemon = Daemon(folder / "spool", machines.address, environment)
    began = time.monotonic()
    try:
        for name in NODES:
            if network is None:
                machines.add(name)
            else:
                own = (machines.folder / name, daemon.spool, machines.environment)
                machines.join(network.machine(name, *own))
        daemon.wait_for("is here", len(NODES))
        chance = random.Random(arguments.seed)
        campaign = Campaign(
            machines, daemon, arguments.jobs, arguments.at_once, chance, network=network
        )
        faults = campaign.run(arguments.seconds)
        print_figures(campaign, time.monotonic() - began)
        print(*(faults or ["0 lost, 0 doubled, 0 unfinished"]), sep="\n")  # noqa: T201
    finally:
        daemon.close()
        machines.close()
    if not faults:
        shutil.rmtree(folder)
    return 1 if faults else 0


def print_figures(campaign: Campaign, seconds: float) -> None:
    """Print what was done, and how long the jobs of dead nodes took to start elsewhere."""
    log = campaign.daemon.log
    print(f"{campaign.jobs} jobs in {seconds:.0f} s; {dict(campaign.done)}")  # noqa: T201
    print(f"nodes lost: {log.count('event=node_away')}; starts: {log.count('job started')}")  # noqa: T201
    for kind in sorted({each.kind for each in campaign.moves()}):
        own = [each.seconds for each in campaign.moves() if each.kind == kind]
        longest = f"the longest took {max(own):.1f} s"
        print(f"jobs that started elsewhere {kind}: {len(own)}; {longest}")  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
