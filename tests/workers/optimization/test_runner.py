"""An optimisation is that of the paper, on any number of tiles and workers, and goes on where it stopped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from giornata.styles.errors import BadStylePicture, Diverged
from giornata.styles.optimization.coordinator import Coordinator, Operation, Superstep
from giornata.styles.optimization.losses import Convention, StyleTerm
from giornata.styles.optimization.options import GatysOptions, Optimiser, ScaleGrowth, Start, scales_of
from giornata.workers.optimization.runner import losses_of, optimize, position_of, run_supersteps
from giornata.workers.optimization.scale import Optimization, StyleSource, lay_out, open_scale

torch.set_num_threads(1)
LAYERS = {"relu1_1": 1.0, "relu1_2": 1.0, "relu2_1": 1.0}
PAPER = {
    "style_layers": LAYERS,
    "content_layers": {"relu2_1": 1.0},
    "convention": Convention.PAPER,
    "term": StyleTerm.GRAM,
    "growth": ScaleGrowth.NONE,
}


def work_in(
    folder: Path, pictures: Path, weights: Path, *, core_px: int = 1024, steps: int = 30, **options: object
) -> Optimization:
    chosen = GatysOptions(**{**PAPER, "steps": steps, **options})
    chosen.check()
    return Optimization(
        folder=folder,
        content_path=pictures / "content.npy",
        styles=(StyleSource(name="coffee", pixels_path=pictures / "style.npy"),),
        options=chosen,
        scales=scales_of(80, 64, chosen, least_px=32),
        core_px=core_px,
        encoder=str(weights),
    )


def finished(work: Optimization) -> np.ndarray:
    for _ in optimize(work):
        pass
    return np.asarray(work.finished_picture(len(work.scales) - 1))


def reference(
    content: Tensor, style: Tensor, weights: Path, *, alpha: float, beta: float, steps: int
) -> list[float]:
    """Gatys, Ecker and Bethge 2016 on the whole picture, as plainly as PyTorch allows."""

    tensors = load_file(weights)

    def features(picture: Tensor) -> dict[str, Tensor]:
        bgr = picture.permute(2, 0, 1).flip(0)[None] * 255
        out = bgr - torch.tensor([103.939, 116.779, 123.68])[None, :, None, None]
        out = torch.nn.functional.pad(out, (1, 1, 1, 1), mode="replicate")
        found = {}
        for name in ("1_1", "1_2", "pool", "2_1"):
            if name == "pool":
                out = torch.nn.functional.avg_pool2d(out, 2)
                continue
            weight, bias = tensors[f"conv{name}.weight"], tensors[f"conv{name}.bias"]
            out = torch.relu(torch.nn.functional.conv2d(out, weight, bias, padding=int(name != "1_1")))
            found[f"relu{name}"] = out[0].flatten(1)
        return found

    with torch.no_grad():
        wanted, grams = features(content), {k: f @ f.T for k, f in features(style).items()}

    def loss_and_gradient(picture: Tensor) -> tuple[float, Tensor]:
        leaf = picture.clone().requires_grad_()
        found = features(leaf)
        loss = alpha * 0.5 * (found["relu2_1"] - wanted["relu2_1"]).square().sum()
        for name in LAYERS:
            n, m = found[name].shape
            distance = (found[name] @ found[name].T - grams[name]).square().sum()
            loss = loss + beta * distance / (4 * n**2 * m**2) / len(LAYERS)
        loss.backward()
        assert leaf.grad is not None
        return float(loss.detach()), leaf.grad.flatten()

    picture, losses, pairs = content.clone(), [], []
    loss, gradient = loss_and_gradient(picture)
    for step in range(steps):
        losses.append(loss)
        q, shares = gradient.clone(), []
        for s, y in reversed(pairs):
            shares.append((s @ q) / (s @ y))
            q -= shares[-1] * y
        if pairs:
            q *= (pairs[-1][0] @ pairs[-1][1]) / pairs[-1][1].square().sum()
        for (s, y), share in zip(pairs, reversed(shares), strict=True):
            q += (share - (y @ q) / (s @ y)) * s
        move = -q if step else -1e-4 * q / gradient.abs().mean()
        picture = picture + move.view_as(picture)
        before = gradient
        loss, gradient = loss_and_gradient(picture)
        pairs = [*pairs, (move, gradient - before)][-10:]
    return [*losses, loss]


@pytest.mark.parametrize("core_px", [1024, 40])
def test_the_loss_falls_as_in_the_paper(tmp_path: Path, pictures: Path, weights: Path, core_px: int) -> None:
    work = work_in(tmp_path, pictures, weights, core_px=core_px, alpha=1.0, beta=2e4)
    finished(work)
    mine = [one["total"] for one in losses_of(work)[0]]
    content, style = (torch.from_numpy(np.load(pictures / f"{n}.npy")) for n in ("content", "style"))
    plain = reference(content, style, weights, alpha=1.0, beta=2e4, steps=30)
    assert len(mine) == 31
    assert mine == pytest.approx(plain, rel=1e-3)
    assert mine[-1] < 0.95 * mine[0]


def test_workers_do_not_show_in_a_single_bit(tmp_path: Path, pictures: Path, weights: Path) -> None:
    """Thirty steps: sums are added in tile order, whoever had the tiles."""
    superstep = {"convention": Convention.RELATIVE, "beta": 5.0, "core_px": 40}
    one = finished(work_in(tmp_path / "one", pictures, weights, **superstep))
    for workers in (2, 4):
        work = work_in(tmp_path / str(workers), pictures, weights, **superstep)
        assert np.array_equal(by_workers(work, workers), one)


def test_lanes_and_threads_do_not_show_in_a_single_bit(tmp_path: Path, pictures: Path, weights: Path) -> None:
    """Thirty steps: what a process has of cores is another on every machine, and by how many share them."""
    superstep = {"convention": Convention.RELATIVE, "beta": 5.0, "core_px": 40}
    made = []
    for lanes, threads in ((1, 1), (4, 1), (3, 4)):
        torch.set_num_threads(threads)
        try:
            work = work_in(tmp_path / f"{lanes}-{threads}", pictures, weights, **superstep)
            for _ in optimize(work, lanes=lanes):
                pass
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(1)
        made.append(np.asarray(work.finished_picture(0)))
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


def test_another_cut_differs_by_rounding_alone(tmp_path: Path, pictures: Path, weights: Path) -> None:
    """For a few steps: L-BFGS makes rounding errors of float32 grow, in whatever order numbers are added."""
    superstep = {"convention": Convention.RELATIVE, "beta": 5.0, "steps": 3}
    whole = finished(work_in(tmp_path / "whole", pictures, weights, **superstep))
    cut = finished(work_in(tmp_path / "cut", pictures, weights, core_px=40, **superstep))
    assert np.abs(whole - cut).max() < 1 / 255


@pytest.mark.parametrize("optimiser", list(Optimiser))
def test_where_the_vectors_lie_does_not_show(
    tmp_path: Path, pictures: Path, weights: Path, optimiser: Optimiser
) -> None:
    """Without any memory for them, features are computed again and the optimiser's vectors lie on scratch."""
    superstep = {"optimiser": optimiser, "averaging": 0.9, "steps": 14, "core_px": 40}
    roomy = finished(work_in(tmp_path / "roomy", pictures, weights, **superstep))
    work = work_in(tmp_path / "tight", pictures, weights, **superstep).model_copy(update={"memory_bytes": 1})
    for done in optimize(work, keep_every_s=0):
        if done.step == 12:
            break  # the other two steps go on from a checkpoint
    assert np.array_equal(finished(work), roomy)
    assert not list(work.folder.rglob(".vector-*"))


