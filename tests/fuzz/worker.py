"""A worker without an engine: decodes both files as the real worker does, and copies the video.

The environment variable FUZZ_DECODE turns decoding on. Without it the worker imports only the
standard library and starts in milliseconds. FUZZ_SECONDS is how long it waits for each 100 KB of a
job, and at least; it counts the seconds in the job's folder and goes on there after a halt.
"""

import json
import os
import shutil
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

HEAVY_BYTES = 100_000
CHUNK_SECONDS = 0.5
SPEED = 25.0
HALTED = threading.Event()
PAUSED = set[str]()
"""The ids of the jobs that are to pause."""


def send(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def decode(audio: Path, video: Path) -> None:
    """Read both files to their ends. Raises what the real worker raises for bad files."""
    from heygem_daemon.media.probe import probe_audio, probe_video  # noqa: PLC0415
    from heygem_daemon.media.video_reader import VideoReader  # noqa: PLC0415
    from heygem_daemon.media.waveform import read_waveform  # noqa: PLC0415

    probe_audio(audio)
    probe_video(video)
    read_waveform(audio)
    with VideoReader(video) as reader:
        for _ in reader.read_indices(range(reader.frame_count)):
            pass


def wait(job: str, waited: Path, size: int) -> bool:
    """Wait as long as a job of ``size`` bytes takes; return False at a halt or a pause."""
    if not os.environ.get("FUZZ_SECONDS"):
        return True
    total = float(os.environ["FUZZ_SECONDS"]) * max(1.0, size / HEAVY_BYTES)
    done = float(waited.read_text()) if waited.exists() else 0.0
    while done < total and not HALTED.wait(CHUNK_SECONDS) and job not in PAUSED:
        done += CHUNK_SECONDS
        waited.write_text(str(done))
        chunk, chunks = (1 + int(seconds / CHUNK_SECONDS) for seconds in (done, total))
        # The daemon counts these: a pause after a new one costs the job nothing.
        (waited.parent / f"segment-{chunk:05}.mp4").touch()
        count = max(chunk, chunks)
        # Without a speed each chunk would count as one of an earlier attempt.
        send("progress", job_id=job, stage="render", chunk=chunk, chunks=count, fps=SPEED)
    return done >= total


def render(message: dict[str, str]) -> None:
    job, workspace = message["job_id"], Path(message["workspace"])
    audio, video = Path(message["audio"]), Path(message["video"])
    send("progress", job_id=job, stage="render", chunk=1, chunks=1)
    if os.environ.get("FUZZ_DECODE"):
        from heygem_daemon.worker.main import failure_message  # noqa: PLC0415

        try:
            decode(audio, video)
        except Exception as error:  # noqa: BLE001 - as the real worker: everything is an answer
            sys.stdout.write(failure_message(job, error).model_dump_json() + "\n")
            sys.stdout.flush()
            return
    if not wait(job, workspace / "waited", audio.stat().st_size + video.stat().st_size):
        if not HALTED.is_set():
            PAUSED.discard(job)
            send("paused", job_id=job)
            return
        send("halted", job_id=job)
        os._exit(0)
    shutil.copyfile(video, workspace / "result.mp4")
    (workspace / "report.json").write_text('{"coverage": 1.0}')
    result, report = (str(workspace / name) for name in ("result.mp4", "report.json"))
    send("rendered", job_id=job, result=result, report=report)


def receive(messages: "SimpleQueue[dict[str, str] | None]") -> None:
    """Read messages in a thread, so that a halt or a pause is heard during a job."""
    for line in sys.stdin:
        message = json.loads(line)
        if message["kind"] == "halt":
            HALTED.set()
        if message["kind"] == "pause":
            PAUSED.add(message["job_id"])
        else:
            messages.put(message)
    messages.put(None)


def main() -> None:
    messages: SimpleQueue[dict[str, str] | None] = SimpleQueue()
    threading.Thread(target=receive, args=(messages,), daemon=True).start()
    while (message := messages.get()) is not None:
        if message["kind"] == "load":
            send(
                "ready",
                engine="fake",
                device="cpu",
                device_name="CPU",
                uuid=None,
                precision="float32",
                seconds=0.0,
                vram_bytes=None,
                rss_bytes=1,
                weights_sha256="",
            )
        elif message["kind"] == "render":
            render(message)
        else:
            send("halted")
            return


main()
