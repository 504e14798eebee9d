"""A folder of inputs, a library of random weights, and batches of them on a pool."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
import torch

from giornata.cluster.batch.catalog import InstalledStyles
from giornata.cluster.execution.pool import Pool
from giornata.cluster.execution.runner import PoolRunner
from giornata.cluster.settings import ClusterSettings
from giornata.jobs.manager.manager import JobManager
from giornata.jobs.model.states import JobState
from giornata.jobs.spec.loader import parse_spec
from giornata.jobs.storage.local import LocalPublisher
from giornata.jobs.store.store import JobStore
from giornata.styles.feedforward.network import TransformerNetwork
from giornata.styles.library import Library
from giornata.styles.training.export import write_library
from giornata.styles.training.recipe import Recipe


def small_library(folder: Path) -> Path:
    """Two styles of a small random network."""
    torch.manual_seed(3)
    paintings = [
        {"name": name, "image": "none.jpg", "title": name, "artist": "nobody", "year": "0"}
        for name in ("ochre", "azure")
    ]
    words = {"name": "tiny", "trained_on": "nothing", "width": 8, "blocks": 1, "stages": [{"steps": 1}]}
    recipe = Recipe.model_validate(words | {"paintings": paintings})
    network = TransformerNetwork(styles=3, width=8, blocks=1)
    for stage in network.normalised():
        torch.nn.init.normal_(stage.table, 0.7, 0.3)
    write_library(network, recipe, folder)
    return folder


def save_picture(path: Path, width: int, height: int, seed: int = 0) -> Path:
    """A structured picture, as lossless PNG."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = np.stack([np.sin(x / (9 + c)) + np.cos(y / (13 - c)) for c in range(3)], 2) * 50 + 128
    samples = (base + rng.normal(0, 12, base.shape)).clip(0, 255).astype(np.uint8)
    pyvips.Image.new_from_array(samples).pngsave(str(path))
    return path


@dataclass
class Shop:
    """A folder of inputs, a library, and what runs batches on them."""

    folder: Path
    library: Path
    settings: ClusterSettings

    def run(self, pool: Pool, spec: dict[str, object]) -> tuple[JobState, JobStore, str]:
        """Submit and run one job."""
        store = JobStore(self.folder / "jobs.sqlite")
        publisher, styles = LocalPublisher(), InstalledStyles(Library((self.library,)))
        manager = JobManager(store, PoolRunner(pool, discard=publisher.discard), publisher, styles)
        job = manager.submit(parse_spec(spec, origin="test"), base=self.folder)
        return manager.run_until_done(job.job_id), store, job.job_id
