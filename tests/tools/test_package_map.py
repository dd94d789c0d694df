"""The map of the package in docs/architecture.md is true, and imports go one way."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tools.package_map import (
    DOCUMENT,
    PACKAGE,
    Module,
    build_map,
    embedded_map,
    find_cycle,
    imported_modules,
    read_modules,
    reduced,
    room_arrows,
    with_map,
)

SUPERVISOR = ("cli", "service", "spool", "gpu", "report", "config", "system")
HEAVY = frozenset({"torch", "av", "numpy"})
"""What the daemon's own process does without: it stays small, and a broken build is a finding."""


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return read_modules()


def written(root: Path, **sources: str) -> dict[str, Module]:
    """A package of these modules; ``__`` in a name stands for the dot of a subfolder."""
    for name, text in sources.items():
        path = root / PACKAGE / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return read_modules(root)


def heavy_path(modules: dict[str, Module], start: str) -> list[str]:
    """By which imports an import of ``start`` loads a heavy library; empty if it loads none."""
    paths = {start: [start]}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        parents = [name[:end] for end, letter in enumerate(name) if letter == "."]
        imported = imported_modules(modules[name], modules, at_import=True)
        for target in (*imported, *parents):
            if target in HEAVY:
                return [*paths[name], target]
            if target in modules and target not in paths:
                paths[target] = [*paths[name], target]
                waiting.append(target)
    return []


def test_the_document_holds_the_map_as_it_is_now(modules: dict[str, Module]) -> None:
    shown = embedded_map(DOCUMENT.read_text(encoding="utf-8"))
    assert shown == build_map(modules), "run: python tools/package_map.py --write"


def test_every_folder_says_what_it_holds(modules: dict[str, Module]) -> None:
    silent = [module.name for module in modules.values() if not module.summary]
    assert not silent


def test_no_module_imports_itself_by_way_of_others(modules: dict[str, Module]) -> None:
    graph = {
        name: [each for each in imported_modules(module, modules) if each in modules]
        for name, module in modules.items()
    }
    assert not find_cycle(graph)


def test_no_folder_below_the_package_imports_itself_by_way_of_others(
    modules: dict[str, Module],
) -> None:
    assert not find_cycle(room_arrows(modules))


def test_the_supervisor_imports_no_heavy_library(modules: dict[str, Module]) -> None:
    rooms = tuple(f"{PACKAGE}.{room}" for room in SUPERVISOR)
    checked = [name for name in modules if name.startswith(rooms)]
    assert len(checked) > len(SUPERVISOR)
    for name in checked:
        assert not heavy_path(modules, name)


def test_a_class_name_is_defined_once(modules: dict[str, Module]) -> None:
    nodes = (node for module in modules.values() for node in ast.walk(module.tree))
    names = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))
    assert not [name for name, count in names.items() if count > 1]


def test_a_cycle_of_modules_is_found(tmp_path: Path) -> None:
    modules = written(
        tmp_path,
        spool__a="def f():\n    from heygem_daemon.spool import b\n",
        spool__b="from heygem_daemon.cli.c import d\n",
        cli__c="import heygem_daemon.spool.a\n",
    )
    graph = {name: list(imported_modules(module, modules)) for name, module in modules.items()}
    names = {f"{PACKAGE}.{name}" for name in ("spool.a", "spool.b", "cli.c")}
    assert set(find_cycle(graph)) == names
    assert set(find_cycle(room_arrows(modules))) == {"spool", "cli"}


@pytest.mark.parametrize(
    ("text", "is_heavy"),
    [
        ("import torch.nn\n", True),
        ("from numpy import zeros\n", True),
        ("try:\n    pass\nexcept ValueError:\n    import av\n", True),
        ("class A:\n    import av\n", True),
        ("def f():\n    import torch\n", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n", False),
        ("import avocado\n", False),
    ],
)
def test_a_heavy_library_is_found_through_other_modules(
    tmp_path: Path, text: str, is_heavy: bool
) -> None:
    modules = written(tmp_path, cli__a="from heygem_daemon.media import b\n", media__b=text)
    assert bool(heavy_path(modules, f"{PACKAGE}.cli.a")) == is_heavy


def test_the_init_of_a_folder_is_imported_with_its_modules(tmp_path: Path) -> None:
    written(tmp_path, cli__a="import heygem_daemon.media.b\n", media__b="")
    (tmp_path / PACKAGE / "media" / "__init__.py").write_text("import torch\n", encoding="utf-8")
    assert heavy_path(read_modules(tmp_path), f"{PACKAGE}.cli.a")


def test_arrows_that_follow_from_others_are_left_out() -> None:
    graph = {"a": {"b", "c"}, "b": {"c", "d"}, "c": {"d"}, "d": set[str]()}
    assert reduced(graph) == {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}


def test_writing_the_map_changes_nothing_else() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_map(text, embedded_map(text)) == text
    assert embedded_map(with_map(text, "new")) == "new"
