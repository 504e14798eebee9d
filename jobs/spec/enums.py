"""The closed choices of a job, each an enum, so that every message lists its options from one place."""

import os
from collections.abc import Iterable
from enum import StrEnum


class EngineKind(StrEnum):
    """How a style is applied."""

    FEEDFORWARD = "feedforward"
    OPTIMIZATION = "optimization"
    UNIVERSAL = "universal"


AVAILABLE_ENGINES = frozenset(EngineKind)  # what this version can render; specs may say more


class Statistics(StrEnum):
    """Where the totals that a tile is normalised with come from."""

    EXACT = "exact"
    THUMBNAIL = "thumbnail"
    REFERENCE = "reference"


class ReferenceWord(StrEnum):
    """Words that `reference` takes instead of a path: a set is tied to one of its own pictures."""

    FIRST = "first"  # of the whole job
    FIRST_OF_FOLDER = "first_of_folder"  # such as the first page of each book
    ASSET = "asset"  # each picture as a whole, for all its crops


class Precision(StrEnum):
    """Number format of the network's arithmetic."""

    FP32 = "fp32"
    BF16 = "bf16"


class DeviceChoice(StrEnum):
    """Where tiles are rendered; `auto` takes a GPU when one is there."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class PictureFormat(StrEnum):
    """File format of an output; `same` follows the source's suffix and never reaches a task."""

    SAME = "same"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    TIFF = "tiff"
    AVIF = "avif"
    DZI = "dzi"
    IIIF = "iiif"


FOLDER_FORMATS = (PictureFormat.DZI, PictureFormat.IIIF)  # many tiles in one folder, or in one zip


class PreserveColour(StrEnum):
    """What of the source's colour comes back after styling."""

    NONE = "none"
    LUMINANCE = "luminance"  # the source's colours under the style's light and dark
    HISTOGRAM = "histogram"
    COVARIANCE = "covariance"


class OutputProfile(StrEnum):
    """The colour space of an output."""

    SOURCE = "source"
    SRGB = "srgb"


class OutputDepth(StrEnum):
    """Bits a sample of an output."""

    SOURCE = "source"
    EIGHT = "8"
    SIXTEEN = "16"


class TiffCompression(StrEnum):
    """How a TIFF is compressed; only jpeg loses anything."""

    DEFLATE = "deflate"
    LZW = "lzw"
    JPEG = "jpeg"
    NONE = "none"


class Container(StrEnum):
    """What holds the tiles of a format that has many."""

    FOLDER = "folder"
    ZIP = "zip"


class MetadataPolicy(StrEnum):
    """How much of the source's metadata an output carries; `minimal` is rights, resolution and profile."""

    KEEP = "keep"
    MINIMAL = "minimal"


class Pages(StrEnum):
    """What to do with a source of several pages or frames."""

    REFUSE = "refuse"
    FIRST = "first"
    ALL = "all"


class SourceTypeTerm(StrEnum):
    """IPTC's words for how a picture came to be (NewsCodes, digitalsourcetype); `none` says nothing."""

    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
    TRAINED = "trainedAlgorithmicMedia"
    ENHANCED = "algorithmicallyEnhanced"
    NONE = "none"


class OnExisting(StrEnum):
    """What to do with an output that an earlier job of ours has already delivered."""

    SKIP = "skip"
    REPLACE = "replace"
    FAIL = "fail"


class StartWhen(StrEnum):
    """Whether items may run before the whole job has been listed and checked."""

    CHECKED = "checked"
    AT_ONCE = "at_once"


class NotifyKind(StrEnum):
    """What a webhook may be told of; `paused` means by the canary."""

    FINISHED = "finished"
    FAILED = "failed"
    PAUSED = "paused"


FORMAT_SUFFIX = {
    PictureFormat.JPEG: ".jpg",
    PictureFormat.PNG: ".png",
    PictureFormat.WEBP: ".webp",
    PictureFormat.TIFF: ".tif",
    PictureFormat.AVIF: ".avif",
    PictureFormat.DZI: "",
    PictureFormat.IIIF: "",
}
SUFFIX_FORMAT = {
    ".jpg": PictureFormat.JPEG,
    ".jpeg": PictureFormat.JPEG,
    ".png": PictureFormat.PNG,
    ".webp": PictureFormat.WEBP,
    ".tif": PictureFormat.TIFF,
    ".tiff": PictureFormat.TIFF,
}


def listed(options: Iterable[str]) -> str:
    """The options of a choice as words for a message."""
    return ", ".join(str(option) for option in options)


def resolve_format(
    requested: PictureFormat, source: str, container: Container = Container.FOLDER
) -> tuple[PictureFormat, str]:
    """The concrete format and the suffix of an output of `source`.

    `same` keeps the source's own suffix in lower case; formats that are read but not written (gif, bmp,
    avif, unknown ones) become PNG, which loses nothing.
    """
    if requested in FOLDER_FORMATS:
        return requested, ".zip" if container is Container.ZIP else ""
    if requested is not PictureFormat.SAME:
        return requested, FORMAT_SUFFIX[requested]
    suffix = os.path.splitext(source)[1].lower()  # noqa: PTH122 - once per output: pathlib is 5x slower
    kind = SUFFIX_FORMAT.get(suffix)
    return (kind, suffix) if kind else (PictureFormat.PNG, ".png")


class OptimiserKind(StrEnum):
    """How the picture is moved."""

    LBFGS = "lbfgs"
    ADAM = "adam"


class StartKind(StrEnum):
    """Where an optimisation starts from."""

    CONTENT = "content"
    NOISE = "noise"
    PREVIOUS = "previous"


class GrowthKind(StrEnum):
    """How sizes grow from scale to scale."""

    NONE = "none"
    SQRT2 = "sqrt2"
    DYADIC = "dyadic"


class PoolingKind(StrEnum):
    """What lies between an encoder's blocks."""

    AVERAGE = "average"
    MAXIMUM = "max"


class TermKind(StrEnum):
    """What of two feature distributions is compared."""

    GRAM = "gram"
    MEAN_STD = "mean-std"
    WASSERSTEIN = "wasserstein"


class ConventionKind(StrEnum):
    """How losses are normalised; alpha and beta mean something else in each."""

    RELATIVE = "relative"
    PAPER = "paper"
    ELEMENTS = "elements"


class TransformKind(StrEnum):
    """How features are moved to the style's statistics."""

    TRANSPORT = "transport"
    WHITEN = "whiten"
    MOMENTS = "moments"
