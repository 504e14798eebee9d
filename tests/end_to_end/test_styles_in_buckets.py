"""What a task reads beside its source: style pictures and masks, of buckets and disks, in one version."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from giornata.jobs.errors import PlanRefused
from giornata.jobs.model.attempt import OutcomeClass
from giornata.jobs.model.states import JobState
from giornata.jobs.store.store import JobStore
from tests.support import s3
from tests.support.buckets import RENDERED, SOURCES, Batch, empty, fill, picture, small_library

pytestmark = pytest.mark.slow
STYLE = f"s3://{SOURCES}/styles/waves.png"
LEFT = f"s3://{SOURCES}/masks/left.png"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3.endpoint() as url:
        client = fill(url, 1)
        client.put_object(Bucket=SOURCES, Key="styles/waves.png", Body=picture(7, side=96))
        client.put_object(Bucket=SOURCES, Key="masks/left.png", Body=left_half())
        yield url
        empty(url)


@pytest.fixture
def batch(tmp_path: Path, library: Path) -> Iterator[Batch]:
    with JobStore(tmp_path / "jobs.sqlite") as store:
        yield Batch(tmp_path, library, store)


def left_half(*, white: bool = True) -> bytes:
    """A mask of the left half, in the size of the pictures."""
    mask = np.zeros((48, 56), np.uint8)
    mask[:, :28] = 255
    file = BytesIO()
    Image.fromarray(mask if white else 255 - mask).save(file, "PNG")
    return file.getvalue()


def gatys(**more: object) -> list[dict[str, object]]:
    return [{"image": STYLE, "label": "waves", "steps": 3, "optimise": {"encoder": "compact", **more}}]


def rendered(url: str, key: str) -> np.ndarray:
    body = s3.client(url).get_object(Bucket=RENDERED, Key=key)["Body"].read()
    with Image.open(BytesIO(body)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def source() -> np.ndarray:
    with Image.open(BytesIO(picture(0))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_style_picture_comes_from_a_bucket(batch: Batch, service: str, tmp_path: Path) -> None:
    _, state = batch.run(batch.spec(service, styles=gatys()))
    assert state is JobState.COMPLETED
    (tmp_path / "waves.png").write_bytes(picture(7, side=96))
    near = [{**gatys()[0], "image": "waves.png", "label": "near"}]
    _, state = batch.run(batch.spec(service, styles=near))
    assert state is JobState.COMPLETED
    far = rendered(service, "out/a/p0_waves.png")
    assert (far == rendered(service, "out/a/p0_near.png")).all()
    assert abs(far - source()).mean() > 1


def test_a_style_in_one_pass_comes_from_a_bucket(batch: Batch, service: str, tmp_path: Path) -> None:
    (tmp_path / "waves.png").write_bytes(picture(7, side=96))
    far, near = {"image": STYLE, "label": "waves"}, {"image": "waves.png", "label": "near"}
    _, state = batch.run(batch.spec(service, styles=[far, near]))
    assert state is JobState.COMPLETED
    made = rendered(service, "out/a/p0_waves.png")
    assert (made == rendered(service, "out/a/p0_near.png")).all()
    assert abs(made - source()).mean() > 1


def test_a_style_picture_that_is_not_there_is_told_before_anything_runs(batch: Batch, service: str) -> None:
    wrong = [{**gatys()[0], "image": f"s3://{SOURCES}/styles/nobody.png"}]
    with pytest.raises(PlanRefused, match=r"style picture s3://pictures/styles/nobody\.png: no such object"):
        batch.run(batch.spec(service, styles=wrong))


def test_a_style_picture_that_changed_is_told_and_then_rendered_anew(batch: Batch, service: str) -> None:
    seen = 0

    def change() -> bool:
        nonlocal seen
        seen += 1
        if seen == 1:
            body = picture(3, side=96)
            s3.client(service).put_object(Bucket=SOURCES, Key="styles/waves.png", Body=body)
        return False

    job_id, _ = batch.run(batch.spec(service, styles=gatys()), stop=change)
    (lost,) = batch.store.items.failures(job_id)
    assert lost.outcome_class is OutcomeClass.BAD_INPUT
    assert STYLE in lost.reason
    assert "has changed since the job was listed" in lost.reason
    again, state = batch.run(batch.spec(service, styles=gatys()))
    assert (again, state) == (job_id, JobState.COMPLETED)
    before = rendered(service, "out/a/p0_waves.png")
    s3.client(service).put_object(Bucket=SOURCES, Key="styles/waves.png", Body=picture(5, side=96))
    again, state = batch.run(batch.spec(service, styles=gatys()))
    assert (again, state) == (job_id, JobState.COMPLETED)
    assert abs(rendered(service, "out/a/p0_waves.png") - before).max() > 0


@pytest.mark.parametrize("where", ["bucket", "disk"])
def test_a_mask_protects_a_picture_of_a_bucket(
    batch: Batch, service: str, tmp_path: Path, where: str
) -> None:
    (tmp_path / "left.png").write_bytes(left_half())
    mask = {"bucket": LEFT, "disk": "left.png"}[where]
    _, state = batch.run(batch.spec(service, styles=["one"], masks={"protect": mask, "feather": 0}))
    assert state is JobState.COMPLETED
    difference = abs(rendered(service, "out/a/p0_one.png") - source()).max(2)
    assert difference[:, :26].max() == 0
    assert difference[:, 30:].mean() > 1


def test_a_mask_of_a_bucket_that_changed_makes_the_picture_outdated(batch: Batch, service: str) -> None:
    spec = batch.spec(service, styles=["one"], masks={"protect": LEFT, "feather": 0})
    batch.run(spec)
    s3.client(service).put_object(Bucket=SOURCES, Key="masks/left.png", Body=left_half(white=False))
    _, state = batch.run(spec)
    assert state is JobState.COMPLETED
    difference = abs(rendered(service, "out/a/p0_one.png") - source()).max(2)
    assert difference[:, 30:].max() == 0
    assert difference[:, :26].mean() > 1
