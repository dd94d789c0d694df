"""Plan a whole job before its first frame is drawn.

The plan holds the mouth parameters of every output frame, the mouths that it shows, and the share
of their inside that is painted.

Two corrections are applied to the target parameters. The aperture's speed is limited. The width is
compensated: a tracker, like a viewer, locates the corners of a mouth by what surrounds them, so the
same corners appear closer together on lips that were closed by drawing than on the open mouth that
they were. The difference depends on how wide the mouth in the picture is for this person.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import PerformanceSummary, Template
from heygem_daemon.engines.builtin.audio.listening import Speech, resample_to_frames
from heygem_daemon.engines.builtin.interior.borrowed_interior import borrow_interior
from heygem_daemon.engines.builtin.interior.donor_selection import (
    DonorRequirements,
    Donors,
    DonorSelection,
    select_donors,
    visible_changes,
)
from heygem_daemon.engines.builtin.interior.mouth_bank import MouthBank, load_bank
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior
from heygem_daemon.engines.builtin.performance import MouthPerformance, MouthPlan
from heygem_daemon.engines.builtin.targets.calibration import (
    extract_expression,
    limit_to_drawable,
    lip_closure,
    mouth_targets,
)
from heygem_daemon.engines.builtin.targets.calming import calm_targets
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
"""Highest speed at which lips part or meet, IOD per second: 0.08 between pictures at 25 frames per
second. The fastest movement that was measured on ten speaking faces is 0.7 to 2.6, in 99 of 100
pictures less than 1.5. Audio alone predicts up to 3.2, which looks as if a picture were missing."""
WIDTH_LOSS = 0.3
"""Share of a mouth's excess width, compared with its median, that is lost when the mouth closes.
Measured on ten faces with five sounds: 0.28 in the 4,000 pictures in which the mouth closes,
0.09 in those in which it opens; per face 0.09 to 0.46, and 0.73 for one tiny face."""
FULL_LOSS_CLOSING = 0.06
"""A mouth that closes by this much, IOD, has the full loss."""

NO_FACE = "No usable human face was found in the pictures of {name}{why}."
NO_FACE_HINT = "Use a video in which one real human face looks towards the camera."
LEAST_DONOR_APERTURE = 0.05
"""If a person's mouth opens by less than this (97th percentile, IOD), it cannot lend its inside."""
PAINT_STRETCH, PAINT_BLEND = 1.3, 0.03
"""The mouth's own pixels are stretched up to this factor; beyond it, paint replaces them within
this much aperture, IOD."""
VISIBLE_APERTURE = 0.02
"""Below this aperture, IOD, nobody sees what is painted between the lips."""
NEVER_OPEN = "The video never opens its mouth: teeth and tongue are borrowed from other people."
SILENT = "The audio is silent: there is nothing to speak."
NO_VOICE = "No voice was found in the audio: there is nothing to speak."
SPEECH_ACTIVITY = 0.5
"""Activity above which somebody speaks."""


@dataclass(frozen=True, slots=True)
class SummaryAdditions:
    """What the audio contributes to a performance's summary."""

    figures: dict[str, float | int | str | bool] = field(default_factory=dict)
    """Report figures by name."""
    warnings: tuple[str, ...] = ()
    """Sentences for the user."""


def plan_performance(
    template: Template,
    person: Person,
    adaptation: SpeakerAdaptation,
    speech: Speech,
    timeline: Timeline,
    shape: MouthShape,
    interior: ShippedInterior,
    device: torch.device,
) -> MouthPerformance:
    """Return the performance of ``speech`` by ``person``, the person of ``template``."""
    targets = plan_targets(person, adaptation, speech, timeline, shape)
    additions = SummaryAdditions(adaptation.figures, speech_warnings(speech))
    return build_performance(
        template, person, timeline.source_indices, targets, shape, interior, device, additions
    )


