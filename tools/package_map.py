"""Print the folders of the package, and which folder imports which.

``python tools/package_map.py`` prints a drawing (Mermaid) and a table (Markdown). With ``--write``
they replace those in docs/architecture.md. The package's files are parsed, none is imported.
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "heygem_daemon"
DOCUMENT = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- package map: begin (make it anew with: python tools/package_map.py --write) -->"
END = "<!-- package map: end -->"
UNLISTED = "errors.py"
"""Any module may import it, so the arrows to it are left out."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the package, as its source describes it."""

    name: str
    """Dotted, from ``heygem_daemon`` on; a package's own name stands for its ``__init__.py``."""
    path: Path
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The folder that holds it, from the package on: ``spool/batch``, or ``errors.py`` for a
        module beside the folders; '' for the package itself."""
        parts = self.name.split(".")[1:]
        if self.path.name == "__init__.py":
            return "/".join(parts)
        return "/".join(parts[:-1]) or f"{parts[0]}.py"

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (ast.get_docstring(self.tree) or "").partition("\n")[0]


def read_modules(root: Path = ROOT) -> dict[str, Module]:
    """All modules of the package below ``root``, by dotted name."""
    modules = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = Module(name, path, ast.parse(path.read_text(encoding="utf-8")))
    return modules


def imported_modules(
    module: Module, known: Iterable[str], *, at_import: bool = False
) -> dict[str, int]:
    """The modules that ``module`` imports, each with the line of its first import.

    ``known``: the package's own modules; ``from heygem_daemon.spool import claim`` is an import of
    ``heygem_daemon.spool.claim``. Other libraries are given by their first name: ``torch``.
    ``at_import``: leave out imports in functions and those for type checkers alone.
    """
    own = frozenset(known)
    found: dict[str, int] = {}
    for node in _statements(module.tree.body, at_import):
        for name in _imported_names(node, own):
            found.setdefault(name, node.lineno)
    return found


def _statements(body: Iterable[ast.stmt], at_import: bool) -> Iterator[ast.stmt]:
    """All statements in ``body`` and in the blocks inside it."""
    for node in body:
        yield node
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if at_import and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from _statements(node.orelse, at_import)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, field, []), at_import)
        for block in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _statements(block.body, at_import)


def _imported_names(node: ast.stmt, known: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name if alias.name in known else alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        source = node.module or ""
        for alias in node.names:
            full = f"{source}.{alias.name}"
            if full in known:
                yield full
            else:
                yield source if source in known else source.partition(".")[0]


def folder_arrows(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """Which folders each folder imports from, in whatever place of a module."""
    arrows: dict[str, set[str]] = {module.folder: set() for module in modules.values()}
    for module in modules.values():
        for name in imported_modules(module, modules):
            target = modules[name].folder if name in modules else ""
            if target not in ("", module.folder):
                arrows[module.folder].add(target)
    return arrows


def room_arrows(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """The same for the folders right below the package, each with all that is in it."""
    rooms: dict[str, set[str]] = {}
    for folder, sources in folder_arrows(modules).items():
        room = _room(folder)
        found = rooms.setdefault(room, set())
        found |= {_room(source) for source in sources} - {room}
    return rooms


def _room(folder: str) -> str:
    return folder.partition("/")[0]


def find_cycle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """The names on one cycle of ``graph``, the first again at the end; empty: there is none."""
    finished: set[str] = set()

    def search(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in finished:
            return []
        for target in graph.get(name, ()):
            if cycle := search(target, [*path, name]):
                return cycle
        finished.add(name)
        return []

    return next((cycle for name in graph if (cycle := search(name, []))), [])


def reduced(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """An acyclic ``graph`` without the arrows that follow from others: its transitive reduction."""

    def reachable(name: str) -> set[str]:
        direct = graph.get(name, set())
        return direct.union(*map(reachable, direct))

    return {
        name: targets - set().union(*map(reachable, targets)) for name, targets in graph.items()
    }


def build_drawing(modules: Mapping[str, Module]) -> str:
    """A Mermaid drawing of the folders right below the package. An arrow points from a folder to
    one that it imports; arrows that follow from others are left out."""
    rooms = {
        room: sources - {UNLISTED}
        for room, sources in room_arrows(modules).items()
        if room not in ("", UNLISTED)
    }
    lines = ["```mermaid", "flowchart TD"]
    for room, sources in sorted(reduced(rooms).items()):
        lines += [f"    {_node(room)} --> {_node(source)}" for source in sorted(sources)]
    return "\n".join([*lines, "```"])


def _node(room: str) -> str:
    name = room.removesuffix(".py")
    return room if name == room else f'{name}["{room}"]'


def build_table(modules: Mapping[str, Module]) -> str:
    """A table with one row a folder: its first docstring line, and what it imports from."""
    arrows = folder_arrows(modules)
    described = {
        module.folder: module.summary
        for module in modules.values()
        if module.path.name == "__init__.py" or module.folder.endswith(".py")
    }
    rows = ["| folder | what it holds | imports from |", "|---|---|---|"]
    for folder in sorted(described, key=lambda each: (each.endswith(".py"), each)):
        if folder:
            shown = folder if folder.endswith(".py") else f"{folder}/"
            sources = ", ".join(sorted(arrows[folder] - {UNLISTED}))
            rows.append(f"| `{shown}` | {described[folder]} | {sources} |")
    return "\n".join(rows)


def build_map(modules: Mapping[str, Module]) -> str:
    """Drawing and table, as they stand in the document."""
    return f"{build_drawing(modules)}\n\n{build_table(modules)}"


def embedded_map(text: str) -> str:
    """The map between the markers in ``text``. Raises ValueError where a marker is missing."""
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    return text[start:stop].strip()


def with_map(text: str, package_map: str) -> str:
    """``text`` with ``package_map`` between its markers. Raises ValueError as ``embedded_map``."""
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:start]}\n\n{package_map}\n\n{text[stop:]}"


def main(arguments: list[str]) -> None:
    """Print the map, or write it into the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write it into {DOCUMENT.name}")
    package_map = build_map(read_modules())
    if parser.parse_args(arguments).write:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_map(text, package_map), encoding="utf-8")
    else:
        print(package_map)


if __name__ == "__main__":
    main(sys.argv[1:])
