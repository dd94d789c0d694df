"""A reload: which settings change at run time, and where they then act."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.config.effect import Effect, effect_of
from heygem_daemon.config.folders import PriorityCaps
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import ConfigurationError
from heygem_daemon.service.loop import Service
from heygem_daemon.service.running_jobs import build_render
from heygem_daemon.spool.job import Job
from heygem_daemon.system.units import GIB, MIB
from tests.fakes.service import ServiceHarness

OTHER: dict[str, object] = {
    "spool": "/srv/other", "engine": "builtin", "device": "cpu", "gpus": ("GPU-12345678",),
    "jobs_per_gpu": 2, "cpu_workers": 3, "share_chunks": False, "others_utilisation_percent": 50,
    "idle_unload_minutes": 7.0, "cluster": "auto", "cluster_paths": {"anna": Path("/mnt/spool")},
    "yield_vram": True, "checkpoints": "/srv/mine", "chunk_seconds": 11.0, "max_attempts": 9,
    "retention_days": 2.0, "free_space_gib": 3.0, "loop": "freeze", "audio": "copy", "face": 2,
    "settle_seconds": 7.0, "scan_seconds": 3.0, "min_coverage": 0.4, "strip": False, "crf": 30,
    "preset": "slow", "threads": 3, "worker_nice": 5, "worker_io": "idle",
    "confine": "off", "vram_margin_gib": 2.0,
    "asleep_percent": 9.0, "hot_celsius": 60.0, "creep_mib": 99, "lone_file_minutes": 3.0,
    "pair_minutes": 9.0,
    "max_priority": 5, "max_batch_members": 12, "stall_seconds": 77.0,
    "stall_probe_seconds": 71.0, "stall_listen_seconds": 72.0, "stall_track_seconds": 73.0,
    "stall_render_seconds": 74.0, "stall_join_seconds": 75.0, "stall_review_seconds": 76.0,
    "max_minutes": 5.0,
    "max_megapixels": 4.0, "max_pictures": 123, "max_gigapixels": 7.0, "worker_memory_gib": 6.0,
    "stop_seconds": 44.0, "log_level": "DEBUG", "log_json": True, "log_max_mib": 2.0,
    "codec": "hevc", "max_height": 480, "hdr": "keep", "audio_bitrate": 96, "loudness": -23,
    "c2pa_certificate": "/srv/c.pem", "c2pa_key": "/srv/k.pem", "c2pa_timestamp_url": "http://t",
    "label": "AI", "label_corner": "top-left", "label_percent": 9.0,
    "label_seconds": 4.0, "mark": False, "content_producer": "Somebody", "log_keep": 4,
    "log_folder": "/srv/logs", "status_page": False, "language": "zh", "metrics_port": 9877,
    "progress_files": False,
    "share_requests": False,
    "active_hours": ("Mon 00:00-24:00",), "time_zone": "Asia/Tokyo",
    "notifications": "/srv/n.toml", "notify_wait_minutes": 7.0, "on_published": ("true",),
    "on_published_seconds": 9.0, "on_published_folders": (Path("/srv/archive"),),
    "folders": {"anna": {"face": "left", "max_priority": 7}},
}  # fmt: skip
"""A value for each setting that is not its default."""

RESTART = [
    key for key, field in Settings.model_fields.items() if effect_of(field) is Effect.RESTART
]
AT_RUN_TIME = [key for key in Settings.model_fields if key not in RESTART]

Act = Callable[[Any, Any], object]


def plain(service: Any) -> Any:
    return service._claims._inboxes.plain


def render(service: Any, job: Job) -> Any:
    return build_render(job, service._dispatcher._settings)


ACTS: dict[str, Act] = {
    "gpus": lambda service, _: service._dispatcher._devices._policy.gpus,
    "jobs_per_gpu": lambda service, _: service._dispatcher._devices._policy.jobs_per_gpu,
    "cpu_workers": lambda service, _: service._dispatcher.capacity,
    "share_chunks": lambda service, _: service._dispatcher.attempts._sharing._settings.share_chunks,
    "others_utilisation_percent": lambda service, _: (
        service._dispatcher._devices._policy.others_utilisation_percent
    ),
    "idle_unload_minutes": lambda service, _: (
        service._dispatcher.attempts._reaper._idle_policy.idle_seconds / 60
    ),
    "yield_vram": lambda service, _: (
        service._dispatcher.attempts._reaper._idle_policy.yields_to_others
    ),
    "chunk_seconds": lambda service, job: render(service, job).options.chunk_seconds,
    "max_attempts": lambda service, _: service._dispatcher._outcomes._max_attempts,
    "retention_days": lambda service, _: (
        service._sweeper._days if service._sweeper._days == service._clock_guard._days else None
    ),
    "free_space_gib": lambda service, job: (
        service._dispatcher._disk_space._keep / GIB
        if service._batches._keep == service._dispatcher._disk_space._keep
        and render(service, job).keep_free_bytes == service._batches._keep
        else None
    ),
    "loop": lambda service, job: render(service, job).options.loop,
    "audio": lambda service, job: render(service, job).options.audio,
    "codec": lambda service, job: render(service, job).options.codec,
    "max_height": lambda service, job: render(service, job).options.max_height,
    "hdr": lambda service, job: render(service, job).options.hdr,
    "audio_bitrate": lambda service, job: render(service, job).options.audio_bitrate,
    "loudness": lambda service, job: render(service, job).options.loudness,
    "mark": lambda service, job: render(service, job).producer is not None,
    "content_producer": lambda service, job: render(service, job).producer,
    "face": lambda service, job: render(service, job).options.face,
    "settle_seconds": lambda service, _: (
        plain(service)._settler._quiet_seconds
        if plain(service)._folders._quiet == plain(service)._settler._quiet_seconds
        else None
    ),
    "progress_files": lambda service, _: service._dispatcher._notes._settings.progress_files,
    "scan_seconds": lambda service, _: service._settings.scan_seconds,
    "min_coverage": lambda service, job: render(service, job).options.min_coverage,
    "strip": lambda service, job: render(service, job).options.strip,
    "crf": lambda service, job: render(service, job).options.crf,
    "preset": lambda service, job: render(service, job).options.preset,
    "vram_margin_gib": lambda service, job: render(service, job).keep_free_vram_bytes / GIB,
    "asleep_percent": lambda service, _: service._dispatcher._gpu_monitor._limits.asleep_percent,
    "hot_celsius": lambda service, _: service._dispatcher._gpu_monitor._limits.hot_celsius,
    "creep_mib": lambda service, _: service._dispatcher._gpu_monitor._limits.creep_bytes // MIB,
    "lone_file_minutes": lambda service, _: (
        plain(service)._lone_seconds / 60
        if plain(service)._folders._lone_seconds == plain(service)._lone_seconds
        else None
    ),
    "pair_minutes": lambda service, _: plain(service)._pair_minutes,
    "max_priority": lambda service, _: (
        service._dispatcher._queue._caps.overall
        if plain(service)._caps == service._dispatcher._queue._caps
        else None
    ),
    "folders": lambda service, _: {
        name: intake.hot_folder.profile
        for name, intake in service._claims._inboxes._hot.items()
        if service._dispatcher._queue._caps.clamp(100, name) == 7
    },
    "max_batch_members": lambda service, _: (
        service._claims._max_batch_members
        if plain(service)._folders._max_members == service._claims._max_batch_members
        else None
    ),
    "max_minutes": lambda service, job: render(service, job).limits.minutes,
    "max_megapixels": lambda service, job: render(service, job).limits.megapixels,
    "max_pictures": lambda service, job: render(service, job).limits.pictures,
    "max_gigapixels": lambda service, job: render(service, job).limits.gigapixels,
    "worker_memory_gib": lambda service, job: render(service, job).memory_bytes / GIB,
    "active_hours": lambda service, _: (
        ("Mon 00:00-24:00",) if service._dispatcher._rest._hours.windows else ()
    ),
    "time_zone": lambda service, _: service._dispatcher._rest._hours.zone.key,
    "stop_seconds": lambda service, _: service._settings.stop_seconds,
    "language": lambda service, _: service._spool.language,
}
"""Where each setting acts within the service. Those that are not here act in the order to a worker,
which is made from the dispatcher's settings."""

