"""What a mask protects comes out bit for bit, and the style fades in around it without a step."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from giornata.jobs.spec.values import TaskMasks
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.effects import masks as subject
from giornata.workers.effects.masks import composited, protected_plane, read_mask, style_weights
from giornata.workers.errors import Rejected
from tests.workers.pictures import image, upright, with_orientation

Samples = npt.NDArray[Any]


def disc(height: int = 60, width: int = 80) -> Samples:
    """An off-centre disc, bool."""
    y, x = np.mgrid[:height, :width]
    return (y - height / 3) ** 2 + (x - width / 3) ** 2 < (min(height, width) / 4) ** 2


def saved(path: Path, samples: Samples) -> str:
    image(samples).write_to_file(str(path))
    return str(path)


def grey(plane: Samples) -> Samples:
    return np.where(plane, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".gif"])
def test_light_pixels_of_any_format_are_inside(tmp_path: Path, sandbox: Sandbox, suffix: str) -> None:
    rgb = np.repeat(grey(disc())[:, :, None], 3, axis=2)
    picture = image(rgb)
    options = {"lossless": True} if suffix == ".webp" else {}
    picture.write_to_file(str(tmp_path / f"m{suffix}"), **options)
    read = read_mask(str(tmp_path / f"m{suffix}"), (60, 80), sandbox=sandbox, target=tmp_path / "m.npy")
    assert np.array_equal(read.inside, disc())
    assert read.warnings == ()
    assert {path.name for path in tmp_path.iterdir()} == {"m.npy", f"m{suffix}"}


@pytest.mark.parametrize(("bits", "half"), [(8, 128), (16, 32768)])
def test_half_is_inside_and_a_step_less_is_not(
    tmp_path: Path, sandbox: Sandbox, bits: int, half: int
) -> None:
    levels = np.array([[half - 1, half], [half, half - 1]]).astype(np.uint8 if bits == 8 else np.uint16)
    path = saved(tmp_path / "m.png", levels)
    read = read_mask(path, (2, 2), sandbox=sandbox, target=tmp_path / "m.npy")
    assert read.inside.tolist() == [[False, True], [True, False]]


def test_a_cut_out_counts_by_its_opacity_and_an_opaque_one_by_its_light(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    dark = np.zeros((60, 80, 3), np.uint8)
    cut = saved(tmp_path / "cut.png", np.dstack([dark, grey(disc())]))
    full = saved(
        tmp_path / "full.png", np.dstack([np.repeat(grey(disc())[:, :, None], 3, 2), dark[:, :, 0] + 255])
    )
    for path in (cut, full):
        read = read_mask(path, (60, 80), sandbox=sandbox, target=tmp_path / "m.npy")
        assert np.array_equal(read.inside, disc())


def test_a_mask_is_turned_upright_like_a_picture(tmp_path: Path, sandbox: Sandbox) -> None:
    stored = np.repeat(grey(disc())[:, :, None], 3, axis=2)
    with_orientation(image(stored), 6).write_to_file(str(tmp_path / "m.tif"))
    read = read_mask(str(tmp_path / "m.tif"), (80, 60), sandbox=sandbox, target=tmp_path / "m.npy")
    assert np.array_equal(read.inside, upright(disc(), 6))


def test_a_mask_of_another_size_is_resized_and_says_so(tmp_path: Path, sandbox: Sandbox) -> None:
    path = saved(tmp_path / "m.png", grey(disc()))
    read = read_mask(path, (180, 240), sandbox=sandbox, target=tmp_path / "m.npy")
    assert (read.inside != disc(180, 240)).mean() < 0.01
    assert read.warnings == ("mask m.png has 80×60 px, the picture 240×180: it was resized",)
    read = read_mask(path, (180, 100), sandbox=sandbox, target=tmp_path / "m.npy")
    assert read.warnings[0].endswith("it was stretched to another shape")


def test_a_mask_off_by_a_rounded_pixel_is_resized_in_silence(tmp_path: Path, sandbox: Sandbox) -> None:
    path = saved(tmp_path / "m.png", grey(disc()))
    read = read_mask(path, (61, 79), sandbox=sandbox, target=tmp_path / "m.npy")
    assert read.inside.shape == (61, 79)
    assert read.warnings == ()


@pytest.mark.parametrize(("level", "words"), [(0, "nothing"), (255, "the whole picture")])
def test_a_mask_that_changes_nothing_says_so(
    tmp_path: Path, sandbox: Sandbox, level: int, words: str
) -> None:
    path = saved(tmp_path / "m.png", np.full((6, 8), level, np.uint8))
    read = read_mask(path, (6, 8), sandbox=sandbox, target=tmp_path / "m.npy")
    assert read.warnings == (f"mask m.png covers {words}",)


def test_a_mask_that_is_no_picture_is_rejected_by_name(tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "m.png"
    path.write_text("<html>not found</html>")
    with pytest.raises(Rejected, match=r"m\.png"):
        read_mask(str(path), (6, 8), sandbox=sandbox, target=tmp_path / "m.npy")
    assert [file.name for file in tmp_path.iterdir()] == ["m.png"]


def test_protect_and_apply_together_leave_only_what_both_allow(tmp_path: Path, sandbox: Sandbox) -> None:
    left = np.zeros((60, 80), bool)
    left[:, :40] = True
    wanted = TaskMasks(
        protect=saved(tmp_path / "p.png", grey(disc())), apply=saved(tmp_path / "a.png", grey(left))
    )
    kept = protected_plane(wanted, (60, 80), sandbox=sandbox, folder=tmp_path)
    assert kept is not None
    assert np.array_equal(kept.inside, disc() | ~left)
    assert protected_plane(TaskMasks(), (60, 80), sandbox=sandbox, folder=tmp_path) is None


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000),
    feather=st.sampled_from([0, 1, 3.5, 8, 20]),
    block=st.sampled_from([7, 16, 500]),
)
def test_the_feather_is_the_exact_distance_whatever_the_blocks(
    tmp_path: Path, seed: int, feather: float, block: int
) -> None:
    random = np.random.default_rng(seed)
    plane = random.random((50, 70)) > 0.995
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "BLOCK_PX", block)
        weights = style_weights(plane, feather_px=feather, target=tmp_path / "w.npy")
    distance = distance_transform_edt(~plane) if plane.any() else np.full(plane.shape, np.inf)
    wanted = 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / (feather + 1), 0, 1))
    assert np.abs(weights / 65535 - wanted).max() < 2e-5
    assert (weights[plane] == 0).all()
    assert (weights[~plane] > 0).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_protected_is_untouched_bit_for_bit_and_the_rest_fades_in(tmp_path: Path, bits: int) -> None:
    photo = skimage.data.astronaut()[:60, :80]
    source = photo if bits == 8 else photo.astype(np.uint16) * 257 + 3
    styled = np.full((60, 80, 3), 0.25, np.float32)
    weights = style_weights(disc(), feather_px=6, target=tmp_path / "w.npy")
    made = composited(styled, source, weights)
    assert made.dtype == source.dtype
    assert np.array_equal(made[disc()], source[disc()])
    far = distance_transform_edt(~disc()) > 7
    assert np.abs(made[far] - 0.25 * np.iinfo(source.dtype).max).max() <= 1
    flat = (
        composited(np.ones((60, 80, 3), np.float32), np.zeros_like(source), weights)
        / np.iinfo(source.dtype).max
    )
    assert np.abs(np.diff(flat, axis=0)).max() < 0.25
