import json
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import pyvips

from giornata.jobs.model.paths import sidecar_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat, Statistics
from giornata.jobs.spec.values import TaskMasks, TaskRegion
from giornata.jobs.storage.hashing import file_sha256
from giornata.styles.library import Library
from giornata.styles.moments import Moments
from giornata.workers.decoding.decoded import DecodedImage
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import EncodeFailed, Unreadable
from giornata.workers.rendering.output import WrittenOutput, record_of, write_output, write_sidecar
from giornata.workers.rendering.provenance import Provenance, provenance_text, schema, totals_sha256
from giornata.workers.tiling.grid import TileGrid
from tests.workers.blocks import packet
from tests.workers.pictures import image, photo

GRID = TileGrid(96, 64, core_px=48, stride=4, halo_px=64, overlap_px=16)
TOTALS = (Moments(4, np.ones(2), np.ones(2)),)


@pytest.fixture
def working(sandbox: Sandbox, tmp_path: Path) -> DecodedImage:
    """A decoded photograph with a packet."""
    picture = image(photo()).copy(xres=300 / 25.4, yres=300 / 25.4)
    picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet())
    picture.tiffsave(tmp_path / "wave.tif", resunit="inch")
    return sandbox.decode(tmp_path / "wave.tif", tmp_path / "scratch")


def task(folder: Path, **changed: object) -> RenderTask:
    plain = {
        "item_id": "i",
        "source": str(folder / "wave.tif"),
        "target": str(folder / "final" / "wave_styled.jpg"),
        "style_label": "great-wave",
        "mix": {"great-wave": 0.75, "udnie": 0.25},
        "format": PictureFormat.JPEG,
        "seed": 7,
    }
    return RenderTask.model_validate(plain | changed)


def record(asked: RenderTask, handed: WrittenOutput, working: DecodedImage) -> Provenance:
    return record_of(
        asked,
        handed,
        decoded=working,
        library=Library(),
        grid=GRID,
        totals=TOTALS,
        device="cpu",
        lanes=2,
        seconds={"decode": 0.1},
        warnings=("slow: a reason",),
    )


def test_a_record_has_the_form_of_the_published_schema(working: DecodedImage, tmp_path: Path) -> None:
    asked = task(
        tmp_path,
        masks=TaskMasks(protect=str(tmp_path / "secret" / "logo.png")),
        regions=(TaskRegion(mask="/secret/sky.png", mix={"udnie": 1.0}, strength=0.5),),
    )
    handed = write_output(asked, decoded=working, pixels=photo(), target=tmp_path / ".part.jpg")
    made = record(asked, handed, working)
    text = provenance_text(made)
    jsonschema.Draft202012Validator(schema()).validate(json.loads(text))
    assert Provenance.model_validate_json(text) == made
    assert [(style.name, style.region, style.strength) for style in made.styles][-1] == ("udnie", 0, 0.5)
    assert made.inputs["region 0"] == "sky.png"
    assert "secret" not in text
    assert str(tmp_path) not in text


def test_the_published_schema_is_that_of_the_record_and_travels_with_the_package() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    published = dict(schema())
    assert published.pop("$schema") == "https://json-schema.org/draft/2020-12/schema"
    assert published == Provenance.model_json_schema(), "write Provenance.model_json_schema() to the file"
    assert resources.files("giornata.workers.rendering").joinpath("provenance.schema.json").is_file()


def test_a_record_says_what_was_made_of_what_and_how(working: DecodedImage, tmp_path: Path) -> None:
    asked = task(tmp_path)
    handed = write_output(asked, decoded=working, pixels=photo(), target=tmp_path / ".part.jpg")
    made = record(asked, handed, working)
    assert (made.source.name, made.source.sha256) == ("wave.tif", file_sha256(tmp_path / "wave.tif"))
    assert made.source.facts["dpi"] == pytest.approx([300, 300])
    assert [(style.name, style.weight) for style in made.styles] == [("great-wave", 0.75), ("udnie", 0.25)]
    assert made.styles[0].weights_sha256 == Library().find("great-wave").card.sha256
    assert made.styles[0].licence == Library().find("great-wave").card.licence
    assert (made.parameters["quality"], made.seed) == (asked.quality, 7)
    assert (made.tiles.core_px, made.tiles.columns, made.tiles.rows) == (48, 2, 2)
    assert (made.statistics.kind, made.statistics.totals_sha256) == (Statistics.EXACT, totals_sha256(TOTALS))
    assert (made.output.name, made.output.sha256) == ("wave_styled.jpg", file_sha256(tmp_path / ".part.jpg"))
    assert (made.output.space, made.output.sample, made.output.profile) == ("RGB", "uint8", "sRGB")
    assert made.software.ray is not None
    assert "slow: a reason" in made.warnings
    assert datetime.fromisoformat(made.times.finished).tzinfo == UTC


