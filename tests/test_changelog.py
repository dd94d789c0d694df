"""``CHANGELOG.md`` is for readers who know released versions alone."""

import re
from pathlib import Path

LINES = (Path(__file__).parents[1] / "CHANGELOG.md").read_text().splitlines()


def test_lines_end_within_120_columns() -> None:
    assert [line for line in LINES if len(line) > 120] == []


def test_before_the_first_release_nothing_is_changed_fixed_or_removed() -> None:
    releases = [line for line in LINES if re.match(r"## \[\d", line)]
    if not releases:
        assert [line for line in LINES if line.startswith("### ")] == ["### Added"]
