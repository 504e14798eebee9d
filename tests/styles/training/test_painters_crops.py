import torch

from giornata.styles.training.painters import TrainingFiles
from giornata.styles.training.painters_crops import VariedCrops, calm_ground, recoloured, turned

torch.set_num_threads(2)


def test_varied_crops_stay_pictures_and_repeat_with_the_seed(files: TrainingFiles) -> None:
    crops = VariedCrops(files.photos, crop_px=64)
    one, same, other = (crops.draw(12, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.given, same.given)
    assert not torch.equal(one.clean, other.clean)
    for pixels in (one.given, one.clean):
        assert pixels.shape == (12, 3, 64, 64)
        assert pixels.min() >= 0
        assert pixels.max() <= 1


def test_a_turned_crop_has_no_empty_corners_and_calm_ground_is_calm() -> None:
    generator = torch.Generator().manual_seed(3)
    assert turned(torch.ones(3, 32, 32), 15.0).min() > 0.999
    assert recoloured(torch.rand(3, 8, 8), generator).isfinite().all()
    for _ in range(5):
        ground = calm_ground(64, generator)
        assert ground.diff(dim=1).abs().mean() < 0.03
