"""Chinese texts hold no English but names, keys and units, whatever values are in them."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.placement import CPU, DeviceChoice, join_labels
from heygem_daemon.language.catalogue import LOCALE, read_catalogue
from heygem_daemon.language.listing import is_list
from heygem_daemon.language.template import parse_template
from heygem_daemon.language.translator import translator
from heygem_daemon.page.renderer import PageRenderer
from heygem_daemon.report.backlog import Backlog
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.report.status import DeviceStatus, DiskStatus, InboxStatus, JobStatus, Status
from heygem_daemon.service.notices import unusable_reason
from tests.page.conftest import KEPT, NOW, failed
from tests.page.test_ended import BATCH, member
from tools.message_texts import _name_of

PLACE = re.compile(r"\{(\w+)\}")
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*[A-Za-z]")
LIST = "ben, chen and dora"
KNOWN = {
    "ben",
    "chen",
    "dora",
    "heygem",
    "srv",
    "heygemsystemctl",
    "enable",
    "xGPU",
    "GiBGPU",
    "GiBCPU",
}
WAITS = "waits for its turn, priority 5"
REAL_MEDIA = f"{unusable_reason('a.rm')}; it is left alone"

CODE = re.compile(
    r"""[“"`'‘][^“”"`'’]*[”"`'’]     # what is quoted, or typed
      | \b[\w.-]+\s=\s\S+            # a line of a file
      | [\w-]*[._/=\d\[\]][\w./=\[\]-]*   # files, keys, paths, versions
      | (?<!\w)--?[a-z][\w-]*        # options of commands
      | (?:heygem-daemon|systemctl|nvidia-smi|python|apt|docker|podman|dcgmi|sudo)\b[\s\w:./=,@-]*
    """,
    re.VERBOSE,
)
"""What stays as it is: people type it, or find it so."""

NAMES = frozenset(
    """
    AAC ABI Apprise Audible Audio Blackmagic Boot CPU CUDA Container DRM DSD Debian ECC FFmpeg
    Flash GB GPU
    GiB HDR HEIC HEVC HTML HTTP Hz JPEG JSON LUFS Landlock Linux MIDI MIG MOV MP MPEG Matroska MiB
    Monkey's Musepack NTP NVDEC NVENC NVIDIA NVLink NVRM NVSwitch NaN PA PCM PDF PEM Photoshop
    PyAV PyTorch Python ProRes QuickTime RAR RED Ray RealMedia Secure TOML Toolkit True UTF
    UUID VP Wav Lip WavPack Windows XL XML Xid ZIP Zip bfloat chrony cgi dmesg float gzip
    iPhone inode inotify libcuda libnvidia-ml libx lspci moov nouveau nvidia wheel pod
    nvidia-fabricmanager nvidia-uvm pillow-heif safetensors systemd timesyncd torch aac
    torchaudio wav flac ogg mov mkv webm jpg png pth toml root uid drop-in cuda-compat cuInit
    non-free nvidia-driver Input
    chmod go-w chown umount mount modprobe rmmod sysctl timedatectl set-ntp true false git checkout
    weights add status doctor id top failed own left right largest render video utility landlock
    http https seccomp apprise nvidia-ml-py resources limits stubs NFS nolock flock mkdir
    """.split()  # noqa: SIM905 - a list of them would fill a page
) | {*Settings.model_fields, *JobOptions.model_fields}
"""Names of products, formats and programs; keys and values; units."""


def english_in(text: str) -> set[str]:
    """Return the English words of a Chinese text."""
    if not re.search(r"[\u3400-\u9fff]", text):
        return set()
    return set(WORD.findall(CODE.sub(" ", text))) - NAMES


def filled(text: str) -> str:
    """Return an English text with a value in each place."""
    return PLACE.sub(lambda place: LIST if is_list(place[1]) else "7", text)


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    return read_catalogue("zh")


def test_translations_hold_no_english(catalogue: dict[str, str]) -> None:
    found = {own: words for own in catalogue.values() if (words := english_in(PLACE.sub("", own)))}
    assert found == {}


def test_the_inbox_has_one_name(catalogue: dict[str, str]) -> None:
    assert [own for own in catalogue.values() if "收件箱" in own or "发件箱" in own] == []


def test_finished_texts_hold_no_english_between_their_values(catalogue: dict[str, str]) -> None:
    """The values are in the text already, as in a journal or in ``status.json``."""
    chinese, wrong = translator("zh"), {}
    for english, translation in catalogue.items():
        own = chinese(filled(english))
        names = {"ben", "chen", "dora"} | english_in(filled(translation))
        if (words := english_in(own) - names) or " and " in own:
            wrong[own] = words
    assert wrong == {}


VALUES = ("/srv/heygem", "CPU", "GPU 0 (NVIDIA H200)")
DURATIONS = ("7", "9 s", "3 min 20 s", "2 h 5 min")
NUMBERS = {
    "amount", "chunks", "count", "duration", "fps", "index", "minutes", "now", "seconds", "size",
    "time",
}  # fmt: skip
"""Places that hold a number or a duration, whatever the text."""
KEYS = {"{most} or {last}", "{prefix}/bin/python -m pip install", "job {title}"}
"""Texts that hold keys and commands alone, or are for the log."""


def test_a_text_is_translated_whatever_its_values_are(catalogue: dict[str, str]) -> None:
    """Few characters beside the values are too few to know a text by: 'on CPU' stayed English."""
    chinese, untranslated = translator("zh"), {}
    for english, translation in catalogue.items():
        places = {place.split("_")[0] for place in PLACE.findall(english)}
        if not places or english in KEYS or not re.search(r"[\u3400-\u9fff]", translation):
            continue
        holds_numbers = parse_template(english).fits_numbers_alone
        assert not holds_numbers or places <= NUMBERS, english
        for value in DURATIONS if holds_numbers else VALUES:
            text = _with_value(english, value)
            own = chinese(text)
            if own == text or english_in(own.replace("CPU", "").replace("GPU", "")) - KNOWN:
                untranslated[text] = own
    assert untranslated == {}


def _with_value(english: str, value: str) -> str:
    number = re.match(r"\{(count|gib)\}", english)  # such a text begins with a number
    counted = english.replace(number[0], "7", 1) if number else english
    return PLACE.sub(lambda place: LIST if is_list(place[1]) else value, counted)


def test_each_place_for_a_list_is_known() -> None:
    """Elsewhere ' and ' would stay: it may be part of a name."""
    unknown = {
        (name, file.name)
        for file in LOCALE.parent.rglob("*.py")
        for value in _values(ast.parse(file.read_text(encoding="utf-8")))
        if re.search(r"\b(format_names|user_names)\(|' and '\.join", ast.unparse(value))
        and not is_list(name := _name_of(value))
    }
    assert unknown == set()


def _values(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from (each.value for each in node.values if isinstance(each, ast.FormattedValue))


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "were dropped by ben and chen: one person must drop all of them",
            "由 ben 和 chen 放入：须由同一人放入全部文件",
        ),
        (
            "talk.toml, line 1: loudness = 5: must be 'off', -23 or -16.",
            "talk.toml 第 1 行：loudness = 5：必须是 'off'、-23 或 -16。",
        ),
        ("no job talk of yours waits", "您没有等待中的任务 talk"),
    ],
)
def test_lists_and_values_are_as_chinese_writes_them(english: str, chinese: str) -> None:
    assert translator("zh")(english) == chinese


def test_a_name_with_and_stays_a_name() -> None:
    assert "salt and pepper.mp4" in translator("zh")("salt and pepper.mp4 is empty (0 bytes).")


def test_a_page_in_chinese_holds_no_english() -> None:
    renderer = PageRenderer()
    for state in ("starting", "idle", "working", "holding", "stopping", "stopped"):
        status = _everything(state)
        shown = ChinesePage(renderer.html(status, KEPT)).texts
        assert "CPU，工作进程 1、2" in "".join(shown)
        for text in (*renderer.text(status, KEPT, "zh").split("\n"), *shown):
            assert english_in(re.sub("UTC|English", "", text)) == set(), text


class ChinesePage(HTMLParser):
    """What a reader of the page in Chinese sees: what is marked as Chinese, and what is the same in
    both languages."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden: list[bool] = []
        """Whether each of the elements that are open is not shown."""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "source"}:
            is_code = tag in {"style", "script", "title"}
            self._hidden.append(is_code or (tag, ("lang", "en")) == ("span", *attrs[:1]))

    def handle_endtag(self, _tag: str) -> None:
        self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._hidden):
            self.texts.append(data)