def plan_targets(
    person: Person,
    adaptation: SpeakerAdaptation,
    speech: Speech,
    timeline: Timeline,
    shape: MouthShape,
) -> Floats:
    """Return the target mouth parameters (N, 4) of each output frame, IOD."""
    fps = float(timeline.fps)
    track = person.track
    styles = measure_speaking_styles(
        person.parameters, track.person, adaptation.speaking, track.usable, fps, shape
    )
    corrected = apply_correction(
        replace(speech, closed=lip_closure(speech.closed)), adaptation.correction
    )
    shot = track.person[timeline.source_indices]
    source = fill_gaps(person.parameters)[timeline.source_indices]
    frame_speech = resample_to_frames(corrected, len(timeline), timeline.fps)
    expression = extract_expression(source, shot, fps)
    targets = np.empty_like(expression)
    for number in np.unique(shot).tolist():
        shown = shot == number
        # Every person gets ranks over the whole audio: a part of it is not a speech of its own.
        targets[shown] = mouth_targets(frame_speech, expression, styles[number], fps)[shown]
    targets[:, APERTURE] = limit_aperture_speed(targets[:, APERTURE], fps)
    return calm_targets(limit_to_drawable(targets, source), shot, fps)


def speech_warnings(speech: Speech) -> tuple[str, ...]:
    """Return a warning if nobody speaks in the audio, else nothing."""
    if speech.silent:
        return (SILENT,)
    return () if (speech.activity > SPEECH_ACTIVITY).any() else (NO_VOICE,)


def require_person(template: Template, reference: Floats, timeline: Timeline) -> Person:
    """Return the measured person of a template. Raises BadInput if the job shows no usable face."""
    if not template.track.usable[timeline.source_indices].any():
        raise no_face_error(template.track.trouble[timeline.source_indices], template.video.name)
    return measure_person(template.track, reference)


def no_face_error(trouble: NDArray[np.uint8], name: str) -> BadInput:
    """Return the error for a job in which nothing can be drawn.

    It names the problem that most of the pictures have.
    """
    most = MouthProblem(int(np.bincount(trouble).argmax()))
    why = "" if most is MouthProblem.NO_FACE else f" ({most.text})"
    return BadInput(NO_FACE.format(name=name, why=why), NO_FACE_HINT)


def build_performance(
    template: Template,
    person: Person,
    sources: NDArray[np.int32],
    targets: Floats,
    shape: MouthShape,
    interior: ShippedInterior,
    device: torch.device,
    additions: SummaryAdditions | None = None,
) -> MouthPerformance:
    """Return a performance with the mouth parameters ``targets`` (N, 4).

    Output frame i shows picture ``sources[i]``. ``additions`` join the summary.
    """
    strength = compute_strength(
        person.track.trouble[sources], person.angles[sources], person.pose.scale[sources]
    )
    boxes = [
        person.planes.region_box(source, template.width, template.height) if value > 0 else None
        for source, value in zip(sources.tolist(), strength.values, strict=True)
    ]
    source_parameters = fill_gaps(person.parameters)[sources]
    blended = source_parameters + strength.values[:, None] * (targets - source_parameters)
    median_width = median_widths(person.parameters, person.track.person)[sources]
    bank = load_bank(person, template)
    if np.nanpercentile(person.parameters[:, APERTURE], 97) < LEAST_DONOR_APERTURE:
        bank = MouthBank(bank.patches[:0], bank.sources[:0], bank.skin[:0], bank.sharpness[:0])
    plan = MouthPlan(
        sources=sources,
        boxes=boxes,
        targets=blended.astype(np.float32),
        drawn_targets=compensate_width(blended.astype(np.float32), source_parameters, median_width),
        strength=strength.values,
        donors=choose_donors(person, bank, sources, blended),
        painted_shares=painted_shares(blended, source_parameters)
        * strength.values
        * frames_without_donor(person, bank, sources),
    )
    summary = summarize(
        plan, strength, bank, additions or SummaryAdditions(), is_still=len(person.track) == 1
    )
    black = 0.0 if template.colour.full_range else 16.0
    borrowed = borrow_interior(interior, device)
    return MouthPerformance(plan, person, bank, borrowed, shape.basis, black, device, summary)


def choose_donors(
    person: Person, bank: MouthBank, sources: NDArray[np.int32], targets: Floats
) -> DonorSelection:
    """Choose whose mouth each output frame shows."""
    source, angles = fill_gaps(person.parameters)[sources], fill_gaps(person.angles)[sources]
    donor_parameters, donor_angles = person.parameters[bank.sources], person.angles[bank.sources]
    requirements = DonorRequirements(
        targets,
        source,
        angles[:, 0],
        angles[:, 1],
        person.track.person[sources],
    )
    donors = Donors(
        bank.sources,
        donor_parameters,
        donor_angles[:, 0],
        donor_angles[:, 1],
        bank.sharpness,
        person.track.person[bank.sources],
    )
    return select_donors(requirements, donors)


