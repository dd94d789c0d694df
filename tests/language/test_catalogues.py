"""Every text that people read has a translation."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from heygem_daemon.language.catalogue import LOCALE, read_catalogue
from heygem_daemon.language.template import fill_in, parse_template
from heygem_daemon.language.translator import translator
from tools import translations
from tools.message_texts import Finder, find_texts, normalise, template_of
from tools.text_modules import MIXED_MODULES, MODULES, OTHER_MODULES

PACKAGE = LOCALE.parent
REASONS = ("BadInput", "TooLarge", "NoDecoder")


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_no_translation_is_missing_fuzzy_or_not_compiled(language: str) -> None:
    catalogue = translations.updated(language, translations.extracted())
    assert list(translations.mistakes(catalogue)) == []
    file = translations.po_file(language)
    assert file.read_bytes() == translations.po_text(catalogue), "python -m tools.translations"
    assert file.with_suffix(".mo").read_bytes() == translations.mo_bytes(file.read_bytes())
    assert len(read_catalogue(language)) > 800


def test_a_mistake_in_a_catalogue_is_named() -> None:
    catalogue = Catalog(locale="zh", fuzzy=False)
    catalogue.add("one {name}", "一个 {nam}")
    catalogue.add("two", "")
    catalogue.add("three", "三", flags=("fuzzy",))
    catalogue.add("four {name}", "四 {name}")
    assert sorted(each.split(":")[0] for each in translations.mistakes(catalogue)) == [
        "in doubt",
        "not translated",
        "other values than ('name',)",
    ]


def test_what_begins_with_a_name_stays_together_behind_another_clause() -> None:
    """Words that Chinese puts before the name must not come before the other clause."""
    translate = translator("zh")
    before = "waits for its turn"
    torn = []
    for text in read_catalogue("zh"):
        template = parse_template(text)
        begins = template.names and not template.parts[0] and template.parts[1].strip()
        if not begins or any(joint in text for joint in ("; ", ". ", "? ")):
            continue
        clause = fill_in(text, dict.fromkeys(template.names, "fmt5 .mp4"))
        alone = translate(clause)
        if alone != clause and translate(f"{before}; {clause}") != f"{translate(before)}；{alone}":
            torn.append(text)
    assert torn == []


def test_a_text_with_a_joint_of_its_own_is_known_beside_other_clauses() -> None:
    """Parts of 'talk is cancelled; its files are in failed' alone have no translation."""
    translate = translator("zh")
    other = "waits for its turn"
    half = []
    for text in read_catalogue("zh"):
        names = parse_template(text).names
        if not names or "; " not in text or text.endswith((".", ":")):
            continue
        clause = fill_in(text, dict.fromkeys(names, "7"))
        alone = translate(clause).replace("; ", "；")
        told = [translate(f"{clause}; {other}"), translate(f"{other}; {clause}")]
        if told != [f"{alone}；{translate(other)}", f"{translate(other)}；{alone}"]:
            half.append(text)
    # Values alone, which are translated before it.
    assert half == ["{shown}; {doubt}, so that nothing is purged for a day"]


def test_texts_are_found_wherever_reasons_are_made(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text(
        '"""A module."""\n'
        'raise BadInput(f"{path.name} is blue: {seconds:.1f} s.", "Paint it " "red.")\n'
        'WAIT_REASON = "it waits for paint"\n'
        "def colour_reason(shade):\n"
        '    """Return the reason."""\n'
        '    return f"it is {shade}, and {shade} again"\n'
        'other = "a text for the log"\n'
    )
    assert [each.text for each in find_texts(tmp_path) if each.file == "new.py"] == [
        "{name} is blue: {seconds} s.",
        "Paint it red.",
        "it waits for paint",
        "it is {shade}, and {shade_2} again",
    ]


def test_every_reason_that_is_raised_is_in_the_catalogue() -> None:
    """Each text in a call of an error that users see, whatever the rules of the search say."""
    known = read_catalogue("zh")
    missing = []
    for file in PACKAGE.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(getattr(call, "func", None), "id", "")
            if name in REASONS and isinstance(call, ast.Call):
                texts = [_text(each) for each in call.args]
                missing += [each for each in texts if each and each not in known]
    assert missing == []


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return normalise(str(node.value))
    text = normalise(template_of(node)) if isinstance(node, ast.JoinedStr) else ""
    own = re.sub(r"\{\w+\}", "", text)
    return text if sum(map(str.isalpha, own)) > 3 else ""  # else it only joins two texts


def test_every_module_is_known_as_one_with_texts_for_people_or_without() -> None:
    """A new module with texts goes into a list: else its texts would stay English."""
    known, unknown = read_catalogue("zh"), {}
    known_modules = (*MODULES, *MIXED_MODULES, *OTHER_MODULES)
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        if not any(Path(name).match(pattern) for pattern in known_modules):
            finder = Finder(is_listed=True)
            finder.visit(ast.parse(file.read_text(encoding="utf-8")))
            if missing := [text for text in finder.found if text not in known]:
                unknown[name] = missing
    assert unknown == {}, "put the module into a list of tools/text_modules.py"


def test_no_command_prints_past_its_language() -> None:
    """What is for people goes through ``say`` or ``own_language``."""
    plain = {"output.py", "app.py", "ending.py", "doctor.py", "logs.py", "version.py"}
    for file in (PACKAGE / "cli").glob("*.py"):
        if file.name not in plain:
            lines = [each for each in file.read_text().splitlines() if "typer.echo(" in each]
            known = ("own_language", "_headline", "_CLEAR")
            assert all(any(each in line for each in known) for line in lines), file.name


def test_the_reasons_in_the_chinese_pages_are_those_that_people_see() -> None:
    """The table of common reasons quotes them with …… and example names in place of values."""
    page = (PACKAGE.parent / "docs" / "zh" / "share-users.md").read_text(encoding="utf-8")
    table = page.split("\n常见的原因：\n")[1].split("\n## ")[0]
    quoted = re.findall(
        r"`([^`]*[一-鿿][^`]*)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))
    )
    assert len(quoted) >= 8
    translations_of = [re.sub(r"\{\w+\}", "\0", text) for text in read_catalogue("zh").values()]
    for each in quoted:
        parts = re.split(r"……|talk\.\w+|\d+(?: %)?", each)
        pattern = ".*".join(re.escape(part.strip()) for part in parts if part.strip())
        assert any(re.search(pattern, text) for text in translations_of), each
