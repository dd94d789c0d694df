"""Count what refusals of damaged media blame: the damage, the format, or the face.

``.venv/bin/python -m tests.fuzz.blame --count 450`` damages files of 13 containers that show a real
face, has the real pipeline read, listen and track each, and prints what the refusals blame.
"""

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from heygem_daemon.engines.base import Device, Engine
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.errors import BadInput, Interrupted
from heygem_daemon.protocol import Progress, Render
from heygem_daemon.render.pipeline import render_job
from tests.fuzz.media import FRAMES, SOUNDS, VIDEOS, clips, damaged
from tests.media.tiny_files import encode_video

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 200, 152


@lru_cache(maxsize=1)
def face_clips() -> Mapping[str, bytes]:
    """Return a good file of each container; the videos show the presenter of the demo."""
    with av.open(str(ROOT / "demo" / "presenter.mp4")) as source:
        frames = (frame for _, frame in zip(range(FRAMES), source.decode(video=0), strict=False))
        pictures = [
            frame.reformat(width=WIDTH, height=HEIGHT, format="rgb24").to_ndarray().astype(np.uint8)
            for frame in frames
        ]
    return {**clips(), **{name: encode_video(*coding, pictures) for name, coding in VIDEOS.items()}}


def judge(engine: Engine[Any], audio: Path, video: Path, folder: Path) -> str:
    """Return what the refusal of a job says; empty where it is not refused before it is drawn."""
    stages: list[str] = []

    def on_progress(progress: Progress) -> None:
        stages.append(progress.stage)

    workspace = folder / "work"
    workspace.mkdir(exist_ok=True)
    request = Render(job_id="job", audio=str(audio), video=str(video), workspace=str(workspace))
    try:
        render_job(
            engine, request, folder / "cache", on_progress, lambda: stages[-1:] == ["render"]
        )
    except Interrupted:
        return ""
    except BadInput as refusal:
        return refusal.reason
    return ""


def blamed(reason: str) -> str:
    """Return what a refusal blames."""
    if not reason:
        return "accepted"
    if "usable face" in reason and "damaged" not in reason:
        return "face"
    words = {"damaged": "damage", "truncated": "damage", "limit is": "limits", "empty": "damage"}
    return next((what for word, what in words.items() if word in reason), "content")


def run(count: int, seed: int) -> tuple[Counter[str], Counter[str], list[str]]:
    """Judge ``count`` damaged pairs. Return what was blamed, the reasons without names and numbers,
    and the refusals that blame a face."""
    chance, seeds = random.Random(seed), face_clips()
    found: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    faces = []
    with tempfile.TemporaryDirectory(prefix="heygem-blame-") as temporary:
        folder = Path(temporary)
        engine = load_engine("builtin", ROOT / "weights", Device(), folder / "checkpoints")
        for number in range(count):
            sound, video = chance.choice(list(SOUNDS)), chance.choice(list(VIDEOS))
            target = chance.choice(("audio", "video", "video", "both"))
            data = {
                "audio": damaged(chance, seeds[sound], seeds),
                "video": damaged(chance, seeds[video], seeds),
            }
            audio_path, video_path = folder / f"a.{sound}", folder / f"v{number}.{video}"
            audio_path.write_bytes(data["audio"] if target != "video" else seeds[sound])
            video_path.write_bytes(data["video"] if target != "audio" else seeds[video])
            what = blamed(reason := judge(engine, audio_path, video_path, folder))
            found[what] += 1
            reasons[f"{what}: " + re.sub(r"[av]\d*\.\w+", "FILE", re.sub(r"\d+", "0", reason))] += 1
            if what == "face":
                faces.append(f"{number}: {target}, {sound}, {video}: {reason}")
            video_path.unlink()
    return found, reasons, faces


def main() -> None:
    """Parse the arguments, judge, and print the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=450)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found, reasons, faces = run(arguments.count, arguments.seed)
    refused = found.total() - found["accepted"]
    lines = [f"| {what} | {number} |" for what, number in found.most_common()]
    said = [f"{number} times {reason}" for reason, number in reasons.most_common()]
    text = "\n".join(["| blamed | files |", "|---|---:|", *lines, "", *said, "", *faces])
    sys.stdout.write(f"{text}\n{found['face']} of {refused} refusals blame the face\n")


if __name__ == "__main__":
    main()
