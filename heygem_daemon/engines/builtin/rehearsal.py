"""Decide a whole job before its first frame is drawn."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.base import PerformanceSummary, Template
from heygem_daemon.engines.builtin.adaptation import adapted
from heygem_daemon.engines.builtin.asking import asked, usual_width
from heygem_daemon.engines.builtin.bank import Bank, open_bank
from heygem_daemon.engines.builtin.calibration import closure, drawable, expression, mouth_targets
from heygem_daemon.engines.builtin.casting import Cast, Donors, Wish, cast, seen_changes
from heygem_daemon.engines.builtin.habits import habits_of_each
from heygem_daemon.engines.builtin.listening import Speech, resampled
from heygem_daemon.engines.builtin.own_speech import OwnSpeech
from heygem_daemon.engines.builtin.pace import paced
from heygem_daemon.engines.builtin.performance import MouthPerformance, Script
from heygem_daemon.engines.builtin.person import Person, measure_person
from heygem_daemon.engines.builtin.shape import MouthShape
from heygem_daemon.engines.strength import Strength, strength_of
from heygem_daemon.errors import BadInput
from heygem_daemon.face.mouth import APERTURE, WIDTH
from heygem_daemon.face.track import Trouble
from heygem_daemon.media.timeline import Timeline

Floats = NDArray[np.float32]

NO_FACE = "No usable human face was found in the pictures of {name}{why}."
SHOW_FACE = "Use a video in which one real human face looks towards the camera."
NEVER_OPEN = 0.05
"""Where a mouth opens less than this (97th percentile, IOD), nothing can be borrowed."""
PAINT_FROM, PAINT_OVER = 1.3, 0.03
"""Own pixels serve up to this stretch; beyond it, paint takes over within this much aperture."""
SEEN_FROM = 0.02
"""Between lips that are open by less, IOD, nobody sees whether anything is painted."""
SILENT = "The sound is silent: there was nothing to speak."
NO_VOICE = "No voice was heard in the sound: there was nothing to speak."
SPOKEN = 0.5
"""Activity from which somebody speaks."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What listening adds to a summary."""

    figures: dict[str, float | int | str | bool] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def rehearse(
    template: Template,
    person: Person,
    own: OwnSpeech,
    speech: Speech,
    timeline: Timeline,
    shape: MouthShape,
    device: torch.device,
) -> MouthPerformance:
    """The performance of ``speech`` by the ``person`` of ``template``."""
    targets = targets_of(person, own, speech, timeline, shape)
    notes = Notes(own.figures, warnings_of(speech))
    return stage(template, person, timeline.sources, targets, shape, device, notes)


def targets_of(
    person: Person, own: OwnSpeech, speech: Speech, timeline: Timeline, shape: MouthShape
) -> Floats:
    """Mouth parameters (N, 4) that are wanted in each frame of the output."""
    fps = float(timeline.fps)
    track = person.track
    habits = habits_of_each(person.parameters, track.person, own.speaking, track.usable, fps, shape)
    said = adapted(replace(speech, closed=closure(speech.closed)), own.adaptation)
    shot = track.person[timeline.sources]
    source = filled(person.parameters)[timeline.sources]
    heard = resampled(said, len(timeline), timeline.fps)
    base = expression(source, shot, fps)
    targets = np.empty_like(base)
    for number in np.unique(shot).tolist():
        shown = shot == number
        # Each has the whole sound's ranks: nobody's part of it is a speech of its own.
        targets[shown] = mouth_targets(heard, base, habits[number], fps)[shown]
    targets[:, APERTURE] = paced(targets[:, APERTURE], fps)
    return drawable(targets, source)


def warnings_of(speech: Speech) -> tuple[str, ...]:
    """What to tell of a sound in which nobody speaks."""
    if speech.silent:
        return (SILENT,)
    return () if (speech.activity > SPOKEN).any() else (NO_VOICE,)


def meet(template: Template, reference: Floats, timeline: Timeline) -> Person:
    """The measured person of a template. Raises BadInput where the job shows no face."""
    if not template.track.usable[timeline.sources].any():
        raise no_face(template.track.trouble[timeline.sources], template.video.name)
    return measure_person(template.track, reference)


def no_face(trouble: NDArray[np.uint8], name: str) -> BadInput:
    """Why nothing can be drawn, by what most of the pictures lack."""
    most = Trouble(int(np.bincount(trouble).argmax()))
    why = "" if most is Trouble.NO_FACE else f" ({most.text})"
    return BadInput(NO_FACE.format(name=name, why=why), SHOW_FACE)