STAGE_NAMES = ("load", "probe", "listen", "track", "render", "join", "review")
DEVICES = (
    CPU.label,
    DeviceChoice("cpu", None, "CPU", slot=2, slots=2).label,
    join_labels([DeviceChoice("cpu", None, "CPU", slot=slot, slots=2) for slot in (1, 2)]),
    DeviceChoice("cuda:0", "GPU-1", "NVIDIA", index=0).label,
    DeviceChoice("cuda:0", "MIG-1", "NVIDIA", index=0, instance=1).label,
)


def _everything(state: str) -> Status:
    running = tuple(
        JobStatus(
            id=each,
            name="甲",
            state="running",
            stage=each,
            percent=5,
            left_seconds=70,
            fps=9,
            device=DEVICES[number % len(DEVICES)],
        )
        for number, each in enumerate(STAGE_NAMES)
    )
    return Status.model_validate(
        {
            "version": "0.1.0",
            "pid": 1,
            "state": state,
            "started": NOW,
            "written": NOW,
            "spool": "/spool",
            "engine": "auto",
            "device": "auto",
        }
    ).model_copy(
        update={
            "jobs": (*running, JobStatus(id="w", name="乙", state="queued", reason=WAITS)),
            "batches": (
                BatchStatus(
                    id="c",
                    name="丙",
                    dropped_as="丙",
                    members=9,
                    published=2,
                    failed=1,
                    now=("1", "2"),
                ),
            ),
            "inbox": (InboxStatus(name="丁.rm", reason=REAL_MEDIA, waits_for="attention"),),
            "finished": (member("1"), failed("戊", "There is no face.")),
            "finished_batches": (BATCH,),
            "requests": (RequestStatus(name="己", text="no job 己 of yours waits", at=NOW),),
            "backlog": Backlog(pairs={"turn": 3}, files={"attention": 1, "upload": 2}),
            "disk": DiskStatus(free_bytes=5 * 10**9),
            "devices": tuple(DeviceStatus(name="CPU", label=each) for each in DEVICES),
        }
    )
