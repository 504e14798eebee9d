"""A plan reads headers of objects, and not the objects: what the endpoint served is counted."""

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from giornata.jobs.planning.estimate import UNMEASURED, Size
from giornata.jobs.spec.storage import Storage
from giornata.workers.decoding.measure import ImageSizer
from giornata.workers.storage.router import StorageRouter
from tests.support import s3
from tests.support.faults import FaultProxy, Kind, faults_before
from tests.workers.pictures import (
    Samples,
    built_in_profile,
    image,
    noise,
    with_orientation,
    with_profile,
)

BUCKET = "giants"
WIDTH, HEIGHT = 1201, 900
FEW_BYTES = 6 * 65_536  # of three million; a pyramid has its directories far apart


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with s3.endpoint() as url:
        s3.client(url).create_bucket(Bucket=BUCKET)
        yield url


@pytest.fixture
def proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    for name, value in s3.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with faults_before(url) as proxy:
        yield proxy


@pytest.fixture
def measure(proxy: FaultProxy) -> Iterator[ImageSizer]:
    with ImageSizer(StorageRouter(), Storage(endpoint_url=proxy.url)) as measure:
        yield measure


@pytest.fixture(scope="module")
def samples() -> Samples:
    return noise(width=WIDTH, height=HEIGHT)


def by_vips(kind: str, **how: Any) -> Callable[[Samples], bytes]:
    return lambda samples: getattr(image(samples), f"{kind}save_buffer")(**how)


def turned(samples: Samples) -> bytes:
    data: bytes = with_orientation(image(samples), 6).jpegsave_buffer(Q=100, subsample_mode="off")
    return data


def with_long_header(samples: Samples) -> bytes:
    """A JPEG whose first scan begins a megabyte into the file."""
    picture = with_profile(image(samples), built_in_profile("cmyk"))
    data: bytes = picture.copy(interpretation="srgb").jpegsave_buffer(Q=100, subsample_mode="off")
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFF - 2)
    return data[:2] + 16 * comment + data[2:]


def directory_at_the_end(samples: Samples) -> bytes:
    """A TIFF as those programs write it that do not know before how long it gets."""
    file = BytesIO()
    with tifffile.TiffWriter(file, bigtiff=True) as writer:
        writer.write(samples, photometric="rgb", iccprofile=built_in_profile("p3"))
    data = file.getvalue()
    first = int.from_bytes(data[8:16], "little")
    count = int.from_bytes(data[first : first + 8], "little")
    table = data[first : first + 8 + 20 * count + 8]
    return data[:8] + len(data).to_bytes(8, "little") + data[16:] + table


GIANTS: dict[str, tuple[Callable[[Samples], bytes], Size]] = {
    "tiles.tif": (by_vips("tiff", tile=True, pyramid=True, bigtiff=True), Size(WIDTH, HEIGHT)),
    "strips.tif": (by_vips("tiff", compression="deflate"), Size(WIDTH, HEIGHT)),
    "end.tif": (directory_at_the_end, Size(WIDTH, HEIGHT)),
    "photo.jpg": (turned, Size(HEIGHT, WIDTH)),
    "screen.png": (by_vips("png", compression=0), Size(WIDTH, HEIGHT)),
    "interlaced.png": (by_vips("png", compression=0, interlace=True), Size(WIDTH, HEIGHT)),
}


@pytest.mark.parametrize("name", GIANTS)
def test_the_size_of_a_giant_is_read_from_a_small_part_of_it(
    name: str, url: str, proxy: FaultProxy, measure: ImageSizer, samples: Samples
) -> None:
    make, size = GIANTS[name]
    data = make(samples)
    assert len(data) > 2_000_000
    s3.client(url).put_object(Bucket=BUCKET, Key=name, Body=data)
    assert measure(f"s3://{BUCKET}/{name}") == size
    assert proxy.served < FEW_BYTES, proxy.served
    assert not [line for line in proxy.seen if re.match("(PUT|POST)", line)]


def test_a_header_of_a_megabyte_is_read_to_its_end(
    url: str, proxy: FaultProxy, measure: ImageSizer, samples: Samples
) -> None:
    data = with_long_header(samples)
    s3.client(url).put_object(Bucket=BUCKET, Key="long.jpg", Body=data)
    assert measure(f"s3://{BUCKET}/long.jpg") == Size(WIDTH, HEIGHT)
    assert proxy.served < len(data)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "JPEG", "TIFF"])
def test_what_is_measured_near_is_what_is_measured_here(
    kind: str, url: str, measure: ImageSizer, tmp_path: Path
) -> None:
    path = tmp_path / f"small.{kind.lower()}"
    Image.fromarray(noise()).save(path, kind)
    s3.client(url).upload_file(str(path), BUCKET, path.name)
    assert measure(f"s3://{BUCKET}/{path.name}") == measure(str(path)) == Size(33, 21)


def test_what_is_no_picture_has_no_size(url: str, measure: ImageSizer) -> None:
    for name, data in {
        "words.tif": b"not a picture",
        "empty.png": b"",
        "cut.tif": b"II*\0\x08\0\0\0",
    }.items():
        s3.client(url).put_object(Bucket=BUCKET, Key=name, Body=data)
        assert measure(f"s3://{BUCKET}/{name}") is None
    assert measure(f"s3://{BUCKET}/none.tif") is None


def test_an_object_that_cannot_be_read_now_costs_the_estimate_and_not_the_batch(
    url: str, proxy: FaultProxy, measure: ImageSizer
) -> None:
    s3.client(url).put_object(Bucket=BUCKET, Key="away.tif", Body=np.arange(4096).tobytes())
    fault = proxy.add(Kind.RESET_ANSWER, "^GET")
    assert measure(f"s3://{BUCKET}/away.tif") == UNMEASURED
    assert fault.struck


def test_pages_of_a_giant_are_measured_one_by_one(
    url: str, proxy: FaultProxy, measure: ImageSizer, samples: Samples
) -> None:
    pages = pyvips.Image.arrayjoin([image(samples), image(samples)], across=1)
    data = pages.tiffsave_buffer(page_height=HEIGHT)
    s3.client(url).put_object(Bucket=BUCKET, Key="pages.tif", Body=data)
    assert measure(f"s3://{BUCKET}/pages.tif", 1) == Size(WIDTH, HEIGHT)
    assert proxy.served < FEW_BYTES
