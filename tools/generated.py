"""Checks a generated file, or writes it: the command line of the tools that make one."""

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
