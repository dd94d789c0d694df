from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.base import Template
from heygem_daemon.engines.builtin.interior import mouth_bank
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.tracking.mouth import APERTURE, mouth_surroundings
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.kept_crops import LIMIT_BYTES, Corners, KeptCrops
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.video_reader import VideoReader

Floats = NDArray[np.float32]


def mouths(count: int) -> tuple[Floats, Floats]:
    parameters = np.zeros((count, 4), np.float32)
    parameters[:, 0] = np.random.default_rng(2).uniform(0, 0.3, count)
    return parameters, np.zeros((count, 3), np.float32)


def test_only_mouths_that_face_the_camera_are_chosen() -> None:
    parameters, angles = mouths(100)
    angles[::3, 0] = 45
    parameters[1] = angles[1] = np.nan
    chosen = mouth_bank.choose_frames(parameters, angles)
    assert chosen.tolist() == [k for k in range(100) if k % 3 != 0 and k != 1]


def test_a_bank_is_bounded_and_covers_all_apertures() -> None:
    parameters, angles = mouths(5000)
    chosen = mouth_bank.choose_frames(parameters, angles, limit=50)
    assert len(chosen) == 50
    assert (np.diff(chosen) > 0).all()
    counts, _ = np.histogram(parameters[chosen, 0], bins=5, range=(0, 0.3))
    assert counts.min() > 4


def test_the_largest_face_gets_a_bank_that_covers_all_apertures_in_bounded_memory() -> None:
    x, y = mouth_bank.patch_grid(mouth_bank.FINEST)
    assert mouth_bank.PATCH_LIMIT_BYTES // (3 * len(x) * len(y)) > 60
    assert x[1] - x[0] < 1 / 500


def test_patches_show_the_mouth_wherever_the_head_is(presenter: Template, person: Person) -> None:
    bank = mouth_bank.cut_bank(person, presenter)
    assert len(bank) > 10
    assert bank.patches.shape[1] == 3
    is_open = person.parameters[bank.sources, APERTURE] > 0.03
    assert 10 < is_open.sum() < len(bank)
    luma = bank.patches[is_open, 0].astype(np.float32)
    height, width = luma.shape[1:]
    # The inside of an open mouth is darker than the cheeks beside it.
    mouth = luma[:, int(0.38 * height) : int(0.5 * height), int(0.45 * width) : int(0.55 * width)]
    assert (mouth.mean(axis=(1, 2)) < 0.75 * luma[:, :, :8].mean(axis=(1, 2))).mean() > 0.8


def test_the_bank_is_kept_with_the_template(presenter: Template, person: Person) -> None:
    first = mouth_bank.load_bank(person, presenter)
    again = mouth_bank.load_bank(
        person, replace(presenter, video=presenter.video.with_name("gone.mp4"))
    )
    assert np.array_equal(first.patches, again.patches)
    assert np.array_equal(first.skin, again.skin)
    assert np.array_equal(first.sharpness, again.sharpness)


@pytest.mark.parametrize("limit_bytes", [LIMIT_BYTES, 1_000_000])
def test_what_was_kept_while_tracking_gives_the_same_bank(
    presenter: Template,
    person: Person,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit_bytes: int,
) -> None:
    from_video = mouth_bank.cut_bank(person, presenter)
    kept = KeptCrops(None, limit_bytes)

    def keep(picture: Picture, landmarks: Floats) -> None:
        kept.add(picture, Corners(*mouth_surroundings(landmarks)))

    with VideoReader(presenter.video) as reader:
        pictures = reader.read_range(0, len(presenter.track))
        deque(FaceTracker.load(weights / "builtin").follow(pictures, on_face=keep), maxlen=0)
    if limit_bytes == LIMIT_BYTES:
        # Nothing is decoded again.
        monkeypatch.setattr(mouth_bank, "VideoReader", None)
    bank = mouth_bank.cut_bank(person, replace(presenter, mouths=kept))
    assert np.array_equal(bank.sources, from_video.sources)
    assert np.array_equal(bank.patches, from_video.patches)
    assert np.array_equal(bank.skin, from_video.skin)


def test_blur_lowers_the_sharpness_of_a_mouth_and_its_opening_does_not() -> None:
    apertures = np.linspace(0, 0.25, 40, dtype=np.float32)
    random = np.random.default_rng(1)
    patches = random.integers(80, 120, (40, 3, 90, 120), np.uint8)
    for patch, aperture in zip(patches, apertures, strict=True):
        patch[0, 40 : 40 + int(100 * aperture), 40:80:2] = 200
    patches[20, :, :, 1:] = patches[20, :, :, 1:] // 2 + patches[20, :, :, :-1] // 2
    edges = np.array([mouth_bank.measure_edges(patch) for patch in patches], np.float32)
    sharpness = mouth_bank.relative_sharpness(edges, apertures)
    assert np.ptp(np.delete(edges, 20)) > 1
    assert sharpness.argmin() == 20
    assert sharpness[20] < np.delete(sharpness, 20).min() - 0.3


def test_a_mouth_with_the_mean_energy_of_all_is_as_sharp_as_usual() -> None:
    energies = np.array([8, 10, 12, 14, 76, 24], np.float32)
    apertures = np.full(len(energies), 0.1, np.float32)
    sharpness = mouth_bank.relative_sharpness(np.log(energies), apertures)
    assert sharpness.tolist() == pytest.approx(np.log(energies / 24).tolist(), abs=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_mouths_that_are_all_alike_are_as_sharp_as_usual(count: int) -> None:
    edges, apertures = np.full(count, 4, np.float32), np.full(count, 0.1, np.float32)
    assert not mouth_bank.relative_sharpness(edges, apertures).any()


def test_a_damaged_cache_is_made_anew(presenter: Template, person: Person) -> None:
    mouth_bank.load_bank(person, presenter)
    (presenter.cache / mouth_bank.BANK_FILE).write_bytes(b"torn")
    assert len(mouth_bank.load_bank(person, presenter)) > 10


@pytest.mark.parametrize("place", [(200, 150), (3, 5), (396, 298), (-300, 900)])
def test_a_patch_is_cut_from_a_part_as_from_the_whole_picture(
    person: Person, place: tuple[int, int]
) -> None:
    random = np.random.default_rng(4)
    sizes = ((300, 400), (150, 200), (150, 200))
    y, u, v = (random.integers(0, 256, size, np.uint8) for size in sizes)
    picture = Picture(0, y, u, v, ColourTags(matrix=6))
    axes = np.array([[40, -9], [9, 40]], np.float32)
    origin = np.array(place, np.float32)
    planes = replace(person.planes, axes=axes[None], origin=origin[None])
    grid = mouth_bank.patch_grid(50.0)
    moved = replace(person, planes=planes)
    corners = mouth_bank.patch_corners(moved, 0, (picture.width, picture.height))
    patch, _ = mouth_bank.cut_patch(picture.crop(*corners), corners, moved, *grid)
    everything = Corners(0, 0, picture.width, picture.height)
    whole, _ = mouth_bank.cut_patch(picture, everything, moved, *grid)
    assert np.abs(patch.astype(int) - whole).max() <= 1
