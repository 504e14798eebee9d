"""An optimiser whose history does not fit the memory makes the same picture from files on scratch."""

import gc
import logging
from pathlib import Path

import pytest
import torch

from giornata.styles.optimization.options import GatysOptions, Optimiser
from giornata.workers.errors import ScratchFull
from giornata.workers.optimization.vectors import MappedVectors, VectorRoom, vectors_of
from giornata.workers.tiling.parallel import run_parallel


def mapped_files() -> int:
    return Path("/proc/self/maps").read_text().count(".vector-")


def test_a_vector_in_a_file_is_the_same_after_its_pages_were_given_back(tmp_path: Path) -> None:
    before, vectors = mapped_files(), MappedVectors(tmp_path)
    original = torch.rand(64, 80, 3)
    kept = vectors.keep(original)
    assert mapped_files() == before + 1
    assert not list(tmp_path.iterdir())  # nobody has to clean up after us
    vectors.rest([kept, original])
    assert torch.equal(kept, original)
    kept += 1
    vectors.rest([kept])
    assert torch.equal(kept, original + 1)
    del kept
    gc.collect()
    assert mapped_files() == before


def test_tiles_side_by_side_keep_their_own_vectors(tmp_path: Path) -> None:
    vectors = MappedVectors(tmp_path)

    def work(number: int) -> bool:
        kept: list[torch.Tensor] = []
        for step in range(60):
            kept = [*kept, vectors.keep(torch.full((9, 7, 3), float(number * 100 + step)))][-8:]
            vectors.rest(kept)
        return all(bool((one == number * 100 + 52 + i).all()) for i, one in enumerate(kept))

    assert all(run_parallel(range(16), work, lanes=8, tick=lambda: None))


def test_memory_is_filled_first_and_the_rest_goes_to_scratch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = VectorRoom(tmp_path, memory_bytes=1000)
    with caplog.at_level(logging.INFO):
        kept = [room.keeper(400) for _ in range(4)]
    assert [keep is None for keep in kept] == [True, True, False, False]
    assert [record.getMessage() for record in caplog.records] == [
        "the optimiser's vectors do not fit 0 MB: on scratch"
    ]
    assert VectorRoom(tmp_path, memory_bytes=0, device="cuda").keeper(1) is None
    with pytest.raises(ScratchFull, match="needed"):
        room.keeper(1 << 60)


def test_what_optimisers_keep_is_counted() -> None:
    assert vectors_of(GatysOptions(history=10)) == 26
    assert vectors_of(GatysOptions(optimiser=Optimiser.ADAM)) == 8
