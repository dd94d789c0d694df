"""The table of faults in docs/security.md names tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
DOCUMENT = TESTS.parent / "docs" / "security.md"


def test_each_fault_names_tests_that_exist() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Faults that were found")[2]
    rows = re.findall(r"^\| (\d)\. [^|]+\|([^|]+)\|$", text.partition("\n## ")[0], re.MULTILINE)
    assert {number for number, _ in rows} == set("12345678")
    for _, cell in rows:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", cell)
        assert len(named) == cell.count("`") // 2 > 0
        for file, test in named:
            assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_each_file_of_the_threat_table_exists() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Faults that were found")[0]
    files = re.findall(r"`([\w/]+/test_\w+\.py)`", text)
    assert files
    assert [file for file in files if not (TESTS / file).is_file()] == []
