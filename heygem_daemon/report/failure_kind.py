"""The kinds of failures that the metrics count. Data only."""

from typing import Literal

FailureKind = Literal[
    "refused", "sidecar", "too_large", "crashes", "alone", "bug", "withheld", "removed", "cancelled"
]
"""refused: the files are bad input; sidecar: a mistake in it; too_large: for the disk; crashes: no
attempt is left; alone: memory or a GPU failed under this job alone; bug: of the daemon;
withheld: its files by their owner, or all its names by somebody; removed: its folder in
processing/; cancelled: by a request."""
