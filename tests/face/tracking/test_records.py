from pathlib import Path

import numpy as np

from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.face.reading.skin_colours import COLOUR_POINT_COUNT
from heygem_daemon.face.tracking.follower import FaceObservation
from heygem_daemon.face.tracking.records import (
    MEMORY_LIMIT_BYTES,
    RECORD_DTYPE,
    RECORDS_PER_READ,
    FaceRecords,
)


def observation(value: int) -> FaceObservation:
    landmarks = np.full((478, 3), value, np.float32)
    return FaceObservation(
        landmarks, 20.0, np.full((COLOUR_POINT_COUNT, 3), value % 256, np.uint8), Crop(0, 0, 1), 1
    )


def test_observations_are_read_back_with_their_pictures(tmp_path: Path) -> None:
    records = FaceRecords(tmp_path)
    records.append(0, [observation(0), None, observation(2)])
    records.append(3, [observation(3), None])
    rows = np.concatenate(list(records.blocks()))
    assert rows["picture"].tolist() == [0, 2, 3]
    assert rows["landmarks"][:, 0, 0].tolist() == [0, 2, 3]
    assert records.runs == [[0, 1], [2, 4]]
    assert len(records) == 3
    records.close()


def test_many_records_go_to_a_file_and_come_back_in_blocks(tmp_path: Path) -> None:
    records = FaceRecords(tmp_path)
    count = RECORDS_PER_READ + 10
    assert count * RECORD_DTYPE.itemsize > MEMORY_LIMIT_BYTES
    records.append(0, [observation(k) for k in range(count)])
    assert [len(block) for block in records.blocks()] == [RECORDS_PER_READ, 10]
    records.close()
    assert list(tmp_path.iterdir()) == []
