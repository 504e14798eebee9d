from pathlib import Path

import torch

from giornata.styles.training.data import PhotoCrops
from giornata.styles.training.teacher_pairs import TeacherPairs


def test_pairs_follow_from_their_number_and_are_kept(teachers: Path, tmp_path: Path) -> None:
    def pairs(name: str) -> TeacherPairs:
        crops = PhotoCrops.of_files([teachers / "astronaut.png"], crop_px=64)
        return TeacherPairs(
            tmp_path / name, teachers, crops, [teachers / "coffee.png"], sides_px=(64, 96), seed=1
        )

    first, second = pairs("one"), pairs("two")
    third = first.get(3)
    first.get(0)
    found = second.get(3)
    assert torch.equal(found.photo, third.photo)
    assert torch.equal(found.painted, third.painted)
    assert (found.row, found.deepest, found.structure) == (third.row, third.deepest, third.structure)
    assert third.photo.shape == third.painted.shape == (3, 64, 64)
    kept = tmp_path / "one" / "000003.safetensors"
    written = kept.stat().st_mtime_ns
    assert torch.equal(pairs("one").get(3).painted, third.painted)
    assert kept.stat().st_mtime_ns == written
    assert not list((tmp_path / "one").glob("*.part"))
