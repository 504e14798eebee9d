"""Training the painters: seeded, resumable, and it learns."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from giornata.styles.errors import BadRecipe, MissingPictures
from giornata.styles.training.painters import PaintersTrainer, TrainingFiles, draw_styles
from giornata.styles.universal.loader import save_network
from giornata.styles.universal.network import seeded
from tests.styles.training.painters_files import at, recipe

torch.set_num_threads(2)


TWO_STAGES = ({"steps": 4, "identity_share": 0.3}, {"steps": 2, "unrest_weight": 2.0})


def test_a_resumed_training_ends_with_the_same_weights(files: TrainingFiles, tmp_path: Path) -> None:
    straight = PaintersTrainer(recipe(*TWO_STAGES), at(files, tmp_path / "a"))
    assert [p.step for p in straight.run()] == [1, 2, 3, 4, 5, 6]
    first = PaintersTrainer(recipe(*TWO_STAGES), at(files, tmp_path / "b"))
    for progress in first.run(checkpoint_every=3):
        if progress.step == 3:
            break
    second = PaintersTrainer(recipe(*TWO_STAGES), at(files, tmp_path / "b"))
    assert second.resume() == 3
    list(second.run())
    assert torch.equal(straight.factors, second.factors)
    for made in ("network", "average"):
        one, other = (getattr(trainer, made).state_dict() for trainer in (straight, second))
        for name, value in one.items():
            assert torch.allclose(value, other[name], atol=1e-6), name


@pytest.mark.slow
def test_training_lowers_the_style_distance(files: TrainingFiles, tmp_path: Path) -> None:
    trainer = PaintersTrainer(recipe({"steps": 60, "identity_share": 0.0}), at(files, tmp_path))
    losses = [progress.parts["style"] for progress in trainer.run()]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_every_painting_gets_the_same_share_and_the_identity_its_own() -> None:
    papers = {"image": "x", "title": "x", "artist": "x", "year": "1"}
    paintings = [{"name": f"p{i}", **papers} for i in range(3)]
    plain = recipe({"steps": 300, "identity_share": 0.0}, paintings=paintings)
    drawn = torch.cat([draw_styles(plain, plain.stages[0], step) for step in range(300)])
    assert torch.bincount(drawn).tolist() == [0, 200, 200, 200]
    shared = recipe({"steps": 300, "identity_share": 0.2}, paintings=paintings)
    drawn = torch.cat([draw_styles(shared, shared.stages[0], step) for step in range(300)])
    assert 80 < (drawn == 0).sum() < 160


def test_the_weight_of_a_distant_painting_rises_and_of_a_near_one_falls(
    files: TrainingFiles, tmp_path: Path
) -> None:
    trainer = PaintersTrainer(recipe({"steps": 1}, style_goal=0.1), at(files, tmp_path))
    trainer.distances = torch.tensor([[0.8, 0.05], [2.0, 2.0]])
    trainer._steer()
    assert trainer.factors.tolist() == pytest.approx([2.0, 0.5])
    assert trainer.distances.abs().sum() == 0
    trainer._steer()
    assert trainer.factors.tolist() == pytest.approx([2.0, 0.5])


def test_a_distilling_stage_learns_from_the_universal_networks_pictures(
    files: TrainingFiles, tmp_path: Path
) -> None:
    save_network(seeded(3), tmp_path / "universal.safetensors")
    given = replace(at(files, tmp_path / "work"), universal=tmp_path / "universal.safetensors")
    stage = {"steps": 30, "kind": "distil", "style_weight": 0.0, "content_weight": 0.0, "identity_share": 0}
    likeness = [one.parts["likeness"] for one in PaintersTrainer(recipe(stage), given).run()]
    assert sum(likeness[20:]) < sum(likeness[:10])
    with pytest.raises(BadRecipe, match="no universal network"):
        PaintersTrainer(recipe(stage), at(files, tmp_path))


def test_missing_pictures_are_named(files: TrainingFiles, tmp_path: Path) -> None:
    bare = TrainingFiles((), files.paintings, files.encoder, files.deep_encoder, tmp_path)
    with pytest.raises(MissingPictures, match="at least one photograph of 64 px"):
        next(PaintersTrainer(recipe({"steps": 1}), bare).run())
    empty = TrainingFiles(files.photos, tmp_path, files.encoder, files.deep_encoder, tmp_path)
    with pytest.raises(MissingPictures, match=r"the painting ochre\.png"):
        PaintersTrainer(recipe({"steps": 1}), empty)


def test_a_stage_for_the_identity_alone_leaves_every_painting_as_it_was(
    files: TrainingFiles, tmp_path: Path
) -> None:
    stages = ({"steps": 2}, {"steps": 2, "kind": "identity"})
    trainer = PaintersTrainer(recipe(*stages), at(files, tmp_path))
    run = trainer.run()
    for _ in range(2):
        next(run)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    list(run)
    changed = 0
    for name, value in trainer.network.state_dict().items():
        kept = value[1:] if name.endswith(".table") else value
        assert torch.equal(kept, before[name][1:] if name.endswith(".table") else before[name]), name
        changed += name.endswith(".table") and not torch.equal(value[0], before[name][0])
    assert changed > 0
