"""Array types that tracking, speech and engines share."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""An array of 32-bit floats; each signature says its shape."""
