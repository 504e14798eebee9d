import json
from pathlib import Path

import pytest

from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.storage.hashing import deliverable_bytes
from giornata.workers.errors import EffectRefused
from giornata.workers.rendering.renderer import Renderer
from tests.workers.rendering.image_tasks import task_of

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def test_a_byte_limit_is_kept_and_the_quality_recorded(
    tmp_path: Path, source: Path, renderer: Renderer
) -> None:
    words = {"format": PictureFormat.JPEG, "quality": 95}
    free = renderer.render(task_of(source, tmp_path / "a.jpg", **words), tmp_path / "a.jpg")
    limit = free.bytes // 2
    tight = renderer.render(task_of(source, tmp_path / "b.jpg", max_bytes=limit, **words), tmp_path / "b.jpg")
    assert tight.bytes <= limit == limit
    assert (tmp_path / "b.jpg").stat().st_size == tight.bytes
    assert 20 <= int(tight.facts["quality"]) < 95
    assert any("to stay within" in words for words in tight.warnings)
    with pytest.raises(EffectRefused, match="needed more bytes or fewer px"):
        renderer.render(task_of(source, tmp_path / "c.jpg", max_bytes=1000, **words), tmp_path / "c.jpg")


@pytest.mark.parametrize("container", ["folder", "zip"])
@pytest.mark.parametrize("format", [PictureFormat.DZI, PictureFormat.IIIF])
def test_tiles_are_written_again_until_all_of_them_fit(
    tmp_path: Path, source: Path, renderer: Renderer, format: PictureFormat, container: str
) -> None:
    words = {"format": format, "container": container, "quality": 95, "iiif_id": "https://museum.org/3/b"}
    ends = ".zip" if container == "zip" else ""
    free = renderer.render(task_of(source, tmp_path / f"a{ends}", **words), tmp_path / f"a{ends}")
    limit = free.bytes * 2 // 3
    target = tmp_path / f"b{ends}"
    tight = renderer.render(task_of(source, target, max_bytes=limit, **words), target)
    assert tight.bytes <= limit
    assert 20 <= int(tight.facts["quality"]) < 95
    assert deliverable_bytes(target) == tight.bytes
    if format is PictureFormat.IIIF and container == "folder":
        assert json.loads((target / "info.json").read_text())["id"] == "https://museum.org/3/b"
