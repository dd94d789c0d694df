"""A worker without an engine: decodes both files as the real worker does, and copies the video.

The environment variable FUZZ_DECODE turns decoding on. Without it the worker imports only the
standard library and starts in milliseconds.
"""

import json
import os
import shutil
import sys
from pathlib import Path


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
    shutil.copyfile(video, workspace / "result.mp4")
    (workspace / "report.json").write_text('{"coverage": 1.0}')
    result, report = (str(workspace / name) for name in ("result.mp4", "report.json"))
    send("rendered", job_id=job, result=result, report=report)


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
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
