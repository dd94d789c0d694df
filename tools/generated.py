"""Checks a generated file, or writes it: what the tools that make one have in common."""

import argparse
from pathlib import Path


def check_or_write(file: Path, content: str, description: str | None) -> int:
    """Compare ``file`` with what it should hold, or with ``--write`` write it. Returns the exit
    status, 1 where they differ."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        return 0
    return int(not file.exists() or file.read_text(encoding="utf-8") != content)


def with_table(text: str, begin: str, end: str, table: str) -> str:
    """Return a document with ``table`` between its lines ``begin`` and ``end``, each with its line
    feed. Raises ValueError if it has no such lines."""
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the document has no lines {begin!r} and {end!r}")
    return f"{before}{begin}\n{table}\n{end}{after}"
