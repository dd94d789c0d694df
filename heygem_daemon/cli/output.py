"""What commands print: JSON for scripts, tables for people."""

import json
import time
from collections.abc import Iterable, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

FILE_WIDTH = 300
"""Columns where the output is no terminal: paths must not be cut for want of a screen."""

JSON_OPTION = typer.Option("--json", help="Print JSON.")


def print_json(value: object) -> None:
    """To stdout, in ASCII: whatever the terminal's encoding and whatever bytes names hold."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """To stdout; nothing where there are no rows. Cells are text, never markup."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, FILE_WIDTH)
    if table.row_count:
        console.print(table)


def duration(seconds: float) -> str:
    """As 7 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def hour(unix: float) -> str:
    """The local time of day, as 14:03:20."""
    return time.strftime("%H:%M:%S", time.localtime(unix))


def size(count: int | None) -> str:
    """Bytes as 1.5 GiB; a question mark for what is not known."""
    if count is None:
        return "?"
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
