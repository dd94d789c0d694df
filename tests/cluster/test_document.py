"""``docs/cluster.md`` says after how many seconds something counts as lost, and how Ray is set."""

from pathlib import Path

from heygem_daemon.cluster import agent, executor, link
from heygem_daemon.service.fault_pauses import LOST_NODE_SECONDS
from tests.cluster.machines import SETTINGS

DOCUMENT = Path(__file__).parents[2] / "docs" / "cluster.md"


def row(begin: str) -> str:
    (found,) = (each for each in DOCUMENT.read_text().splitlines() if each.startswith(begin))
    return found


def test_the_limits_of_silence_are_those_of_the_code() -> None:
    assert f"after {link.SILENT_SECONDS:g} s of silence" in row("| an agent, a node, its network |")
    assert f"in a row waits {LOST_NODE_SECONDS:g} s" in row("| an agent, a node, its network |")
    assert f"{agent.FENCE_SECONDS:g} s after it was last asked" in row("| a node that was cut off")
    assert f"says nothing for {executor.SILENT_SECONDS:g} s" in row("| the link | all")
    pauses = executor.SHORTEST_PAUSE_SECONDS, executor.LONGEST_PAUSE_SECONDS
    assert "after {:g} s, and after up to {:g} s".format(*pauses) in row("| the link | all")
    assert f"no answer from Ray for {link.HANG_SECONDS:g} s" in row("| the head of Ray")


def test_units_have_the_settings_of_ray_that_the_tests_use() -> None:
    for name, value in SETTINGS.items():
        assert f"{name}={value}" in row(f"Environment={next(iter(SETTINGS))}=")
        assert f'{{name: {name}, value: "{value}"}}' in DOCUMENT.read_text()
