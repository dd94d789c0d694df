"""Texts in another language, with the values that are in them."""

import pytest

from heygem_daemon.language import translator as module
from heygem_daemon.language.translator import (
    LanguageSetting,
    Translator,
    in_each,
    terminal_language,
    translator,
)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("it has changed lately", "刚刚还有变动"),
        ("It has changed lately.", "刚刚还有变动。"),
        (
            "新品.mp4 is truncated: it ends after 3.0 of 5.0 seconds.",
            "新品.mp4 不完整：应有 5.0 秒，到 3.0 秒就结束了。",
        ),
        (
            (
                "GPU 0 (X): busy with another job of this daemon; GPU 1 (Y): others use 40 % of it,"
                " at most 10 % allowed (others_utilisation_percent)"
            ),
            (
                "GPU 0 (X)：正忙于本服务的另一个任务；GPU 1 (Y)：其他程序占用了 40 %，最多允许 10 %"
                "（others_utilisation_percent）"
            ),
        ),
        ("3 of 12 done, 1 of them failed; now: 04", "已完成 3/12，其中 1 个失败；正在处理：04"),
        ("3 of 12 done, 1 of them failed", "已完成 3/12，其中 1 个失败"),
        (
            "3 of 12 done, 1 of them failed; waits for its turn",
            "已完成 3/12，其中 1 个失败；等待处理",
        ),
        (
            'talk.toml, line 2: unknown key "fce"; did you mean "face"?',
            "talk.toml 第 2 行：未知的键“fce”；您是指“face”吗？",
        ),
        (
            (
                "Rendering crashed in 3 attempts, the last time: the worker was killed by signal 9"
                " (SIGKILL), as the kernel does when memory runs out."
            ),
            (
                "生成时崩溃（3 次尝试），最后一次：工作进程被信号 9（SIGKILL）结束，"
                "内存不足时内核会这样做。"
            ),
        ),
        (
            (
                "fmt5.wav: has no video of the same name beside it; it waits for one, such as"
                " fmt5.mp4, fmt5.mov or fmt5.jpg; fmt5 .mp4 lies here too: the names must be equal"
            ),
            (
                "fmt5.wav：旁边没有同名的视频；请放入一个，例如 fmt5.mp4、fmt5.mov 或 fmt5.jpg；"
                "这里还有 fmt5 .mp4：两个名字必须相同"
            ),
        ),
        ("waits for its turn, priority 5", "等待处理，优先级 5"),
        ("talk is deleted, 7 files and folders", "talk 已删除，共 7 个文件和文件夹"),
        ("2 h 5 min", "2 小时 5 分钟"),
        (
            (
                "cannot be paired: these files share one name (a.mov); each holds pictures and"
                " sound; give the sound that is meant as wav or m4a"
            ),
            (
                "无法配对：这些文件同名（a.mov）；每个文件都有画面和声音；"
                "请把要用的声音存为 wav 或 m4a"
            ),
        ),
        ("talk 42 %, 3 min left", "talk 42 %，剩余 3 分钟"),
        (
            (
                "GPU 0 (X): 3.0 GiB free of 80.0, 5.2 GiB needed and 1.0 to stay free"
                " (2 other processes on it)"
            ),
            (
                "GPU 0 (X)：剩余 3.0 GiB，共 80.0，需要 5.2 GiB，另需 1.0 保持空闲"
                "（另有 2 个进程在使用）"
            ),
        ),
        (
            (
                "GPU 0 (H200, GPU-12345678), GPU 1 (H200, GPU-abcdefab): busy with another job of"
                " this daemon."
            ),
            (
                "GPU 0（H200，GPU-12345678），GPU 1（H200，GPU-abcdefab）："
                "正忙于本服务的另一个任务。"
            ),
        ),
        (
            (
                "GPU 0 (H200, GPU-12345678): 3.0 GiB free of 80.0, 5.2 GiB needed; GPU 1 (H200,"
                " GPU-abcdefab): busy with 2 jobs of this daemon."
            ),
            (
                "GPU 0（H200，GPU-12345678）：剩余 3.0 GiB，共 80.0，需要 5.2 GiB；"
                "GPU 1（H200，GPU-abcdefab）：正忙于本服务的 2 个任务。"
            ),
        ),
        ("a).wav is empty.", "a).wav 是空文件。"),
        (
            (
                "a.toml, line 1: face = \"x\": must be 'largest', 'left', 'right' or a number from"
                " 1 (leftmost) to 8."
            ),
            (
                "a.toml 第 1 行：face = \"x\"：必须是 'largest'、'left'、'right'，"
                "或从 1（最左）到 8 的数字。"
            ),
        ),
        (
            (
                "has no video of the same name beside it; it waits for one, such as a.mp4, a.mov"
                " or a.jpg; a.zip lies there too, not used: archives are not unpacked"
            ),
            (
                "旁边没有同名的视频；请放入一个，例如 a.mp4、a.mov 或 a.jpg；"
                "a.zip 也在那里，未使用：压缩包不会自动解压"
            ),
        ),
        (
            "Write: priority = 5. Correct or remove this file.",
            "请写：priority = 5。请更正或删除此文件。",
        ),
    ],
)
def test_a_finished_text_is_translated_with_its_values(english: str, chinese: str) -> None:
    assert translator("zh")(english) == chinese
    assert translator("en")(english) == english


@pytest.mark.parametrize("text", ["", "talk", "Something that nobody has written.", "a" * 5000])
def test_what_has_no_translation_stays_english(text: str) -> None:
    assert translator("zh")(text) == text
    assert not translator("zh").knows(text)


def test_a_name_that_is_a_word_of_the_program_stays() -> None:
    assert translator("zh")("idle failed: queued") == "idle 失败：queued"
    assert translator("zh")("{job} failed", job="idle") == "idle 失败"


def test_a_hostile_name_ends_in_no_time() -> None:
    name = ", ".join(["a: b (c). d; e is empty (0 bytes)"] * 100)
    assert "aaa" not in translator("zh")(f"{name} is empty (0 bytes).")


def test_a_damaged_installation_speaks_english(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_language: str) -> dict[str, str]:
        raise OSError("gone")

    monkeypatch.setattr(module, "read_catalogue", fail)
    assert translator.__wrapped__("zh")("it has changed lately") == "it has changed lately"


@pytest.mark.parametrize(
    ("setting", "environment", "language"),
    [
        ("both", {}, "en"),
        ("both", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("both", {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ("both", {"LC_ALL": "", "LANG": "zh_CN.GBK"}, "zh"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("zh", {"LANG": "de_DE.UTF-8"}, "zh"),
    ],
)
def test_a_terminal_has_a_language_of_its_own(
    setting: LanguageSetting, environment: dict[str, str], language: str
) -> None:
    assert terminal_language(setting, environment) == language


def test_a_file_is_written_in_each_language_of_the_setting() -> None:
    def write(translate: Translator) -> str:
        return translate("it looks incomplete")

    assert in_each("both", write) == ["it looks incomplete", "看起来还不完整"]
    assert in_each("zh", write) == ["看起来还不完整"]
