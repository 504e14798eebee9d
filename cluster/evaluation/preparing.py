"""From what was asked for to what is done: methods opened, images chosen, judges loaded."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from giornata import __version__
from giornata.cluster.batch.catalog import user_library
from giornata.cluster.evaluation.methods import (
    GATYS,
    Method,
    floor_methods,
    gatys_method,
    library_methods,
    named,
    network_method,
    teacher_methods,
)
from giornata.cluster.evaluation.protocol import EvaluationRun
from giornata.cluster.evaluation.request import Request
from giornata.cluster.evaluation.results import Setup
from giornata.cluster.evaluation.subjects import StylePainting, choose_paintings, choose_photos
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.lpips import load_judges
from giornata.styles.evaluation.yardstick import Yardstick
from giornata.styles.library import Library, LibraryEntry
from giornata.styles.perception.encoder import Encoder
from giornata.styles.perception.encoder_files import torchvision_file
from giornata.styles.perception.weights import EncoderChoice, load_encoder
from giornata.styles.training.held_out import load_held_out

TEACHERS_MISSING = "teachers: not measured: give --teachers"


@dataclass(frozen=True)
class PreparedEvaluation:
    """The run, its yardstick and setup, and the methods and styles left out, in words."""

    course: EvaluationRun
    yardstick: Yardstick
    setup: Setup
    left_out: tuple[str, ...]


def prepare(request: Request) -> PreparedEvaluation:
    """Open and choose everything that `request` asks for. Raises `StyleError`."""
    library = Library(request.libraries) if request.libraries else user_library()
    methods, left_out = _methods(request, library)
    lists = load_held_out() if request.held_out else None
    photos = choose_photos(
        request.photos,
        short_side_px=request.size_px,
        square=request.square,
        only=lists.photos if lists else None,
        limit=request.limit,
    )
    used = [shelved.card for method in methods for shelved in method.styles.values()]
    # Without a method of the library its styles still say which paintings there are.
    cards = used or [shelved.card for shelved in _chosen(library, request.styles).values()]
    unseen = lists.paintings if lists else frozenset[str]()
    paintings = choose_paintings(request.paintings, cards, unseen=unseen)
    left_out += _without_picture([card.name for card in cards], paintings)
    if not paintings:
        where = ", ".join(map(str, request.paintings))
        raise BadEvaluation("collecting paintings", f"no style's picture in {where}", "one at least")
    course = EvaluationRun(methods, photos, paintings, request.out)
    yardstick = Yardstick(load_judges(request.lpips), _vgg(request.vgg))
    return PreparedEvaluation(course, yardstick, _setup(request, course), tuple(left_out))


def _chosen(library: Library, names: Sequence[str] | None) -> Mapping[str, LibraryEntry]:
    if names is None:
        return library.styles
    return {name: library.find(name) for name in names}


def _methods(request: Request, library: Library) -> tuple[list[Method], list[str]]:
    only = frozenset(_chosen(library, request.styles)) if request.styles else None
    methods = [*floor_methods(), *library_methods(library, only)]
    methods += [network_method(path) for path in request.networks]
    left_out: list[str] = []
    if request.steps:
        methods.append(gatys_method(request.steps, encoder=request.encoder, threads=request.threads))
    elif request.methods is None:
        left_out.append(f"{GATYS}: not measured: left out by --steps 0")
    if request.teachers is not None:
        teachers, missing = teacher_methods(request.teachers)
        methods += teachers
        left_out += missing
    elif request.methods is None:
        left_out.append(TEACHERS_MISSING)
    return named(methods, request.methods), left_out


def _without_picture(names: Sequence[str], paintings: Sequence[StylePainting]) -> list[str]:
    """Styles whose painting was not found, as one line."""
    pictured = {style for painting in paintings for style in painting.styles}
    lost = sorted(set(names) - pictured)
    return [f"styles without their painting: {', '.join(lost)}"] if lost else []


def _vgg(path: Path | None) -> Encoder | None:
    """VGG-19 from a file, or from torchvision's cache, or none; nothing is fetched. Raises `BadEncoder`."""
    path = path or torchvision_file()
    if path == torchvision_file() and not path.is_file():
        return None
    return load_encoder(EncoderChoice(str(path)))


def _setup(request: Request, course: EvaluationRun) -> Setup:
    return Setup(
        version=__version__,
        size_px=request.size_px,
        square=request.square,
        threads=request.threads,
        machine=f"{platform.machine()} {platform.system()}",
        photos=tuple(photo.name for photo in course.photos),
        paintings=tuple(painting.name for painting in course.paintings if painting.styles),
        unseen_paintings=tuple(painting.name for painting in course.paintings if painting.unseen),
    )
