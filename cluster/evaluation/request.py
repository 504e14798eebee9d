"""What an evaluation is asked for; its own file, because the command line fills it without torch."""

from dataclasses import dataclass, replace
from pathlib import Path

from giornata.styles.evaluation.errors import BadEvaluation

# Below one data folder, where a part of the request was not given by itself.
PHOTOS, PAINTINGS = ("photos",), ("paintings", "paintings_more")
TEACHERS, LPIPS, VGG = "teachers", "teachers/lpips", "encoders/vgg19_conv1_1-conv3_4.safetensors"


@dataclass(frozen=True)
class Request:
    """An evaluation as it was asked for; None means all there are, or the default."""

    photos: tuple[Path, ...]
    paintings: tuple[Path, ...]
    out: Path
    methods: tuple[str, ...] | None = None
    styles: tuple[str, ...] | None = None
    held_out: bool = False
    limit: int | None = None
    size_px: int = 512
    square: bool = False
    steps: int = 100
    encoder: str = "compact"
    teachers: Path | None = None
    lpips: Path | None = None
    vgg: Path | None = None
    libraries: tuple[Path, ...] = ()
    networks: tuple[Path, ...] = ()
    threads: int = 1


def with_data_folder(request: Request, data: Path) -> Request:
    """The request with what it lacks taken from a data folder, as far as it is there.

    Raises `BadEvaluation` for a folder that is not there.
    """
    if not data.is_dir():
        raise BadEvaluation("collecting what to evaluate with", f"{data}, which is no folder", "a folder")

    def existing(name: str) -> Path | None:
        return data / name if (data / name).exists() else None

    return replace(
        request,
        photos=request.photos or tuple(data / name for name in PHOTOS if existing(name)),
        paintings=request.paintings or tuple(data / name for name in PAINTINGS if existing(name)),
        teachers=request.teachers or existing(TEACHERS),
        lpips=request.lpips or existing(LPIPS),
        vgg=request.vgg or existing(VGG),
    )
