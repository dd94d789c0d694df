"""Extracts the texts that people read, and compiles the catalogues of their translations.

``.venv/bin/python -m tools.translations`` updates ``heygem_daemon/locale``: new texts are added to
each catalogue without a translation, texts that are gone are removed. ``--check`` changes nothing.
Exit status 1 if a translation is missing, fuzzy, or not compiled, or has other values than its
text.
"""

import argparse
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from heygem_daemon.language.catalogue import DOMAIN, LOCALE
from heygem_daemon.language.template import names_in
from tools.message_texts import find_texts

PACKAGE = LOCALE.parent
METHODS = [("page/templates/**", "jinja2.ext:babel_extract")]
KEYWORDS = {"t": None}
DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""Stands in the compiled catalogues, which then depend on their texts alone."""
LANGUAGES = ("zh",)


def extracted() -> Catalog:
    """Return the texts of the templates of the page, and those of the program."""
    found = Catalog()
    for name, _line, text, _comments, _context in extract_from_dir(
        PACKAGE, METHODS, keywords=KEYWORDS
    ):
        found.add(text, locations=[(name, 0)])
    for each in find_texts(PACKAGE):
        found.add(each.text, locations=[(each.file, 0)])
    return found


def updated(language: str, texts: Catalog) -> Catalog:
    """Return the catalogue of a language with these texts alone, and its translations."""
    before = Catalog(locale=language)
    file = po_file(language)
    if file.exists():
        with file.open("rb") as stream:
            before = read_po(stream, locale=language)
    after = Catalog(locale=language, fuzzy=False)
    for message in sorted(texts, key=lambda each: str(each.id)):
        if message.id:
            known = before.get(message.id)
            after.add(
                message.id,
                known.string if known else "",
                locations=sorted(set(message.locations)),
                flags=known.flags - {"python-brace-format"} if known else (),
            )
    return after


def po_file(language: str) -> Path:
    """Return the catalogue that people edit."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def po_text(catalogue: Catalog) -> bytes:
    """Return the text of a catalogue without anything that changes by itself."""
    stream = io.BytesIO()
    write_po(stream, catalogue, width=100, omit_header=True, sort_output=True, include_lineno=False)
    header = f'msgid ""\nmsgstr ""\n"Language: {catalogue.locale}\\n"\n'
    header += '"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return header.encode() + stream.getvalue()


def mo_bytes(text: bytes) -> bytes:
    """Return the compiled form of a catalogue."""
    stream = io.BytesIO()
    catalogue = read_po(io.BytesIO(text))
    catalogue.creation_date = catalogue.revision_date = DATE
    write_mo(stream, catalogue)
    return stream.getvalue()


def mistakes(catalogue: Catalog) -> Iterator[str]:
    """Yield what is wrong with the translations of a catalogue."""
    for each in catalogue:
        english, translation = str(each.id), str(each.string or "")
        if not english:
            continue
        if not translation:
            yield f"not translated: {english}"
        elif each.fuzzy:
            yield f"in doubt: {english}"
        elif names_in(english) != names_in(translation):
            yield f"other values than {names_in(english)}: {english}"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    texts, wrong = extracted(), []
    for language in LANGUAGES:
        catalogue = updated(language, texts)
        text = po_text(catalogue)
        compiled = po_file(language).with_suffix(".mo")
        wrong += [f"{language}: {each}" for each in mistakes(catalogue)]
        if check:
            if po_file(language).read_bytes() != text or compiled.read_bytes() != mo_bytes(text):
                wrong.append(f"{language}: run python -m tools.translations")
        else:
            po_file(language).write_bytes(text)
            compiled.write_bytes(mo_bytes(text))
    print("\n".join(wrong) or "all texts are translated")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
