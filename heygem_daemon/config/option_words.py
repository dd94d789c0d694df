"""What people call the options of a job, and their values, in Chinese. Pure.

A sidecar's keys and values are English. These words only tell what somebody meant who wrote others.
"""

import unicodedata

KEYS: dict[str, str] = {
    "引擎": "engine",
    "模型": "engine",
    "人脸": "face",
    "面部": "face",
    "面孔": "face",
    "脸": "face",
    "人物": "face",
    "循环": "loop",
    "编解码": "codec",
    "编码": "codec",
    "格式": "codec",
    "分辨率": "max_height",
    "高度": "max_height",
    "清晰度": "max_height",
    "声音": "audio",
    "音频": "audio",
    "原声": "audio",
    "码率": "audio_bitrate",
    "比特率": "audio_bitrate",
    "响度": "loudness",
    "音量": "loudness",
    "对比图": "strip",
    "缩略图": "strip",
    "质量": "quality",
    "画质": "quality",
    "品质": "quality",
    "预设": "preset",
    "覆盖": "min_coverage",
    "优先": "priority",
}
"""The key that is meant by what a key contains. Of several words the last counts, which in Chinese
says what the others describe; of those that end together the longest."""

VALUES: dict[str, object] = {
    "左": "left",
    "左边": "left",
    "左侧": "left",
    "左脸": "left",
    "右": "right",
    "右边": "right",
    "右侧": "right",
    "右脸": "right",
    "最大": "largest",
    "高": "high",
    "高质量": "high",
    "标准": "standard",
    "普通": "standard",
    "小": "small",
    "低": "small",
    "快": "fast",
    "慢": "slow",
    "来回": "pingpong",
    "往返": "pingpong",
    "定格": "freeze",
    "冻结": "freeze",
    "原声": "own",
    "是": True,
    "开": True,
    "否": False,
    "不": False,
    "关": False,
}
"""The value that is meant by another one."""


def key_in_chinese(key: str) -> str | None:
    """Return the option that a Chinese key means; None: it means none that is known."""
    plain = unicodedata.normalize("NFKC", key)
    found = [(plain.rfind(word) + len(word), len(word), word) for word in KEYS if word in plain]
    return KEYS[max(found)[2]] if found else None
