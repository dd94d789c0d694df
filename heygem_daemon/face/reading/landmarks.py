"""Names of the 478 face mesh points, in MediaPipe's numbering; 'left' is the viewer's left."""

LEFT_EYE_OUTER = 33
RIGHT_EYE_OUTER = 263

NOSE_BASE = 2
CHIN = 152
LEFT_MOUTH_CORNER = 61
RIGHT_MOUTH_CORNER = 291

INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
"""Lower edge of the upper lip, corner to corner."""
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Upper edge of the lower lip, corner to corner; each below its partner in ``INNER_UPPER_LIP``."""
OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
APERTURE_PAIRS = ((13, 14), (82, 87), (312, 317))
"""The three pairs of inner lip points whose mean distance is the aperture."""

JAW_CONTOUR = (172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397)
"""Contour of the lower jaw, left to right, the chin in the middle."""
CHIN_FRONT = (18, 200, 199, 175, 83, 313, 201, 421, 208, 428, 171, 396, 32, 262, 194, 418, 204, 424)
"""Skin between lower lip and jaw contour, which moves with the jaw."""

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Outline of the face, clockwise from the top of the forehead as the viewer sees it."""

STABLE = (
    10, 151, 9, 8, 109, 338, 67, 297, 103, 332, 54, 284, 108, 337, 69, 299, 104, 333,
    21, 251, 162, 389, 127, 356,
    33, 133, 263, 362, 130, 359, 243, 463,
    168, 6, 197, 195, 193, 417, 122, 351,
    116, 345, 111, 340, 117, 346, 118, 347, 234, 454,
)  # fmt: skip
"""Points that speech does not move: forehead, temples, eye corners, nose bridge, upper cheeks."""
