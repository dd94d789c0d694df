"""What is asked of the drawing, so that its pictures show what is wanted.

A tracker, as a viewer, reads the corners of a mouth by all that is around them: the same corners
are nearer to each other in lips that have closed than in the open mouth that they were. How much
nearer goes with how wide the picture's own mouth is for this person.
"""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.mouth import APERTURE, WIDTH

Floats = NDArray[np.float32]

GIVEN_BACK = 0.3
"""Of what a mouth is wider than usual, so much is lost when it closes. Measured on ten faces that
spoke five sounds: 0.28 in the 4,000 pictures that close, 0.09 in those that open; face by face 0.09
to 0.46, and 0.73 in one that is tiny."""
CLOSES = 0.06
"""A mouth that closes by so much, IOD, has lost it all."""


def asked(wanted: Floats, own: Floats, usual: Floats) -> Floats:
    """Mouth parameters (N, 4) to draw, so that pictures whose own mouth is ``own`` (N, 4) show
    ``wanted`` (N, 4). ``usual``: (N,) the width of the person's mouth on the median, IOD.

    A picture that shall stay as it is stays so.
    """
    closes = np.clip((own[:, APERTURE] - wanted[:, APERTURE]) / CLOSES, 0, 1)
    drawn = wanted.copy()
    drawn[:, WIDTH] += GIVEN_BACK * closes * (own[:, WIDTH] - usual)
    return drawn


def usual_width(parameters: Floats, person: NDArray[np.integer]) -> Floats:
    """The median width (T,) of each picture's person. ``parameters``: (T, 4), NaN where there is
    no face; ``person``: (T,) numbers."""
    usual = np.zeros(len(parameters), np.float32)
    for number in np.unique(person):
        shown = person == number
        widths = parameters[shown, WIDTH]
        known = widths[np.isfinite(widths)]
        usual[shown] = np.median(known) if len(known) else 0.0
    return usual
