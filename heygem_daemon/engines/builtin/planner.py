"""How fast a mouth may open and shut.

What is asked of the drawing, so that its pictures show what is wanted.

A tracker, as a viewer, reads the corners of a mouth by all that is around them: the same corners
are nearer to each other in lips that have closed than in the open mouth that they were. How much
nearer goes with how wide the picture's own mouth is for this person.

Decide a whole job before its first frame is drawn.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import PerformanceSummary, Template
from heygem_daemon.engines.builtin.audio.listening import Speech, resample_to_frames
from heygem_daemon.engines.builtin.interior.donor_selection import (
    DonorRequirements,
    Donors,
    DonorSelection,
    select_donors,
    visible_changes,
)
from heygem_daemon.engines.builtin.interior.mouth_bank import MouthBank, load_bank
from heygem_daemon.engines.builtin.performance import MouthPerformance, MouthPlan
from heygem_daemon.engines.builtin.targets.calibration import (
    extract_expression,
    limit_to_drawable,
    lip_closure,
    mouth_targets,
)
from heygem_daemon.engines.builtin.targets.speaker_adaptation import (
    SpeakerAdaptation,
    apply_correction,
)
from heygem_daemon.engines.builtin.targets.speaking_style import measure_speaking_styles
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import Person, measure_person
from heygem_daemon.engines.strength import Strength, compute_strength
from heygem_daemon.errors import BadInput
from heygem_daemon.face.tracking.mouth import APERTURE, WIDTH
from heygem_daemon.face.tracking.track import MouthProblem
from heygem_daemon.media.timeline import Timeline

APERTURE_SPEED_LIMIT = 2.0
"""IOD a second by which lips part or meet at most: 0.08 between pictures at 25 a second. The
fastest that ten speaking faces were seen to do is 0.7 to 2.6, in 99 of 100 pictures less than 1.5;
a sound alone asks for up to 3.2, which looks as if a picture were missing."""


def limit_aperture_speed(apertures: Floats, fps: float) -> Floats:
    """``apertures`` (N,) lowered where lips would be too fast: a mouth that opens at once takes
    its time, and one that must be shut begins early. No closure is lost, none is late."""
    step = APERTURE_SPEED_LIMIT / fps
    return _rising(_rising(apertures, step)[::-1], step)[::-1]


def _rising(apertures: Floats, step: float) -> Floats:
    """The highest curve (N,) below ``apertures`` that grows by at most ``step`` a frame."""
    slope = step * np.arange(len(apertures))
    lowered: Floats = (np.minimum.accumulate(apertures - slope) + slope).astype(np.float32)
    return lowered


WIDTH_LOSS = 0.3
"""Of what a mouth is wider than usual, so much is lost when it closes. Measured on ten faces that
spoke five sounds: 0.28 in the 4,000 pictures that close, 0.09 in those that open; face by face 0.09
to 0.46, and 0.73 in one that is tiny."""
FULL_LOSS_CLOSING = 0.06
"""A mouth that closes by so much, IOD, has lost it all."""


def compensate_width(target: Floats, source: Floats, median_width: Floats) -> Floats:
    """Mouth parameters (N, 4) to draw, so that pictures whose own mouth is ``own`` (N, 4) show
    ``wanted`` (N, 4). ``usual``: (N,) the width of the person's mouth on the median, IOD.

    A picture that shall stay as it is stays so.
    """
    closes = np.clip((source[:, APERTURE] - target[:, APERTURE]) / FULL_LOSS_CLOSING, 0, 1)
    drawn = target.copy()
    drawn[:, WIDTH] += WIDTH_LOSS * closes * (source[:, WIDTH] - median_width)
    return drawn


def median_widths(parameters: Floats, person: NDArray[np.integer]) -> Floats:
    """The median width (T,) of each picture's person. ``parameters``: (T, 4), NaN where there is
    no face; ``person``: (T,) numbers."""
    usual = np.zeros(len(parameters), np.float32)
    for number in np.unique(person):
        shown = person == number
        widths = parameters[shown, WIDTH]
        known = widths[np.isfinite(widths)]
        usual[shown] = np.median(known) if len(known) else 0.0
    return usual


NO_FACE = "No usable human face was found in the pictures of {name}{why}."
NO_FACE_HINT = "Use a video in which one real human face looks towards the camera."
LEAST_DONOR_APERTURE = 0.05
"""Where a mouth opens less than this (97th percentile, IOD), nothing can be borrowed."""
PAINT_STRETCH, PAINT_BLEND = 1.3, 0.03
"""Own pixels serve up to this stretch; beyond it, paint takes over within this much aperture."""
VISIBLE_APERTURE = 0.02
"""Between lips that are open by less, IOD, nobody sees whether anything is painted."""
SILENT = "The sound is silent: there was nothing to speak."
NO_VOICE = "No voice was heard in the sound: there was nothing to speak."
SPEECH_ACTIVITY = 0.5
"""Activity from which somebody speaks."""


@dataclass(frozen=True, slots=True)
class SummaryAdditions:
    """What listening adds to a summary."""

    figures: dict[str, float | int | str | bool] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def plan_performance(
    template: Template,
    person: Person,
    adaptation: SpeakerAdaptation,
    speech: Speech,
    timeline: Timeline,
    shape: MouthShape,
    device: torch.device,
) -> MouthPerformance:
    """The performance of ``speech`` by the ``person`` of ``template``."""
    targets = plan_targets(person, adaptation, speech, timeline, shape)
    notes = SummaryAdditions(adaptation.figures, speech_warnings(speech))
    return build_performance(
        template, person, timeline.source_indices, targets, shape, device, notes
    )


def plan_targets(
    person: Person,
    adaptation: SpeakerAdaptation,
    speech: Speech,
    timeline: Timeline,
    shape: MouthShape,
) -> Floats:
    """Mouth parameters (N, 4) that are wanted in each frame of the output."""
    fps = float(timeline.fps)
    track = person.track
    habits = measure_speaking_styles(
        person.parameters, track.person, adaptation.speaking, track.usable, fps, shape
    )
    said = apply_correction(
        replace(speech, closed=lip_closure(speech.closed)), adaptation.correction
    )
    shot = track.person[timeline.source_indices]
    source = fill_gaps(person.parameters)[timeline.source_indices]
    heard = resample_to_frames(said, len(timeline), timeline.fps)
    base = extract_expression(source, shot, fps)
    targets = np.empty_like(base)
    for number in np.unique(shot).tolist():
        shown = shot == number
        # Each has the whole sound's ranks: nobody's part of it is a speech of its own.
        targets[shown] = mouth_targets(heard, base, habits[number], fps)[shown]
    targets[:, APERTURE] = limit_aperture_speed(targets[:, APERTURE], fps)
    return limit_to_drawable(targets, source)


def speech_warnings(speech: Speech) -> tuple[str, ...]:
    """What to tell of a sound in which nobody speaks."""
    if speech.silent:
        return (SILENT,)
    return () if (speech.activity > SPEECH_ACTIVITY).any() else (NO_VOICE,)


def require_person(template: Template, reference: Floats, timeline: Timeline) -> Person:
    """The measured person of a template. Raises BadInput where the job shows no face."""
    if not template.track.usable[timeline.source_indices].any():
        raise no_face_error(template.track.trouble[timeline.source_indices], template.video.name)
    return measure_person(template.track, reference)


def no_face_error(trouble: NDArray[np.uint8], name: str) -> BadInput:
    """Why nothing can be drawn, by what most of the pictures lack."""
    most = MouthProblem(int(np.bincount(trouble).argmax()))
    why = "" if most is MouthProblem.NO_FACE else f" ({most.text})"
    return BadInput(NO_FACE.format(name=name, why=why), NO_FACE_HINT)


def build_performance(
    template: Template,
    person: Person,
    sources: NDArray[np.int32],
    targets: Floats,
    shape: MouthShape,
    device: torch.device,
    additions: SummaryAdditions | None = None,
) -> MouthPerformance:
    """The performance in which output frame i shows picture ``sources[i]`` with the mouth
    parameters ``targets[i]``. ``notes`` join the summary."""
    strength = compute_strength(
        person.track.trouble[sources], person.angles[sources], person.pose.scale[sources]
    )
    boxes = [
        person.planes.region_box(source, template.width, template.height) if value > 0 else None
        for source, value in zip(sources.tolist(), strength.values, strict=True)
    ]
    own = fill_gaps(person.parameters)[sources]
    wanted = own + strength.values[:, None] * (targets - own)
    usual = median_widths(person.parameters, person.track.person)[sources]
    bank = load_bank(person, template.video, template.cache)
    if np.nanpercentile(person.parameters[:, APERTURE], 97) < LEAST_DONOR_APERTURE:
        bank = MouthBank(bank.patches[:0], bank.sources[:0], bank.skin[:0])
    script = MouthPlan(
        sources=sources,
        boxes=boxes,
        targets=wanted.astype(np.float32),
        drawn_targets=compensate_width(wanted.astype(np.float32), own, usual),
        strength=strength.values,
        donors=choose_donors(person, bank, sources, wanted),
        painted_shares=painted_shares(wanted, own)
        * strength.values
        * frames_without_donor(person, bank, sources),
    )
    summary = summarize(script, strength, bank, additions or SummaryAdditions())
    black = 0.0 if template.colour.full_range else 16.0
    return MouthPerformance(script, person, bank, shape.basis, black, device, summary)


def choose_donors(
    person: Person, bank: MouthBank, sources: NDArray[np.int32], wanted: Floats
) -> DonorSelection:
    """Who lends the inside of the mouth to each output frame."""
    own, angles = fill_gaps(person.parameters)[sources], fill_gaps(person.angles)[sources]
    lent, turned = person.parameters[bank.sources], person.angles[bank.sources]
    wish = DonorRequirements(
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
    return select_donors(wish, donors)


def painted_shares(wanted: Floats, own: Floats) -> Floats:
    """(N,) share of the inside that must be painted, where nothing can be borrowed."""
    lacking = wanted[:, APERTURE] - PAINT_STRETCH * own[:, APERTURE]
    share: Floats = np.clip(lacking / PAINT_BLEND, 0, 1).astype(np.float32)
    return share


def frames_without_donor(
    person: Person, bank: MouthBank, sources: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """(N,): the bank holds no mouth of the person whom the frame shows."""
    shown = person.track.person
    return ~np.isin(shown[sources], shown[bank.sources])


def fill_gaps(values: Floats) -> Floats:
    """``values`` (T, P) with rows of NaN interpolated from their neighbours."""
    known = np.flatnonzero(np.isfinite(values[:, 0]))
    rows = np.arange(len(values))
    columns = [np.interp(rows, known, column[known]) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def summarize(
    plan: MouthPlan, strength: Strength, bank: MouthBank, additions: SummaryAdditions
) -> PerformanceSummary:
    """What the report says."""
    drawn = np.array([box is not None for box in plan.boxes])
    reasons = dict(strength.reasons)
    cropped = float(((strength.values > 0) & ~drawn).mean())
    if cropped:
        reasons["mouth outside the picture"] = cropped
    warnings = [*additions.warnings]
    apertures = plan.targets[:, APERTURE]
    # Lips that stay shut, as in a silent sound, leave no room for paint.
    if not len(bank) and ((plan.painted_shares > 0) & (apertures > VISIBLE_APERTURE)).any():
        warnings.append("The video never opens its mouth: teeth and tongue are painted.")
    changes = visible_changes(plan.donors.first, bank.sources, apertures)
    return PerformanceSummary(
        coverage=float(drawn.mean()),
        passed_through=reasons,
        figures={
            "mouths_in_bank": len(bank),
            "seen_donor_changes": round(float(changes.mean()), 4),
            "mean_aperture": round(float(apertures.mean()), 4),
            **additions.figures,
        },
        warnings=tuple(warnings),
    )
