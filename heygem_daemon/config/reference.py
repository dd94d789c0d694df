"""What each setting is, in words: its group, its kind and range, its default. Help, manual page,
shell completion and the configuration reference are made from it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from heygem_daemon.config.effect import Effect, effect_of
from heygem_daemon.config.engines import engine_choices, list_in_words
from heygem_daemon.config.settings import LOG_FOLDER_NAME, Settings
from heygem_daemon.config.wording import format_setting

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Folders": ("spool", "checkpoints"),
    "Engine and devices": (
        "engine", "device", "gpus", "jobs_per_gpu", "cpu_workers", "share_chunks", "cluster",
        "cluster_paths", "threads",
        "worker_nice", "worker_io", "confine",
        "vram_margin_gib", "others_utilisation_percent", "idle_unload_minutes", "yield_vram",
        "asleep_percent", "hot_celsius", "creep_mib",
    ),
    "The result": (
        "loop", "codec", "max_height", "hdr", "audio", "audio_bitrate", "loudness", "face",
        "min_coverage", "crf", "preset", "strip", "mark", "content_producer", "c2pa_certificate",
        "c2pa_key", "c2pa_timestamp_url", "label", "label_corner", "label_percent", "label_seconds",
    ),
    "The queue": (
        "active_hours", "time_zone", "settle_seconds", "scan_seconds", "lone_file_minutes",
        "pair_minutes", "max_priority", "share_requests", "max_batch_members", "chunk_seconds",
        "max_attempts",
        "stall_seconds", "stall_probe_seconds",
        "stall_listen_seconds", "stall_track_seconds", "stall_render_seconds", "stall_join_seconds",
        "stall_review_seconds", "stop_seconds", "free_space_gib", "retention_days",
    ),
    "Limits": (
        "max_minutes", "max_megapixels", "max_pictures", "max_gigapixels", "worker_memory_gib",
    ),
    "Monitoring": (
        "status_page", "progress_files", "language", "metrics_port", "notifications",
        "notify_wait_minutes",
        "on_published", "on_published_seconds", "on_published_folders",
    ),
    "The log": ("log_level", "log_json", "log_max_mib", "log_keep", "log_folder"),
    "Hot folders": ("folders",),
}  # fmt: skip
"""The settings, in the groups and the order of ``config.toml``."""

REST = "Other"
"""The group of a setting that is in none of ``GROUPS``."""

_OWN_KINDS = {
    "engine": "|".join(engine_choices()),
    "device": "auto|cuda|cpu|UUID",
    "jobs_per_gpu": "auto|NUMBER",
    "cpu_workers": "auto|NUMBER",
    "face": "largest|left|right|NUMBER",
}
_OWN_DEFAULTS = {"log_folder": f"{LOG_FOLDER_NAME} in the spool"}
_KINDS = {
    "integer": "WHOLE", "number": "NUMBER", "boolean": "true|false", "array": "LIST",
    "string": "TEXT", "object": "TABLE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DescribedSetting:
    """One setting in words."""

    key: str
    group: str
    kind: str
    """``NUMBER``, ``WHOLE``, ``PATH``, ``TEXT``, ``LIST``, or the choices with ``|`` between."""
    bounds: str
    """As 'from 1 to 16', 'at least 0'; empty: none."""
    default: str
    """As it is written in a TOML file."""
    text: str
    effect: Effect

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it can have; empty: too many."""
        if "|" not in self.kind:
            return ()
        return tuple(each for each in self.kind.split("|") if not each.isupper() or each in _LEVELS)


_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@cache
def describe_settings() -> tuple[DescribedSetting, ...]:
    """Return all settings, group by group."""
    schema = Settings.model_json_schema()["properties"]
    grouped = {key: group for group, keys in GROUPS.items() for key in keys}
    rest = {key: REST for key in schema if key not in grouped}
    return tuple(
        DescribedSetting(
            key=key,
            group=group,
            kind=kind_of(key, schema[key]),
            bounds=bounds_of(schema[key]),
            default=_default(key),
            text=Settings.model_fields[key].description or "",
            effect=effect_of(Settings.model_fields[key]),
        )
        for key, group in {**grouped, **rest}.items()
        if key in schema
    )


def kind_of(key: str, schema: Mapping[str, Any]) -> str:
    """Return the kind of a value: see ``DescribedSetting``. ``schema``: its JSON schema."""
    if key in _OWN_KINDS:
        return _OWN_KINDS[key]
    if "anyOf" in schema:  # a path, or none
        schema = schema["anyOf"][0]
    if "enum" in schema:
        return "|".join(str(each) for each in schema["enum"])
    return "PATH" if schema.get("format") == "path" else _KINDS[schema["type"]]


def bounds_of(schema: Mapping[str, Any]) -> str:
    """Return the bounds of a value in words: see ``DescribedSetting``."""
    low, high = schema.get("minimum", schema.get("ge")), schema.get("maximum")
    words = []
    if low is not None and high is not None:
        words.append(f"from {low} to {high}")
    elif low is not None:
        words.append(f"at least {low}")
    elif (above := schema.get("exclusiveMinimum")) is not None:
        words.append(f"above {above}" + (f", at most {high}" if high is not None else ""))
    if (length := schema.get("maxLength")) is not None:
        words.append(f"of at most {length} characters")
    return " ".join(words)


def _default(key: str) -> str:
    if key in _OWN_DEFAULTS:
        return _OWN_DEFAULTS[key]
    default = Settings.model_fields[key].default
    return format_setting("" if default is None else default)


def settings_of(group: str) -> tuple[DescribedSetting, ...]:
    """Return the settings of one of ``GROUPS``."""
    return tuple(each for each in describe_settings() if each.group == group)


def describe(setting: DescribedSetting) -> str:
    """Return what a setting is, with its bounds and its default."""
    bounds = f"{setting.bounds}; " if setting.bounds else ""
    return f"{setting.text} ({bounds}default: {setting.default})"


def kind_in_words(setting: DescribedSetting) -> str:
    """Return kind and bounds of a setting as a part of a sentence, with choices as code."""
    words = {"NUMBER": "number", "WHOLE": "whole number", "PATH": "path", "TEXT": "text"}
    words |= {"LIST": "list of texts", "TABLE": "table of tables"}
    if setting.kind in words:
        return f"{words[setting.kind]} {setting.bounds}".strip()
    return f"one of {list_in_words(tuple(f'`{each}`' for each in setting.kind.split('|')))}"
