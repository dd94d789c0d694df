"""Renders a face with audio as the daemon's worker does, and measures the result."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.lips.alike import Edges
from benchmarks.lips.material import ROOT, Face, Sound
from benchmarks.lips.nearness import STEP, Mouths, relative_distance
from benchmarks.lips.steadiness import Changes
from heygem_daemon.engines.base import Box, Device, Performance, Template
from heygem_daemon.engines.builtin.audio.listening import Speech, resample_to_frames
from heygem_daemon.engines.builtin.engine import BuiltinEngine
from heygem_daemon.engines.builtin.warp.person import measure_person
from heygem_daemon.face.tracking.mouth import APERTURE, measure_mouth_track
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import Render, RenderOptions
from heygem_daemon.render.draw import RenderContext, paint
from heygem_daemon.render.measures import sharpness_alike
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.template import prepare_template
from heygem_daemon.speech.activity import Curve, LevelMeter
from heygem_daemon.system.checksum import sha256_of

Floats = NDArray[np.float32]

TRACKED = ("landmarks.npy", "present.npy", "score.npy", "trouble.npy", "person.npy")
"""The files of a track."""
OUTSIDE_FRAMES = 8
"""Frames of each result in which the pixels outside the region are compared."""


class RecordingEngine(BuiltinEngine):
    """The engine, which stores its latest performance."""

    template: Template
    performance: Performance
    timeline: Timeline
    speech: Speech

    def plan_performance(self, template: Template, speech: Speech, timeline: Timeline) -> Any:
        self.template, self.timeline, self.speech = template, timeline, speech
        self.performance = super().plan_performance(template, speech, timeline)
        return self.performance


@dataclass(frozen=True, slots=True)
class Shot:
    """A rendered pair of N output frames."""

    fps: float
    heard: Floats
    """(N, 4), what the audio model predicts, z-scores."""
    targets: Floats
    """(N, 4), mouth parameters that the engine planned."""
    published: Floats
    """(N, 4), mouth parameters that the published file shows; NaN: no mouth."""
    level: Curve
    """Level of each 20 ms of the audio, dB."""
    outside: int
    """Samples outside the region that changed before encoding."""
    report: dict[str, Any]
    """The job's report."""
    alike: float | None = None
    """Sharpness relative to source pictures that are equally open."""
    flicker: float | None = None
    """Change from picture to picture where the aperture is still, relative to the source's."""
    nearness: float | None = None
    """Distance to the nearest real mouth, relative to that of real mouths among themselves."""


@dataclass(frozen=True, slots=True)
class Filmed:
    """What is measured in a face's own pictures."""

    edges: tuple[Floats, Floats]
    """Apertures and Laplacian energies (K,)."""
    still_change: float | None
    """Mean change from picture to picture where the aperture is still."""
    mouths: Mouths
    """The mouth in each picture."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A face as filmed, T pictures."""

    mouth: Floats
    """(T, 4), mouth parameters; NaN where there is no face."""
    seconds: Floats
    """(T,), when each picture is shown."""
    fps: float


