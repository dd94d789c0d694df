"""Eyes: the detector that finds faces and the mesh that reads them, on one device."""

from dataclasses import dataclass

from heygem_daemon.face.reading.crop import Crop, centre_distance
from heygem_daemon.face.reading.finder import FaceFinder
from heygem_daemon.face.reading.mesh_reader import MeshReader, MeshReading
from heygem_daemon.media.picture import Picture

CERTAIN_FACE_LOGIT = 15.0
"""The mesh's logit in the middle of a crop from which a find is believed: real faces of all kinds
were measured at 23 to 34, what the detector mistook for one at most at 10."""

_APPROACHES = 3
"""How often at most a new crop is corrected by what the mesh sees in it."""
_CENTRED_SHARE = 0.03
"""A new crop is good when the face is off its middle by no more than this share of its size."""


@dataclass(frozen=True, slots=True)
class FaceModels:
    """``batch``: how many pictures at most the mesh reads at once."""

    finder: FaceFinder
    reader: MeshReader
    batch_size: int

    def read_centred(self, picture: Picture, crop: Crop) -> tuple[Crop, MeshReading]:
        """Read a picture through a crop that is corrected until the face is in its middle."""
        reading = self.reader.read([picture], crop)[0]
        for _ in range(_APPROACHES):
            better = reading.crop()
            if (
                not reading.is_usable
                or centre_distance(crop, better) < _CENTRED_SHARE * better.face_size
            ):
                break
            crop = better
            reading = self.reader.read([picture], crop)[0]
        return crop, reading


def is_certain_face(reading: MeshReading) -> bool:
    """Whether a reading through a good crop is certainly a usable face."""
    return reading.is_usable and reading.logit >= CERTAIN_FACE_LOGIT