FOLLOWED = {
    "log_level",
    "log_json",
    "log_max_mib",
    "log_keep",
    "log_folder",
    "metrics_port",
    "status_page",
    "share_requests",
    "notifications",
    "notify_wait_minutes",
    "on_published",
    "on_published_seconds",
    "on_published_folders",
} | {key for key in Settings.model_fields if key.startswith("stall_")}
"""The settings of the worker pool, the log and what monitors the daemon, which
the program changes in ``follow_settings``."""


TOGETHER = {"c2pa_certificate": "c2pa_key", "c2pa_key": "c2pa_certificate"}
"""Settings that are wrong without the other one."""


def changed(harness: ServiceHarness, **values: object) -> Settings:
    values |= {TOGETHER[key]: OTHER[TOGETHER[key]] for key in list(values) if key in TOGETHER}
    return Settings.model_validate({**harness.settings.model_dump(), **values})


def start(harness: ServiceHarness) -> tuple[Service, Job]:
    """Return a service with a job that waits."""
    harness.executor.answer = lambda _render: []
    service = harness.service()
    harness.drop("a.wav", "a.mp4")
    harness.run_rounds(service, 8)
    (running,) = service._dispatcher.attempts.running
    return service, running.job


def reload(harness: ServiceHarness, service: Service) -> None:
    service.request_reload()
    harness.run_rounds(service, 2)