def by_workers(work: Optimization, workers: int) -> np.ndarray:
    """As a cluster plays it: every easel has some of the tiles."""
    encoder = work.loaded_encoder()
    lay_out(work, 0, encoder)
    optimizers = [open_scale(work, 0, encoder) for _ in range(workers)]
    tiles = [range(index, len(optimizers[0].arrays.grid), workers) for index in range(workers)]

    def run(superstep: Superstep) -> object:
        if superstep.verb is Operation.REDUCE:
            return optimizers[-1].run(superstep, ())
        found = [optimizer.run(superstep, mine) for optimizer, mine in zip(optimizers, tiles, strict=True)]
        return {k: v for one in found for k, v in one.items()} if found[0] is not None else None

    for _ in run_supersteps(Coordinator(work.options, steps=work.scales[0].steps), run):
        pass
    for optimizer, mine in zip(optimizers, tiles, strict=True):
        optimizer.finish(mine)
    return np.asarray(work.finished_picture(0))


@pytest.mark.parametrize("optimiser", list(Optimiser))
@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_an_optimisation_goes_on_where_it_stopped(
    tmp_path: Path, pictures: Path, weights: Path, optimiser: Optimiser, averaging: float
) -> None:
    superstep = {"optimiser": optimiser, "averaging": averaging, "steps": 8, "core_px": 40}
    calm = finished(work_in(tmp_path / "calm", pictures, weights, **superstep))
    work = work_in(tmp_path / "broken", pictures, weights, **superstep)
    for done in optimize(work, keep_every_s=0):
        if done.step == 5:
            break  # and whoever ran it is gone: the next one has only what is on disk
    assert position_of(work).position.step == 5
    assert np.array_equal(finished(work), calm)


