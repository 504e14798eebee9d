"""What was delivered is downloaded and shown, from disks and from buckets, and nothing else is."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
import pyvips
from PIL import Image

from giornata.cluster.dashboard.app_services import PageContext
from giornata.jobs.model.paths import SIDECAR
from giornata.jobs.model.states import JobEvent
from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.jobs.store.records import NewItem, Settlement
from giornata.workers.encoding.pyramid import write_tiles
from tests.support import s3
from tests.support.faults import faults_before
from tests.support.job_rows import DONE, claimed, good, task
from tests.support.services import Place, serving

WAIT_S = 20.0


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.endpoint() as url:
        yield url


def picture() -> bytes:
    written = BytesIO()
    Image.effect_mandelbrot((400, 300), (-2, -1.5, 1, 1.5), 50).convert("RGB").save(written, "JPEG")
    return written.getvalue()


def delivered(place: Place, target: str, source: str = "/nowhere.jpg", **more: object) -> str:
    """The address of a delivered item."""
    job_id = place.store.jobs.create(place.spec(**more), base=place.root)
    made = task("plate").model_copy(update={"target": target, "source": source})
    place.store.items.insert(job_id, [NewItem(made)])
    place.store.jobs.mark_listed(job_id)
    place.store.jobs.move(job_id, JobEvent.START)
    (claim,) = claimed(place.store, job_id)
    place.store.leases.finish([Settlement(claim, good(claim), DONE)])
    return f"{job_id}/{made.item_id}"


def test_a_file_is_downloaded_under_its_own_name_and_never_shown_by_the_browser(
    place: Place, url: str
) -> None:
    target = place.root / "out" / "<img src=x>é.jpg"
    target.parent.mkdir()
    target.write_bytes(picture())
    answer = httpx.get(f"{url}/download/{delivered(place, str(target))}")
    assert answer.content == target.read_bytes()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "%3Cimg%20src%3Dx%3E%C3%A9.jpg" in answer.headers["content-disposition"]


def test_what_is_not_delivered_or_is_a_folder_cannot_be_downloaded(place: Place, url: str) -> None:
    job_id = place.listed()
    item = next(place.store.items.all(job_id))
    Path(item.target).parent.mkdir(parents=True, exist_ok=True)
    Path(item.target).write_bytes(b"somebody else's")
    assert httpx.get(f"{url}/download/{job_id}/{item.item_id}").status_code == 404
    (place.root / "tiles").mkdir()
    folder = delivered(place, str(place.root / "tiles"), name="folder")
    assert httpx.get(f"{url}/download/{folder}").status_code == 404
    page = httpx.get(f"{url}/jobs/{folder.replace('/', '/items/')}", headers={"accept": "text/html"})
    assert "Download" not in page.text


def test_pictures_in_a_bucket_are_shown_downloaded_and_told_of(
    place: Place, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, word in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, word)
    client = s3.client(endpoint)
    client.create_bucket(Bucket="wall")
    for key, data in (("a.jpg", picture()), ("out/a.jpg", picture())):
        client.put_object(Bucket="wall", Key=key, Body=data)
    client.put_object(Bucket="wall", Key=f"out/a.jpg{SIDECAR}", Body=json.dumps({"seed": 7}).encode())
    storage = {"endpoint_url": endpoint, "region": "us-east-1"}
    page_context = PageContext(home=place.root / "home")
    with (
        serving(place.job_service, page_context=page_context) as url,
        httpx.Client(base_url=url, timeout=WAIT_S) as http,
    ):
        item = delivered(place, "s3://wall/out/a.jpg", "s3://wall/a.jpg", name="far", storage=storage)
        for side in ("source", "result"):
            answer = http.get(f"/previews/{item}/{side}?size=small")
            while len(answer.content) < 100:  # the picture that stands for one that is being made
                assert answer.content.startswith(b"GIF89a\x01"), side
                answer = http.get(f"/previews/{item}/{side}?size=small")
            with Image.open(BytesIO(answer.content)) as small:
                assert small.size == (192, 144)
        kept = http.get(f"/download/{item}")
        assert (kept.content, kept.headers["content-length"]) == (picture(), str(len(picture())))
        assert http.get(f"/provenance/{item}").json() == {"seed": 7}
        gone = delivered(place, "s3://wall/out/gone.jpg", name="gone", storage=storage)
        assert http.get(f"/download/{gone}").status_code == 404
        assert http.get(f"/provenance/{gone}").json() is None
        nothing = http.get(f"/previews/{gone}/result")
        assert nothing.content.startswith(b"GIF89a\x02")
    assert not list((place.root / "home").rglob("*.fetched"))


def test_each_page_of_a_file_is_shown_as_its_own_source(place: Place) -> None:
    pages = [Image.new("RGB", (300, 200), colour) for colour in ("red", "blue")]
    pages[0].save(place.root / "book.tif", save_all=True, append_images=pages[1:])
    job_id = place.store.jobs.create(place.spec(render={"pages": "all"}), base=place.root)
    made = [
        task(f"leaf{page}").model_copy(update={"source": str(place.root / "book.tif"), "page": page})
        for page in range(2)
    ]
    place.store.items.insert(job_id, [NewItem(one) for one in made])
    page_context = PageContext(home=place.root / "home")
    with (
        serving(place.job_service, page_context=page_context) as url,
        httpx.Client(base_url=url, timeout=WAIT_S) as http,
    ):
        for one, colour in zip(made, ((254, 0, 0), (0, 0, 254)), strict=True):
            address = f"/previews/{job_id}/{one.item_id}/source?size=small"
            answer = http.get(address)
            while len(answer.content) < 100:  # the picture that stands for one that is being made
                assert answer.content.startswith(b"GIF89a\x01")
                answer = http.get(address)
            with Image.open(BytesIO(answer.content)) as small:
                shown = small.convert("RGB").getpixel((50, 50))
            assert np.allclose(np.asarray(shown), colour, atol=3)


def test_of_a_giant_in_a_bucket_only_one_level_is_fetched_to_show_it(
    place: Place, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, word in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, word)
    noise = np.random.default_rng(0).integers(0, 255, (3000, 4000, 3), np.uint8)
    giant = pyvips.Image.new_from_array(noise, interpretation="srgb")
    data = giant.tiffsave_buffer(tile=True, pyramid=True, subifd=True, bigtiff=True)
    client = s3.client(endpoint)
    client.create_bucket(Bucket="giants")
    for key, body in (("a.tif", data), ("flat.tif", giant.tiffsave_buffer(tile=True))):
        client.put_object(Bucket="giants", Key=key, Body=body)
    monkeypatch.setattr("giornata.cluster.dashboard.previews.FETCHED_BYTES", len(data) // 8)
    page_context = PageContext(home=place.root / "home")
    with (
        faults_before(endpoint) as proxy,
        serving(place.job_service, page_context=page_context) as url,
        httpx.Client(base_url=url, timeout=WAIT_S) as http,
    ):
        for key, size in (("a.tif", (192, 144)), ("flat.tif", (2, 1))):
            storage = {"endpoint_url": proxy.url, "region": "us-east-1"}
            item = delivered(place, "/out", f"s3://giants/{key}", name=key, storage=storage)
            answer = http.get(f"/previews/{item}/source?size=small")
            while answer.content.startswith(b"GIF89a\x01"):  # stands for one that is being made
                answer = http.get(f"/previews/{item}/source?size=small")
            with Image.open(BytesIO(answer.content)) as small:
                assert small.size == size, key
        asked = [line for line in proxy.seen if line.startswith("GET /giants/a.tif")]
        assert 0 < len(asked) < 40


@pytest.mark.parametrize("container", list(Container))
@pytest.mark.parametrize("kind", [PictureFormat.DZI, PictureFormat.IIIF])
@pytest.mark.parametrize("far", [False, True], ids=["disk", "bucket"])
def test_pictures_of_tiles_are_shown_from_folders_and_zips(
    place: Place,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    container: Container,
    kind: PictureFormat,
    far: bool,
) -> None:
    for name, word in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, word)
    target = place.root / f"tiles{'.zip' if container is Container.ZIP else ''}"
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), np.uint8)
    image = pyvips.Image.new_from_array(noise, interpretation="srgb")
    write_tiles(image, target, format=kind, name="tiles", quality=80, container=container)
    bucket = f"tiles-{kind}-{container}"
    shown = str(target)
    if far:
        client = s3.client(endpoint)
        client.create_bucket(Bucket=bucket)
        for path in [target] if target.is_file() else [one for one in target.rglob("*") if one.is_file()]:
            client.upload_file(str(path), bucket, str(path.relative_to(place.root)))
        shown = f"s3://{bucket}/{target.name}"
    storage = {"endpoint_url": endpoint, "region": "us-east-1"}
    page_context = PageContext(home=place.root / "home")
    with (
        serving(place.job_service, page_context=page_context) as url,
        httpx.Client(base_url=url, timeout=WAIT_S) as http,
    ):
        item = delivered(place, shown, storage=storage)
        answer = http.get(f"/previews/{item}/result?size=small")
        while answer.content.startswith(b"GIF89a\x01"):  # stands for one that is being made
            answer = http.get(f"/previews/{item}/result?size=small")
        with Image.open(BytesIO(answer.content)) as small:
            assert max(small.size) > 100
            assert abs(small.width / small.height - 4 / 3) < 0.02
