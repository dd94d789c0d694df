"""The face models: the detector that finds faces and the mesh that reads them, on one device."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.face.reading.crop import Crop, centre_distance
from heygem_daemon.face.reading.finder import FaceFinder
from heygem_daemon.face.reading.mesh_reader import MeshReader, MeshReading
from heygem_daemon.media.picture import Picture

CERTAIN_FACE_LOGIT = 15.0
"""The mesh's logit from which a detection, centred in its crop, is certainly a face. Measured: real
faces of all kinds 23 to 34, the detector's false alarms at most 10."""

_APPROACHES = 3
"""How often at most a new crop is corrected by the mesh's reading."""
_CENTRED_SHARE = 0.03
"""A new crop is good when the face is off its middle by less than this share of its size."""


@dataclass(frozen=True, slots=True)
class FaceModels:
    """The detector and the mesh, with the batch size of the mesh."""

    finder: FaceFinder
    reader: MeshReader
    batch_size: int
    """Pictures that the mesh reads at once, at most."""

    def read_centred(
        self, pictures: Sequence[Picture], crop: Crop
    ) -> tuple[Crop, list[MeshReading]]:
        """Read pictures through a crop that is corrected until the first one's face is in its
        middle.

        Returns the corrected crop and the readings through it; they may be unusable.
        """
        readings = self.reader.read(pictures, crop)
        for _ in range(_APPROACHES):
            better = readings[0].crop()
            if (
                not readings[0].is_usable
                or centre_distance(crop, better) < _CENTRED_SHARE * better.face_size
            ):
                break
            crop = better
            readings = self.reader.read(pictures, crop)
        return crop, readings


def is_certain_face(reading: MeshReading) -> bool:
    """Whether a reading through a centred crop is certainly a usable face."""
    return reading.is_usable and reading.logit >= CERTAIN_FACE_LOGIT
