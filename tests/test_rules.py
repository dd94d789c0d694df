"""Every reliability rule is on the page docs/rules.md and has tests named after its number.

``pytest -k test_rule_18_`` runs the tests of one rule. Rules 1-9 are about watching and settling,
10-17 about claiming, state and publishing, 18 about retention, 19-22 about media, 23-30 about GPUs.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PROGRAM = TESTS.parent / "heygem_daemon"
PAGE = TESTS.parent / "docs" / "rules.md"
NUMBERS = range(1, 31)
NAMED = re.compile(r"^def test_rule_(\d+)_", re.MULTILINE)
HEADING = re.compile(r"^### (\d+)\. ", re.MULTILINE)


@pytest.fixture(scope="module")
def tested() -> set[int]:
    files = (file.read_text(encoding="utf-8") for file in TESTS.rglob("test_*.py"))
    return {int(number) for text in files for number in NAMED.findall(text)}


def test_the_page_has_each_rule_once_and_in_order() -> None:
    headings = HEADING.findall(PAGE.read_text(encoding="utf-8"))
    assert [int(number) for number in headings] == list(NUMBERS)


@pytest.mark.parametrize("rule", NUMBERS)
def test_each_rule_has_a_test_that_is_named_after_it(tested: set[int], rule: int) -> None:
    assert rule in tested


def _calls() -> Iterator[ast.Call]:
    for file in PROGRAM.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_rule_23_workers_are_programs_of_their_own_and_never_forks_of_the_supervisor() -> None:
    """A fork would share the state of a library that cannot be shared: CUDA's, or a thread's."""
    forbidden = {"os.fork", "os.forkpty", "multiprocessing.Process", "ProcessPoolExecutor"}
    calls = [ast.unparse(call.func) for call in _calls()]
    assert not [name for name in calls if name in forbidden or name.startswith("multiprocessing.")]


def test_rule_24_no_device_is_known_by_a_number() -> None:
    for call in _calls():
        if ast.unparse(call.func) == "int":
            given = ast.unparse(call).lower()
            assert not re.search(r"uuid|device|cuda_visible", given), given


def test_rule_22_nothing_is_given_to_a_shell() -> None:
    shells = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
    calls = list(_calls())
    assert any(ast.unparse(call.func) == "subprocess.Popen" for call in calls)
    for call in calls:
        assert ast.unparse(call.func) not in shells
        assert all(keyword.arg != "shell" for keyword in call.keywords)