def test_two_records_of_one_output_differ_in_times_alone(working: DecodedImage, tmp_path: Path) -> None:
    asked = task(tmp_path)
    made = []
    for name in ("a.jpg", "b.jpg"):
        handed = write_output(asked, decoded=working, pixels=photo(), target=tmp_path / name)
        made.append(record(asked, handed, working).model_copy(update={"times": None}))
    assert made[0] == made[1]
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


def test_a_document_that_is_not_a_record_is_not_written(working: DecodedImage, tmp_path: Path) -> None:
    handed = write_output(task(tmp_path), decoded=working, pixels=photo(), target=tmp_path / ".part.jpg")
    made = record(task(tmp_path), handed, working)
    broken = made.model_copy(update={"output": made.output.model_copy(update={"sha256": "x"})})
    with pytest.raises(jsonschema.ValidationError, match="does not match"):
        provenance_text(broken)


def test_the_sidecar_lies_beside_the_target(working: DecodedImage, tmp_path: Path) -> None:
    handed = write_output(task(tmp_path), decoded=working, pixels=photo(), target=tmp_path / "out.jpg")
    path = write_sidecar(record(task(tmp_path), handed, working), tmp_path / "out.jpg")
    assert path == sidecar_of(tmp_path / "out.jpg") == tmp_path / "out.jpg.provenance.json"
    assert Provenance.model_validate_json(path.read_text())
    with pytest.raises(EncodeFailed, match="No such file"):
        write_sidecar(record(task(tmp_path), handed, working), tmp_path / "none" / "out.jpg")


def test_the_packet_is_in_the_record_where_tiles_hold_none(working: DecodedImage, tmp_path: Path) -> None:
    asked = task(tmp_path, format="dzi", target=str(tmp_path / "final" / "wave.d"))
    handed = write_output(asked, decoded=working, pixels=photo(), target=tmp_path / ".part")
    made = record(asked, handed, working)
    assert made.xmp is not None
    assert "The Great Wave" in made.xmp
    assert (tmp_path / ".part" / "wave.d.dzi").is_file()
    assert "sidecar only" in " ".join(made.warnings)
    assert made.output.profile is None


def test_a_packet_too_long_for_jpeg_goes_into_the_record(
    sandbox: Sandbox, working: DecodedImage, tmp_path: Path
) -> None:
    assert working.xmp_path is not None
    long = packet().replace(b"Waves", b"W" * 70_000)
    working.xmp_path.write_bytes(long)
    handed = write_output(task(tmp_path), decoded=working, pixels=photo(), target=tmp_path / "out.jpg")
    assert "too long for JPEG" in " ".join(handed.warnings)
    assert len(record(task(tmp_path), handed, working).xmp or "") > 70_000
    png = write_output(
        task(tmp_path, format="png"), decoded=working, pixels=photo(), target=tmp_path / "out.png"
    )
    assert (png.xmp, png.warnings) == (None, ())


def test_a_source_that_went_away_is_told_as_such(working: DecodedImage, tmp_path: Path) -> None:
    (tmp_path / "wave.tif").unlink()
    with pytest.raises(Unreadable, match="No such file"):
        write_output(task(tmp_path), decoded=working, pixels=photo(), target=tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


def test_a_hash_of_totals_follows_every_bit() -> None:
    tiny = TOTALS[0].total + np.array([np.spacing(1.0), 0])
    other = (Moments(4, tiny, TOTALS[0].squares),)
    assert totals_sha256(TOTALS) != totals_sha256(other)
    assert totals_sha256(None) is None
