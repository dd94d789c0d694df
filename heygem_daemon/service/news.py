"""What workers tell between a job's start and its end: kept, and said in the log."""

from loguru import logger

from heygem_daemon.protocol import Note, Progress, Ready
from heygem_daemon.service.work import Running, finished_chunk, log_of

MEBIBYTE = 1 << 20


def follow(running: Running, progress: Progress, now: float) -> None:
    """Take down how far a job is, at monotonic time ``now``."""
    about = log_of(running.job)
    if done := finished_chunk(running.progress, progress):
        # Nothing drawn so far: an earlier attempt had rendered it.
        how = f"at {done.fps:.1f} fps" if done.fps else "taken over"
        about.info("chunk {}/{} {}", done.chunk, done.chunks, how)
    if running.progress is None or running.progress.stage != progress.stage:
        about.debug("stage {}", progress.stage)
    running.progress = progress
    running.heard = now


def log_note(note: Note, running: Running | None) -> None:
    """A worker's own line, under the name of its job if it has one."""
    about = log_of(running.job) if running else logger
    about.log(note.level, "worker: {}", note.text)


def log_ready(ready: Ready) -> None:
    """What was loaded, where, and what it takes."""
    on_gpu = ready.vram_bytes is not None
    held = ready.vram_bytes if ready.vram_bytes is not None else ready.rss_bytes
    uuid = {"uuid": ready.uuid} if ready.uuid else {}
    about = logger.bind(**uuid, weights=ready.weights_sha256[:12])
    about.info(
        "model loaded: engine {} on {} ({}), {}, {} MiB {}, in {:.1f} s",
        ready.engine,
        ready.device_name,
        ready.device,
        ready.precision,
        held // MEBIBYTE,
        "VRAM" if on_gpu else "RAM",
        ready.seconds,
    )
    for line in evidence_of(ready):
        about.info("model {}", line)


def evidence_of(ready: Ready) -> list[str]:
    """What proves where a model is, a line each: device, name and UUID of a GPU, memory, types of
    numbers and why these, and where torch says that the weights lie."""
    lines = [f"device: {ready.device}"]
    if ready.uuid is not None:
        lines += [f"GPU: {ready.device_name}", f"GPU UUID: {ready.uuid}"]
    if ready.vram_allocated_bytes is not None:
        reserved = (ready.vram_bytes or 0) // MEBIBYTE
        allocated = ready.vram_allocated_bytes // MEBIBYTE
        lines.append(f"memory: {allocated} MiB VRAM allocated, {reserved} MiB reserved")
    else:
        lines.append(f"memory: {ready.rss_bytes // MEBIBYTE} MiB RAM")
    why = f": {ready.precision_reason}" if ready.precision_reason else ""
    lines.append(f"precision: {ready.precision}{why}")
    if ready.parameters_device:
        lines.append(f"parameters: next(model.parameters()).device is {ready.parameters_device}")
    if ready.resident_bytes:
        lines.append(_need(ready))
    return lines


def _need(ready: Ready) -> str:
    host = f"{ready.host_bytes // MEBIBYTE} MiB of main memory for a whole job"
    if ready.uuid is None:
        return f"need: {host}"
    each = f"{ready.per_frame_bytes / MEBIBYTE:.1f} MiB a frame, of {ready.batch} at once"
    return f"need: {ready.resident_bytes // MEBIBYTE} MiB of the GPU and {each}; {host}"