def stage(
    template: Template,
    person: Person,
    sources: NDArray[np.int32],
    targets: Floats,
    shape: MouthShape,
    device: torch.device,
    notes: Notes | None = None,
) -> MouthPerformance:
    """The performance in which output frame i shows picture ``sources[i]`` with the mouth
    parameters ``targets[i]``. ``notes`` join the summary."""
    strength = strength_of(
        person.track.trouble[sources], person.angles[sources], person.pose.scale[sources]
    )
    boxes = [
        person.planes.box(source, template.width, template.height) if value > 0 else None
        for source, value in zip(sources.tolist(), strength.values, strict=True)
    ]
    own = filled(person.parameters)[sources]
    wanted = own + strength.values[:, None] * (targets - own)
    usual = usual_width(person.parameters, person.track.person)[sources]
    bank = open_bank(person, template.video, template.cache)
    if np.nanpercentile(person.parameters[:, APERTURE], 97) < NEVER_OPEN:
        bank = Bank(bank.patches[:0], bank.sources[:0], bank.skin[:0])
    script = Script(
        sources=sources,
        boxes=boxes,
        wanted=wanted.astype(np.float32),
        asked=asked(wanted.astype(np.float32), own, usual),
        strength=strength.values,
        cast=casting_of(person, bank, sources, wanted),
        painted=painted(wanted, own) * strength.values * without_donor(person, bank, sources),
    )
    summary = summarize(script, strength, bank, notes or Notes())
    black = 0.0 if template.colour.full_range else 16.0
    return MouthPerformance(script, person, bank, shape.basis, black, device, summary)


def casting_of(person: Person, bank: Bank, sources: NDArray[np.int32], wanted: Floats) -> Cast:
    """Who lends the inside of the mouth to each output frame."""
    own, angles = filled(person.parameters)[sources], filled(person.angles)[sources]
    lent, turned = person.parameters[bank.sources], person.angles[bank.sources]
    wish = Wish(
        wanted[:, APERTURE],
        wanted[:, WIDTH],
        own[:, APERTURE],
        own[:, WIDTH],
        angles[:, 0],
        angles[:, 1],
        person.track.person[sources],
    )
    donors = Donors(
        bank.sources,
        lent[:, APERTURE],
        lent[:, WIDTH],
        turned[:, 0],
        turned[:, 1],
        person.track.person[bank.sources],
    )
    return cast(wish, donors)


def painted(wanted: Floats, own: Floats) -> Floats:
    """(N,) share of the inside that must be painted, where nothing can be borrowed."""
    lacking = wanted[:, APERTURE] - PAINT_FROM * own[:, APERTURE]
    share: Floats = np.clip(lacking / PAINT_OVER, 0, 1).astype(np.float32)
    return share


def without_donor(person: Person, bank: Bank, sources: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(N,): the bank holds no mouth of the person whom the frame shows."""
    shown = person.track.person
    return ~np.isin(shown[sources], shown[bank.sources])


def filled(values: Floats) -> Floats:
    """``values`` (T, P) with rows of NaN interpolated from their neighbours."""
    known = np.flatnonzero(np.isfinite(values[:, 0]))
    rows = np.arange(len(values))
    columns = [np.interp(rows, known, column[known]) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def summarize(script: Script, strength: Strength, bank: Bank, notes: Notes) -> PerformanceSummary:
    """What the report says."""
    drawn = np.array([box is not None for box in script.boxes])
    reasons = dict(strength.reasons)
    cropped = float(((strength.values > 0) & ~drawn).mean())
    if cropped:
        reasons["mouth outside the picture"] = cropped
    warnings = [*notes.warnings]
    apertures = script.wanted[:, APERTURE]
    # Lips that stay shut, as in a silent sound, leave no room for paint.
    if not len(bank) and ((script.painted > 0) & (apertures > SEEN_FROM)).any():
        warnings.append("The video never opens its mouth: teeth and tongue are painted.")
    changes = seen_changes(script.cast.first, bank.sources, apertures)
    return PerformanceSummary(
        coverage=float(drawn.mean()),
        passed_through=reasons,
        figures={
            "mouths_in_bank": len(bank),
            "seen_donor_changes": round(float(changes.mean()), 4),
            "mean_aperture": round(float(apertures.mean()), 4),
            **notes.figures,
        },
        warnings=tuple(warnings),
    )
