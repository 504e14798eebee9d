from collections.abc import Callable
from pathlib import Path

import pytest

from giornata.jobs.errors import BadSpec
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.task_builder import expand
from giornata.jobs.spec.enums import Container, PictureFormat
from giornata.jobs.spec.job import JobSpec
from tests.support.fakes import StyleNames

SpecOf = Callable[..., JobSpec]
STYLES = StyleNames("wave", "night")


def tasks(spec: JobSpec, base: Path) -> list[RenderTask]:
    return list(expand(spec, base=base, styles=STYLES))


def test_tiles_come_in_a_folder_or_a_zip(
    tmp_path: Path, pictures: Callable[..., Path], spec_of: SpecOf
) -> None:
    pictures("a.jpg")
    outputs = [{"format": "dzi"}, {"format": "iiif", "container": "zip", "suffix": "_iiif"}]
    folder, packed = tasks(spec_of(outputs=outputs), tmp_path)
    assert (folder.format, Path(folder.target).name) == (PictureFormat.DZI, "a_wave")
    assert (packed.container, Path(packed.target).name) == (Container.ZIP, "a_wave_iiif.zip")
    with pytest.raises(BadSpec, match="container goes with format dzi or iiif"):
        spec_of(outputs=[{"format": "png", "container": "zip"}])


@pytest.mark.parametrize(
    "base", ["iiif.museum.org", "ftp://museum.org", "https://", "https://museum.org/?a=b", "https://a@b.org"]
)
def test_an_address_that_cannot_be_one_is_refused(spec_of: SpecOf, base: str) -> None:
    with pytest.raises(BadSpec, match="without query or fragment"):
        spec_of(outputs=[{"format": "iiif", "iiif_base": base}])


def test_what_goes_with_some_formats_only_is_refused_with_others(spec_of: SpecOf) -> None:
    with pytest.raises(BadSpec, match="iiif_base goes with format iiif"):
        spec_of(outputs=[{"format": "dzi", "iiif_base": "https://museum.org"}])
    with pytest.raises(BadSpec, match="max_bytes goes with format jpeg or webp or avif or dzi or iiif"):
        spec_of(outputs=[{"format": "png", "max_bytes": 5000}])
    assert spec_of(outputs=[{"format": "dzi", "max_bytes": "1 MB"}]).outputs[0].max_bytes == 1_000_000