def test_every_setting_says_when_a_change_of_it_takes_effect() -> None:
    assert set(OTHER) == set(Settings.model_fields)
    assert set(ACTS) | FOLLOWED <= set(AT_RUN_TIME)
    for field in Settings.model_fields.values():
        assert effect_of(field) in Effect


@pytest.mark.parametrize("key", AT_RUN_TIME)
def test_a_setting_changes_at_run_time_where_it_acts(harness: ServiceHarness, key: str) -> None:
    service, job = start(harness)
    harness.reloaded = lambda: changed(harness, **{key: OTHER[key]})
    reload(harness, service)
    followed = getattr(harness.followed[-1], key)
    ordered = getattr(service._dispatcher._settings, key)
    acting = ACTS[key](service, job) if key in ACTS else ordered
    expected = getattr(changed(harness, **{key: OTHER[key]}), key)
    assert acting == followed == expected != getattr(harness.settings, key)
    assert harness.logged(f"setting {key} = ") == 1
    assert harness.status().settings_note is None


@pytest.mark.parametrize("key", RESTART)
def test_a_setting_that_needs_a_restart_is_named_and_not_changed(
    harness: ServiceHarness, key: str
) -> None:
    service, _ = start(harness)
    harness.reloaded = lambda: changed(harness, **{key: OTHER[key]})
    reload(harness, service)
    assert all(each == harness.settings for each in harness.followed)
    assert harness.logged("needs a restart; until then it is") == 1
    assert harness.status().settings_note == f"changed settings need a restart: {key}"
    assert any(f"need a restart: {key}" in each for each in harness.notifier.sent)
    harness.reloaded = lambda: harness.settings
    reload(harness, service)
    assert harness.status().settings_note is None


def test_an_invalid_file_leaves_the_settings_in_force_and_says_so(harness: ServiceHarness) -> None:
    service, job = start(harness)

    def fail() -> Settings:
        raise ConfigurationError("a.toml: crf = 99: too much\na.toml: loop = 3: what?")

    harness.reloaded = fail
    reload(harness, service)
    assert render(service, job).options.crf == harness.settings.crf
    assert harness.logged("the settings stay as they were: a.toml: crf = 99") == 1
    assert harness.logged("the settings stay as they were: a.toml: loop = 3") == 1
    note = "the configuration is wrong and not in force: a.toml: crf = 99: too much (and 1 more)"
    assert harness.status().settings_note == note
    harness.reloaded = lambda: changed(harness, crf=21)
    reload(harness, service)
    assert render(service, job).options.crf == 21
    assert harness.status().settings_note is None


def test_a_bug_in_the_reading_ends_nothing(harness: ServiceHarness) -> None:
    service, _ = start(harness)
    harness.reloaded = lambda: 1 // 0  # type: ignore[assignment]
    reload(harness, service)
    assert harness.notifier.sent.count("READY=1") == 1
    assert harness.status().state == "working"


def test_systemd_hears_of_the_beginning_and_the_end(harness: ServiceHarness) -> None:
    service, _ = start(harness)
    harness.reloaded = lambda: harness.settings
    reload(harness, service)
    begin = next(each for each in harness.notifier.sent if each.startswith("RELOADING=1\n"))
    assert int(begin.partition("\nMONOTONIC_USEC=")[2]) > 0
    assert harness.notifier.sent.index("READY=1") > harness.notifier.sent.index(begin)


def test_a_running_job_is_not_interrupted_and_ends_with_its_old_settings(
    harness: ServiceHarness,
) -> None:
    service, job = start(harness)
    others = {key: OTHER[key] for key in AT_RUN_TIME if key != "audio"}  # "copy" excludes others
    harness.reloaded = lambda: changed(harness, **others)
    before = len(harness.executor.workers)
    reload(harness, service)
    assert [each.job.id for each in service._dispatcher.attempts.running] == [job.id]
    assert len(harness.executor.workers) == before


def test_a_lower_priority_limit_counts_for_what_waits(harness: ServiceHarness) -> None:
    service, job = start(harness)
    queue = service._dispatcher._queue
    options = job.journal.options.model_copy(update={"priority": 50})
    urgent = job.journal.model_copy(update={"options": options})
    queue.append(replace(job, journal=urgent))
    queue.limit_priorities(PriorityCaps(5))
    assert [each.priority for each in queue] == [5]


def test_the_log_folder_follows_the_spool_only_at_a_restart(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    service, _ = start(harness)
    harness.reloaded = lambda: Settings.model_validate({"spool": tmp_path / "elsewhere"})
    reload(harness, service)
    assert harness.followed[-1].log_folder == harness.settings.log_folder
    assert harness.status().settings_note == "changed settings need a restart: spool"
