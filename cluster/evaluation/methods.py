"""What is compared: ways to paint a photograph like a painting, under the names of the command line."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from giornata.cluster.evaluation import universal
from giornata.cluster.evaluation.gatys import gatys_painter
from giornata.cluster.evaluation.library_styles import StylePainter, group_of
from giornata.cluster.evaluation.subjects import StylePainting
from giornata.cluster.evaluation.teachers import (
    AdaIn,
    MicroAst,
    WctCascade,
    adain_files,
    microast_files,
)
from giornata.styles.evaluation.errors import BadEvaluation
from giornata.styles.evaluation.metrics import Image
from giornata.styles.evaluation.palette import palette_only
from giornata.styles.library import EngineName, Library, LibraryEntry
from giornata.styles.training.wct_teacher import wct_files

UNCHANGED, PALETTE, GATYS = "unchanged", "palette", "gatys"
FLOORS = (UNCHANGED, PALETTE)
SEEN = "VGG-19 and its compressed kin"  # what trainings of ours look through


# What paints like one painting: a photograph, float32, H x W x 3, sRGB 0..1, and a strength 0..1 -> the same.
Painter = Callable[[Image, float], Image]
Factory = Callable[[Image], Painter]  # from a painting's pixels, float32, H x W x 3, 0..1


@dataclass(frozen=True)
class Method:
    """One row of the table.

    `styles` are those of the library by name, `factory` takes any painting; a method has either or both.
    `files` are what it reads besides, `seen` the networks that its training looked through. `strength` is the
    one it paints at; `has_strength` says that 0 is to give the photograph back.
    """

    name: str
    title: str
    seen: str = "–"
    styles: Mapping[str, LibraryEntry] = field(default_factory=dict)
    factory: Factory | None = None
    files: tuple[Path, ...] = ()
    strength: float = 1.0
    has_strength: bool = False

    def open(self, painting: StylePainting) -> Painter | None:
        """The painter of `painting`, or None where the method has none. Raises `StyleError`."""
        style = self._style_of(painting)
        if style is not None:
            return StylePainter(self.styles[style])
        return self.factory(painting.image) if self.factory else None

    def covers(self, painting: StylePainting) -> bool:
        """Whether `open` gives a painter."""
        return self.factory is not None or self._style_of(painting) is not None

    def _style_of(self, painting: StylePainting) -> str | None:
        return next((name for name in painting.styles if name in self.styles), None)

    @property
    def bytes(self) -> int:
        """Bytes on disk: weights and statistics of all its styles."""
        paths = {*self.files, *(shelved.weights_path for shelved in self.styles.values())}
        return sum(path.stat().st_size for path in paths if path.is_file())


@dataclass(frozen=True)
class AnyPainting:
    """An engine of ours that paints like any painting; available when all its `files` exist."""

    factory: Factory
    files: Callable[[], tuple[Path, ...]] = tuple

    @property
    def available(self) -> bool:
        """Whether its files exist."""
        return all(path.is_file() for path in self.files())


# By name. A library's group of the same name uses it for paintings that it has no style of.
ANY_PAINTING: dict[str, AnyPainting] = {
    EngineName.UNIVERSAL: AnyPainting(universal.shipped_painter, universal.shipped_files)
}


def floor_methods() -> list[Method]:
    """The rows of every table: the photograph unchanged, and with its colours alone changed."""

    def leave(_: Image) -> Painter:
        return lambda photo, strength: photo

    def recolour(painting: Image) -> Painter:
        return lambda photo, strength: palette_only(photo, painting)

    return [
        Method(UNCHANGED, "photograph unchanged", factory=leave),
        Method(PALETTE, "palette only", factory=recolour),
    ]


def library_methods(library: Library, only: frozenset[str] | None = None) -> list[Method]:
    """The library's styles, those named in `only` if it is given, grouped by network or engine."""
    groups: dict[str, dict[str, LibraryEntry]] = {}
    for name, shelved in library.styles.items():
        if only is None or name in only:
            groups.setdefault(group_of(shelved), {})[name] = shelved
    ready = {name: way for name, way in ANY_PAINTING.items() if way.available}
    return [
        Method(
            name,
            name,
            seen=SEEN,
            styles=groups.get(name, {}),
            factory=ready[name].factory if name in ready else None,
            files=ready[name].files() if name in ready else (),
            has_strength=True,
        )
        for name in sorted({*groups, *ready})
    ]


def network_method(path: Path) -> Method:
    """The universal engine with the network in a weight file, under the file's name. Raises `StyleError`."""
    name = f"{EngineName.UNIVERSAL}-{path.stem}"
    factory = universal.painter_of(path)
    return Method(name, f"universal, {path.name}", SEEN, factory=factory, files=(path,), has_strength=True)


def gatys_method(steps: int, *, encoder: str = "compact", threads: int = 1) -> Method:
    """The optimisation of Gatys et al. 2016, `steps` steps under `encoder`."""
    title = f"Gatys, {steps} steps, {encoder} encoder"
    factory = gatys_painter(steps, encoder=encoder, threads=threads)
    return Method(
        GATYS, title, seen=f"no data; it looks at the {encoder} encoder while it paints", factory=factory
    )


def teacher_methods(folder: Path) -> tuple[list[Method], list[str]]:
    """Other people's networks below `folder`, and why others are missing, in words."""
    methods: list[Method] = []
    missing: list[str] = []
    if all(path.is_file() for path in wct_files(folder)):
        methods += [*_wct_methods(folder), _adain_method(folder)]
    else:
        missing.append(f"wct: not measured: no {wct_files(folder)[0].parent.name} in {folder}")
    if all(path.is_file() for path in microast_files(folder)):
        seen, files = "VGG-19 (by its authors)", microast_files(folder)
        factory = MicroAst(folder).painter
        methods.append(Method("microast", "MicroAST", seen, factory=factory, files=files))
    else:
        missing.append(f"microast: not measured: no {microast_files(folder)[0].parent.name} in {folder}")
    return methods, missing


def _wct_methods(folder: Path) -> list[Method]:
    cascade, files = WctCascade(folder), wct_files(folder)
    return [
        Method(
            f"wct-{alpha}",
            f"WCT 16x, five levels, alpha {alpha}",
            "VGG-19 (by its authors)",
            factory=cascade.painter,
            files=files,
            strength=alpha,
        )
        for alpha in (0.3, 0.5, 0.8)
    ]


def _adain_method(folder: Path) -> Method:
    title, seen = "AdaIN, networks of WCT 16x", "VGG-19 (by its authors)"
    return Method("adain", title, seen, factory=AdaIn(folder).painter, files=adain_files(folder))


def named(methods: Iterable[Method], names: Sequence[str] | None) -> list[Method]:
    """The floors and the methods of these names, all when `names` is None, in the order they came.

    Raises `BadEvaluation` for an unknown name.
    """
    by_name = {method.name: method for method in methods}
    if names is None:
        return list(by_name.values())
    unknown = [name for name in names if name not in by_name]
    if unknown:
        unknown_names, needed = ", ".join(unknown), ", ".join(by_name)
        raise BadEvaluation("choosing methods", unknown_names, f"some of {needed}")
    chosen = {*FLOORS, *names}
    return [method for name, method in by_name.items() if name in chosen]