@dataclass(slots=True)
class Studio:
    """An engine on one core."""

    folder: Path
    """Folder of its caches."""
    engine: RecordingEngine = field(init=False)
    state: Path = field(init=False)
    """Folder of everything that the present program and weights have made."""
    _seen: dict[str, Filmed] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        torch.set_num_threads(1)
        # Computed once: the files may change while this program runs, but the program does not.
        self.state = self.folder / digest("engines", "face", "media", "render", "speech")
        self.engine = RecordingEngine.load(ROOT / "weights", Device())
        shutil.copytree(self._tracks, self.cache, dirs_exist_ok=True, ignore=_only_tracks)

    @property
    def cache(self) -> Path:
        return self.state / "cache"

    @property
    def _tracks(self) -> Path:
        folder = self.folder / f"tracks-{digest('face', 'render/template.py')}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def actor(self, face: Face) -> Actor:
        """Return the tracked face."""
        with VideoReader(face.video) as reader:
            template = prepare_template(
                reader,
                sha256_of(face.video),
                1,
                self.engine.tracker,
                self.cache,
                lambda _done, _total: None,
            )
            seconds = reader.timestamps[: len(template.track)].astype(np.float32)
            fps = float(reader.info.fps)
        shutil.copytree(self.cache, self._tracks, dirs_exist_ok=True, ignore=_only_tracks)
        return Actor(measure_mouth_track(template.track, self.engine.reference_face), seconds, fps)

    def shoot(self, face: Face, sound: Sound) -> Shot:
        """Render and measure. Raises BadInput if the daemon would refuse the pair."""
        workspace = self.state / f"{face.name}--{sound.name}"
        workspace.mkdir(parents=True, exist_ok=True)
        request = Render(
            job_id="benchmark",
            audio=str(sound.audio),
            video=str(face.video),
            workspace=str(workspace),
            options=RenderOptions(),
        )
        rendered = render_job(self.engine, request, self.cache, lambda _: None, lambda: False)
        for segment in workspace.glob("segment-*"):
            segment.unlink()
        landmarks = self.engine.template.track.landmarks[self.engine.timeline.source_indices]
        edges = Edges(landmarks)
        person = measure_person(self.engine.template.track, self.engine.reference_face)
        changes = Changes(person, self.engine.timeline.source_indices)
        mouths = Mouths(person, self.engine.timeline.source_indices, STEP)
        with VideoReader(Path(rendered.result)) as reader:
            pictures = mouths.observe(changes.observe(edges.observe(reader.read_range())))
            track = self.engine.tracker.track(pictures)
        published = measure_mouth_track(track, self.engine.reference_face)
        performance = self.engine.performance
        drawn = [performance.region(frame) is not None for frame in range(len(published))]
        published[~np.array(drawn)] = np.nan
        assert performance.target_parameters is not None, (
            "the built-in engine has target parameters"
        )
        timeline, filmed = self.engine.timeline, self._filmed(face)
        still_change = changes.while_still(published[:, APERTURE])
        return Shot(
            fps=float(timeline.fps),
            heard=resample_to_frames(self.engine.speech, len(timeline), timeline.fps).scores,
            targets=performance.target_parameters,
            published=published,
            level=level_of(read_waveform(sound.audio)),
            outside=self._outside(face, np.flatnonzero(drawn)),
            report=json.loads(Path(rendered.report).read_text()),
            alike=sharpness_alike(edges.with_apertures(published[:, APERTURE]), filmed.edges),
            flicker=None
            if still_change is None or filmed.still_change is None
            else still_change / filmed.still_change,
            nearness=relative_distance(mouths, filmed.mouths, np.array(drawn)),
        )

    def _filmed(self, face: Face) -> Filmed:
        """Return what is measured in a face's own pictures."""
        if face.name not in self._seen:
            track, reference = self.engine.template.track, self.engine.reference_face
            edges = Edges(np.asarray(track.landmarks))
            person, places = measure_person(track, reference), np.arange(len(track), dtype=np.int32)
            changes, mouths = Changes(person, places), Mouths(person, places)
            with VideoReader(face.video) as reader:
                for _ in mouths.observe(changes.observe(edges.observe(reader.read_range()))):
                    pass
            apertures = measure_mouth_track(track, reference)[:, APERTURE]
            self._seen[face.name] = Filmed(
                edges.with_apertures(apertures), changes.while_still(apertures), mouths
            )
        return self._seen[face.name]

    def _outside(self, face: Face, drawn: NDArray[np.intp]) -> int:
        """Return the changed samples outside the region in a few frames, before encoding."""
        engine, changed = self.engine, 0
        positions = np.linspace(0, len(drawn) - 1, OUTSIDE_FRAMES).round().astype(int)
        frames = sorted(set(drawn[positions].tolist()))
        with VideoReader(face.video) as reader:
            context = RenderContext(
                reader, engine.timeline, engine, engine.performance, RenderOptions()
            )
            sources = reader.read_indices(engine.timeline.source_indices[frames].tolist())
            for frame, source in zip(frames, sources, strict=True):
                (drawn_picture,) = paint(context, [(frame, source)])
                changed += changed_outside(source, drawn_picture, engine.performance.region(frame))
        return changed


def changed_outside(before: Picture, after: Picture, box: Box | None) -> int:
    """Return the number of samples of luma and chroma that differ outside ``box``."""
    changed = 0
    planes = ((before.y, after.y, 1), (before.u, after.u, 2), (before.v, after.v, 2))
    for one, other, step in planes:
        differs = one != other
        if box is not None:
            rows = slice(box.top // step, box.bottom // step)
            differs[rows, box.left // step : box.right // step] = False
        changed += int(differs.sum())
    return changed


def level_of(blocks: Iterable[Floats]) -> Curve:
    """Return the level of each 20 ms of audio, dB."""
    meter = LevelMeter()
    for _ in meter.measure(blocks):
        pass
    return meter.level


def digest(*parts: str) -> str:
    """Return 12 digits that identify the package's files ``parts`` and the weights."""
    package, total = ROOT / "heygem_daemon", hashlib.sha256()
    places = [package / part for part in parts]
    code = [
        path for place in places for path in ([place] if place.is_file() else place.rglob("*.py"))
    ]
    for path in sorted(code) + sorted((ROOT / "weights").rglob("*.safetensors")):
        total.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:12]


def _only_tracks(folder: str, names: list[str]) -> set[str]:
    """Return the names that are not part of a track: what engines derive depends on more."""
    return {name for name in names if not (Path(folder) / name).is_dir() and name not in TRACKED}