@pytest.mark.parametrize(
    "options", [{"line_search": True}, {"optimiser": "adam"}, {"start": Start.NOISE}], ids=str
)
@pytest.mark.parametrize("term", list(StyleTerm))
def test_every_way_leads_down(
    tmp_path: Path, pictures: Path, weights: Path, options: dict[str, object], term: StyleTerm
) -> None:
    work = work_in(
        tmp_path, pictures, weights, steps=10, convention=Convention.RELATIVE, term=term, tv=0.1, **options
    )
    finished(work)
    losses = [one["total"] for one in losses_of(work)[0]]
    # From noise, the Gram term of random weights falls slowly: ten steps only show the direction.
    slow = term is StyleTerm.GRAM and "start" in options
    assert losses[-1] < (1.0 if slow else 0.7) * losses[0]
    if "line_search" in options:
        assert losses == sorted(losses, reverse=True)


def test_a_step_too_far_is_halved_until_it_holds(tmp_path: Path, pictures: Path, weights: Path) -> None:
    work = work_in(
        tmp_path, pictures, weights, steps=4, convention=Convention.RELATIVE, optimiser="adam", rate=300.0
    )
    finished(work)
    losses = [one["total"] for one in losses_of(work)[0]]
    assert all(later <= 10 * losses[0] for later in losses)


def test_a_loss_that_cannot_be_saved_is_told(tmp_path: Path, pictures: Path, weights: Path) -> None:
    work = work_in(tmp_path, pictures, weights, steps=4, optimiser=Optimiser.ADAM, rate=1e30)
    with pytest.raises(Diverged, match=r"loss became (inf|nan).*lower rate"):
        finished(work)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((80, 80, 3), np.uint8), "one colour all over"),
        (
            np.random.default_rng(0).integers(0, 255, (7, 80, 3), np.uint8),
            "80×7 px, needed at least 8×8 px",
        ),
    ],
    ids=["black", "small"],
)
def test_a_style_that_is_none_is_refused_in_a_line(
    tmp_path: Path, pictures: Path, weights: Path, pixels: np.ndarray, words: str
) -> None:
    np.save(tmp_path / "style.npy", pixels)
    work = work_in(tmp_path / "work", pictures, weights)
    style = StyleSource(name="bad.png", pixels_path=tmp_path / "style.npy")
    with pytest.raises(BadStylePicture, match=words) as caught:
        next(optimize(work.model_copy(update={"styles": (style,)})))
    assert "\n" not in str(caught.value)


def test_styles_keep_to_their_masks(tmp_path: Path, pictures: Path, weights: Path) -> None:
    content = np.load(pictures / "content.npy")
    left = np.zeros(content.shape[:2], bool)
    left[:, :40] = True
    np.save(tmp_path / "left.npy", left)
    work = work_in(tmp_path / "work", pictures, weights, alpha=0.0, convention=Convention.RELATIVE)
    style = work.styles[0].model_copy(update={"mask_path": tmp_path / "left.npy"})
    made = finished(work.model_copy(update={"styles": (style,)}))
    change = np.abs(made - content).mean(2)
    assert change[:, :36].mean() > 0.003
    assert change[:, 48:].max() == 0


def test_all_parts_of_the_step_are_told(tmp_path: Path, pictures: Path, weights: Path) -> None:
    steps = list(optimize(work_in(tmp_path, pictures, weights, steps=3)))
    assert [one.step for one in steps] == [1, 2, 3, 3]
    assert steps[0].left_s > 0
    assert steps[-1].preview is not None and steps[-1].preview.is_file()
