"""The index passes over no template from which a text was made."""

from heygem_daemon.language.catalogue import read_catalogue
from heygem_daemon.language.template import fill_in, parse_template
from heygem_daemon.language.template_index import TemplateIndex


def test_each_template_may_fit_what_is_made_from_it() -> None:
    texts = read_catalogue("zh")
    index = TemplateIndex(texts)
    templates = [parse_template(text) for text, translation in texts.items() if translation]
    passed_over = []
    for text, template in zip((text for text in texts if texts[text]), templates, strict=True):
        if template.names:
            made = fill_in(text, dict.fromkeys(template.names, "Zz 9"))
            if template not in [found for found, _ in index.that_may_fit(made)]:
                passed_over.append(text)
    assert passed_over == []


def test_a_text_that_is_shorter_than_a_beginning_fits_what_begins_with_a_value() -> None:
    index = TemplateIndex({"{count} jobs": "{count} 个任务", "no {name}": "没有 {name}"})
    assert [translation for _, translation in index.that_may_fit("x")] == []
    assert [translation for _, translation in index.that_may_fit("7 jobs")] == ["{count} 个任务"]
