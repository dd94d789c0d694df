"""The target parameters across a cut to another person."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.planner import plan_targets
from heygem_daemon.engines.builtin.targets.speaker_adaptation import no_adaptation
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.timeline import Timeline
from tests.engines.builtin.speaker import mouth_of, speech_of

Floats = NDArray[np.float32]

SECONDS = 10
SHOT = 25 * SECONDS


def cut_after(person: Person, mouths: Floats, numbers: list[int]) -> Person:
    """Return ``person`` with the parameters ``mouths`` (2 * SHOT, 4), in shots of these numbers."""
    whole = person.track
    pictures = np.zeros(2 * SHOT, np.intp)
    ones = np.ones(2 * SHOT, np.float32)
    shots = np.repeat(np.array(numbers, np.int16), SHOT)
    track = Track(whole.landmarks[pictures], ones.astype(np.bool_), ones, person=shots)
    return replace(person, track=track, parameters=mouths)


def target_apertures(person: Person, shape: MouthShape) -> Floats:
    timeline = Timeline(Fraction(25), np.arange(2 * SHOT, dtype=np.int32))
    adaptation = no_adaptation("", 2 * SHOT)
    return plan_targets(person, adaptation, speech_of(2 * SECONDS, seed=3), timeline, shape)[
        :, APERTURE
    ]


def test_each_persons_mouth_opens_as_wide_as_in_the_video(
    person: Person, shape: MouthShape
) -> None:
    _, wide = mouth_of(speech_of(SECONDS, seed=1).scores)
    narrow = wide.copy()
    narrow[:, APERTURE] = 0.03 + 0.3 * (wide[:, APERTURE] - 0.03)
    mouths = np.concatenate([wide, narrow])
    both = target_apertures(cut_after(person, mouths, [0, 1]), shape)
    alone = [
        target_apertures(cut_after(person, np.concatenate([m, m]), [0, 0]), shape)
        for m in (wide, narrow)
    ]
    assert np.allclose(both[: SHOT - 5], alone[0][: SHOT - 5], atol=0.002)
    assert np.allclose(both[SHOT + 5 :], alone[1][SHOT + 5 :], atol=0.002)
    assert np.abs(alone[0] - alone[1]).max() > 0.02