def painted_shares(targets: Floats, source: Floats) -> Floats:
    """Return the share (N,) of the mouth's inside that must be painted if there is no donor."""
    lacking = targets[:, APERTURE] - PAINT_STRETCH * source[:, APERTURE]
    share: Floats = np.clip(lacking / PAINT_BLEND, 0, 1).astype(np.float32)
    return share


def frames_without_donor(
    person: Person, bank: MouthBank, sources: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return (N,): True where the bank holds no mouth of the person in the frame."""
    shown = person.track.person
    return ~np.isin(shown[sources], shown[bank.sources])


def fill_gaps(values: Floats) -> Floats:
    """Return ``values`` (T, P) with rows of NaN interpolated from their neighbours."""
    finite = np.flatnonzero(np.isfinite(values[:, 0]))
    rows = np.arange(len(values))
    columns = [np.interp(rows, finite, column[finite]) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def summarize(
    plan: MouthPlan,
    strength: Strength,
    bank: MouthBank,
    additions: SummaryAdditions,
    *,
    is_still: bool,
) -> PerformanceSummary:
    """Return the performance's summary: coverage, figures and warnings.

    ``is_still``: whether the face is a photograph. Whoever brings one knows that it does not speak,
    so what its mouth lacks is a figure and no warning.
    """
    drawn = np.array([box is not None for box in plan.boxes])
    reasons = dict(strength.reasons)
    cropped = float(((strength.values > 0) & ~drawn).mean())
    if cropped:
        reasons["mouth outside the picture"] = cropped
    warnings = [*additions.warnings]
    apertures = plan.targets[:, APERTURE]
    # Lips that stay shut, as with silent audio, show no paint.
    is_painted = (plan.painted_shares > 0) & (apertures > VISIBLE_APERTURE)
    borrows = not len(bank) and bool(is_painted.any())
    if borrows and not is_still:
        warnings.append(NEVER_OPEN)
    changes = visible_changes(plan.donors.first, bank.sources, apertures)
    return PerformanceSummary(
        coverage=float(drawn.mean()),
        passed_through=reasons,
        figures={
            "mouths_in_bank": len(bank),
            "borrowed_teeth": borrows,
            "seen_donor_changes": round(float(changes.mean()), 4),
            "mean_aperture": round(float(apertures.mean()), 4),
            **additions.figures,
        },
        warnings=tuple(warnings),
    )


def limit_aperture_speed(apertures: Floats, fps: float) -> Floats:
    """Return ``apertures`` (N,), lowered wherever the lips would move too fast.

    A mouth that opens suddenly takes longer, and one that must be shut begins to close earlier.
    Every closure is kept and happens on time.
    """
    step = APERTURE_SPEED_LIMIT / fps
    return _rising(_rising(apertures, step)[::-1], step)[::-1]


def _rising(apertures: Floats, step: float) -> Floats:
    """Return the highest curve (N,) below ``apertures`` with steps of at most ``step`` upwards."""
    slope = step * np.arange(len(apertures))
    lowered: Floats = (np.minimum.accumulate(apertures - slope) + slope).astype(np.float32)
    return lowered


def compensate_width(target: Floats, source: Floats, median_width: Floats) -> Floats:
    """Return the mouth parameters (N, 4) to draw so that the result shows ``target`` (N, 4).

    ``source``: (N, 4), the parameters of the source pictures; ``median_width``: (N,), the person's
    median width, IOD. A picture whose mouth does not change keeps its width.
    """
    closes = np.clip((source[:, APERTURE] - target[:, APERTURE]) / FULL_LOSS_CLOSING, 0, 1)
    drawn = target.copy()
    drawn[:, WIDTH] += WIDTH_LOSS * closes * (source[:, WIDTH] - median_width)
    return drawn


def median_widths(parameters: Floats, person: NDArray[np.integer]) -> Floats:
    """Return the median width (T,), IOD, of the person in each picture; 0 if it is unknown.

    ``parameters``: (T, 4), NaN where there is no face; ``person``: (T,) numbers.
    """
    medians = np.zeros(len(parameters), np.float32)
    for number in np.unique(person):
        shown = person == number
        widths = parameters[shown, WIDTH]
        finite = widths[np.isfinite(widths)]
        medians[shown] = np.median(finite) if len(finite) else 0.0
    return medians
