"""How well the audio model hears the lips in many languages.

``.venv/bin/python -m benchmarks.languages`` prints a table in Markdown; ``--write docs/quality.md``
replaces the one there. Needs the library of espeak-ng (Debian: ``apt install libespeak-ng1``),
which speaks sentences and reports the times of their phones. What a synthesizer says is clearer
than what people say: the figures compare languages, and are no promise for a recording.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.lips.material import ROOT
from heygem_daemon.engines.builtin.audio.listening import AudioModel, Speech
from heygem_daemon.speech.features import SAMPLE_RATE, STATE_RATE
from training.espeak import Espeak
from training.phones import LIPS_SHUT, Phone, Spoken
from training.texts import WORDS, sentence_in
from training.visemes import VISEMES, curves

SENTENCES = 18
"""How many are spoken in each language, each in another voice."""

VOICES = ("", "+f2", "+m3", "+Alicia", "+Mario", "+grandma")
SEED = 20261129

OPEN = 0.6
"""A vowel whose usual opening is at least this is wide open."""

MANDARIN = (
    "da4jia1 hao3, huan1ying2 shou1kan4 jin1tian1 de5 jie2mu4.\n"
    "ma1ma5 mai3 le5 ba1 ge4 ping2guo3, ba4ba5 mai3 le5 yi4 ben3 jiu4 shu1.\n"
    "ming2tian1 shang4wu3 jiu3 dian3, wo3men5 zai4 gong1si1 men2kou3 ji2he2.\n"
    "qing3 ba3 shou3ji1 fang4 zai4 zhuo1zi5 shang4, xie4xie5 nin2 de5 pei4he2.\n"
    "ben3 chan3pin3 cai3yong4 quan2xin1 gong1yi4, pin3zhi4 ke3kao4, jia4ge2 he2li3.\n"
    "bu4guan3 feng1 chui1 yu3 da3, ta1men5 mei3tian1 dou1 jian1chi2 pao3bu4."
)
"""Sentences of presenters, in pinyin: of characters the library's voice makes English syllables."""

UNSEEN: Mapping[str, str] = {
    "ko": "안녕하세요, 오늘 방송에 오신 것을 환영합니다. 엄마는 사과 여덟 개를 샀습니다. "
    "내일 아침 아홉 시에 문 앞에서 만납시다. 바람이 불어도 매일 공원에서 달립니다.",
    "vi": "Xin chào các bạn, hôm nay trời rất đẹp. Mẹ mua tám quả táo, bố mua một quyển sách. "
    "Ngày mai chúng ta gặp nhau ở cổng công ty. Bà bán bánh mì ở bên kia phố.",
    "el": "Καλημέρα σας και καλώς ήρθατε. Η μαμά αγόρασε οκτώ μήλα και ο μπαμπάς ένα βιβλίο. "
    "Αύριο το πρωί θα βρεθούμε μπροστά στην πόρτα. Παίζουμε μπάλα κάθε απόγευμα.",
    "ar": "مرحبا بكم في برنامج اليوم. اشترت أمي ثماني تفاحات واشترى أبي كتابا. "
    "نلتقي غدا صباحا أمام باب المبنى. الطقس جميل والبحر هادئ.",
    "sw": "Karibuni sana katika kipindi cha leo. Mama alinunua mapera manane na baba kitabu. "
    "Kesho asubuhi tutakutana mbele ya mlango. Mbwa wa bibi anapenda kukimbia.",
}
"""Sentences in languages that the audio model was not trained with."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the audio model heard in one language."""

    language: str

    is_known: bool
    """Whether the audio model was trained with the language."""

    closures: int
    """How many sounds with closed lips there were: /m b p/."""

    closed: float
    """Share of these in whose middle it heard closed lips."""

    open: float
    """Share of wide open vowels in whose middle it did not."""

    opening: float
    """Correlation of the opening that it heard with that which phonetics expects."""


def measure(language: str, spoken: Spoken, listener: AudioModel, *, is_known: bool) -> Heard:
    """Compare what the audio model hears with the phones that were spoken."""
    speech = listener.listen([spoken.sound])
    expected = curves(spoken.phones, len(speech))[:, 0]
    shut, wide = [], []
    for phone in spoken.phones:
        is_closed = _closed_at(speech, (phone.start + phone.end) / 2)
        if phone.name in LIPS_SHUT:
            shut.append(is_closed)
        elif phone.name in VISEMES and VISEMES[phone.name].aperture >= OPEN:
            wide.append(not is_closed)
    together = np.corrcoef(speech.scores[:, 0], expected)[0, 1]
    return Heard(
        language, is_known, len(shut), float(np.mean(shut)), float(np.mean(wide)), float(together)
    )


def _closed_at(speech: Speech, seconds: float) -> bool:
    return bool(speech.closed[min(len(speech) - 1, round(seconds * STATE_RATE))] > 0.5)


def speak_all(espeak: Espeak, rng: np.random.Generator) -> Iterator[tuple[str, Spoken, bool]]:
    """Yield each language, its sentences, and whether the audio model was trained with it."""
    for language in WORDS:
        texts = [sentence_in(language, rng) for _ in range(SENTENCES)]
        yield language, _speak(espeak, language, texts), True
    sentences = MANDARIN.split("\n") * (SENTENCES // 6)
    yield "cmn, whole sentences", _speak(espeak, "cmn-latn-pinyin", sentences), True
    for language, text in UNSEEN.items():
        texts = text.replace(". ", ".\n").split("\n")
        yield language, _speak(espeak, language, texts * (SENTENCES // len(texts))), False


def _speak(espeak: Espeak, language: str, texts: list[str]) -> Spoken:
    """Return the texts, one after the other, each in another voice."""
    parts, phones, seconds = [], list[Phone](), 0.0
    for number, text in enumerate(texts):
        each = espeak.speak(text, language + VOICES[number % len(VOICES)])
        parts.append(each.sound)
        phones += [replace(p, start=p.start + seconds, end=p.end + seconds) for p in each.phones]
        seconds += len(each.sound) / SAMPLE_RATE
    return Spoken(np.concatenate(parts), tuple(phones))


def table(rows: list[Heard]) -> str:
    """Return a Markdown table."""
    lines = [
        (
            "| language | trained with | /m b p/ | heard as closed | open vowels heard as open"
            " | opening, correlation |"
        ),
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda each: (not each.is_known, -each.opening)):
        known = "yes" if row.is_known else "**no**"
        lines.append(
            f"| {row.language} | {known} | {row.closures} | {row.closed:.0%} | {row.open:.0%}"
            f" | {row.opening:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="Markdown file whose table is replaced")
    write = parser.parse_args().write
    listener = AudioModel.load(ROOT / "weights" / "builtin")
    rng = np.random.default_rng(SEED)
    rows = [
        measure(language, spoken, listener, is_known=is_known)
        for language, spoken, is_known in speak_all(Espeak(), rng)
    ]
    print(text := table(rows))
    if write is not None:
        before, _, rest = write.read_text().partition("<!-- languages -->\n")
        _, _, after = rest.partition("<!-- end of languages -->")
        write.write_text(f"{before}<!-- languages -->\n{text}<!-- end of languages -->{after}")


if __name__ == "__main__":
    main()
