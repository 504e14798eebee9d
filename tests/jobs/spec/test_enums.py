import pytest

from giornata.jobs.spec.enums import (
    AVAILABLE_ENGINES,
    FOLDER_FORMATS,
    FORMAT_SUFFIX,
    Container,
    EngineKind,
    PictureFormat,
    TransformKind,
    listed,
    resolve_format,
)
from giornata.styles.universal.transform import TransformKind as EngineTransform


def test_the_spec_and_the_engine_know_the_same_transforms() -> None:
    assert [kind.value for kind in TransformKind] == [kind.value for kind in EngineTransform]


@pytest.mark.parametrize(
    ("source", "resolved"),
    [
        ("a.JPG", (PictureFormat.JPEG, ".jpg")),
        ("/in/a.jpeg", (PictureFormat.JPEG, ".jpeg")),
        ("a.TIFF", (PictureFormat.TIFF, ".tiff")),
        ("s3://bucket/a.webp", (PictureFormat.WEBP, ".webp")),
        ("a.heic", (PictureFormat.PNG, ".png")),
        ("in.jpg/a", (PictureFormat.PNG, ".png")),
    ],
)
def test_same_is_the_sources_own_format_where_that_is_written(
    source: str, resolved: tuple[PictureFormat, str]
) -> None:
    assert resolve_format(PictureFormat.SAME, source) == resolved


@pytest.mark.parametrize("kind", [kind for kind in PictureFormat if kind is not PictureFormat.SAME])
def test_a_format_that_is_named_is_kept_and_has_a_suffix(kind: PictureFormat) -> None:
    assert resolve_format(kind, "a.gif") == (kind, FORMAT_SUFFIX[kind])
    in_zip = ".zip" if kind in FOLDER_FORMATS else FORMAT_SUFFIX[kind]
    assert resolve_format(kind, "a.gif", Container.ZIP) == (kind, in_zip)


def test_a_message_lists_the_options_by_their_words() -> None:
    assert listed(EngineKind) == "feedforward, optimization, universal"
    assert frozenset(EngineKind) == AVAILABLE_ENGINES
