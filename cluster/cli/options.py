"""Options that several commands share, and the connection to a service or to the store of this machine."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from giornata.cluster.batch.catalog import InstalledStyles, user_library
from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.errors import ServiceUnreachable
from giornata.cluster.service.api import JobApi
from giornata.cluster.service.auth import client_token
from giornata.cluster.service.client import Client
from giornata.cluster.service.local import local_job_service
from giornata.jobs.model.task_style import TaskOptimise, TaskUniversal
from giornata.jobs.planning.style_resolver import stamped
from giornata.jobs.spec.enums import EngineKind, TransformKind, listed
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import load_spec
from giornata.jobs.spec.style import OptimizationSpec, StyleImage

HOST, PORT = "127.0.0.1", 8765
DEFAULT_URL = f"http://{HOST}:{PORT}"
KNOCK_S = 0.5  # a service on this machine answers in a thousandth of that

Url = Annotated[str | None, typer.Option("--url", envvar="GIORNATA_URL", help=f"a service, {DEFAULT_URL}")]
TokenFile = Annotated[Path | None, typer.Option("--token-file", help="holds your token; else GIORNATA_TOKEN")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Job = Annotated[str, typer.Argument(metavar="JOB", help="the id of a job")]

C = TypeVar("C", bound=StrEnum)


def command_app() -> typer.Typer:
    """The app of one command."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@contextmanager
def connect_api(url: str | None, token_file: Path | None, *, needs_service: bool = False) -> Iterator[JobApi]:
    """The API of the service at `url`, of the one at the usual place, or of this machine's own store.

    Raises `ServiceUnreachable` when there is none and the command `needs_service`.
    """
    if url or listens(HOST, PORT):
        with Client(url or DEFAULT_URL, client_token(token_file)) as client:
            yield client
    elif needs_service:
        raise ServiceUnreachable(DEFAULT_URL, "nothing listens there")
    else:
        with local_job_service() as job_service:
            yield job_service


def listens(host: str, port: int) -> bool:
    """Whether `host` takes connections on `port`."""
    try:
        with socket.create_connection((host, port), timeout=KNOCK_S):
            return True
    except OSError:
        return False


def choices(text: str | None, kind: type[C]) -> list[C] | None:
    """Members of `kind` from a list like `one,two`. Raises `CommandRefused` that names them all."""
    if text is None:
        return None
    given = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in given if word not in list(kind)]
    if wrong or not given:
        value = repr(wrong[0]) if wrong else "nothing"
        raise CommandRefused(f"got {value}, needed some of: {listed(kind)}", Exit.USAGE)
    return [kind(word) for word in given]


def agree(question: str, *, yes: bool) -> None:
    """Ask for consent. Raises `CommandRefused` without a terminal to ask on, or when the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandRefused(f"{question}: nobody is here to ask, needed --yes", Exit.REJECTED)
    if not typer.confirm(f"{question}?", err=True):
        raise CommandRefused("nothing was changed", Exit.CANCELLED)


LEAST = 1_500_000_000  # Ray, a manager and one worker with the smallest tiles


def parse_memory(text: str) -> int:
    """Bytes of `2GB`, `1.5GiB`. Raises `typer.BadParameter`."""
    try:
        memory_bytes = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        raise typer.BadParameter(f"{text!r} is no amount of memory, needed one like 2GB or 1.5GiB") from None
    if memory_bytes < LEAST:
        raise typer.BadParameter(f"{text} is too little, needed {LEAST / 1e9:g}GB at least")
    return memory_bytes


MemoryLimit = Annotated[
    int | None,
    typer.Option(
        parser=parse_memory, metavar="SIZE", help="plan for so much memory, e.g. 2GB; all if left out"
    ),
]


EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url", envvar="GIORNATA_S3_ENDPOINT_URL", help="an S3-compatible service; AWS if left out"
    ),
]


def load_spec_at(path: Path, endpoint_url: str | None) -> JobSpec:
    """Read a spec; its buckets are at `endpoint_url` unless it says otherwise. Raises `BadSpec`."""
    spec = load_spec(path)
    try:
        storage = spec.storage.at(endpoint_url)
    except ValidationError as error:
        needed = "needed http(s)://host, without a user name"
        raise CommandRefused(f"--endpoint-url: {needed}", Exit.USAGE) from error
    return spec if storage == spec.storage else spec.model_copy(update={"storage": storage})


OPTIMISATION_FLAGS = "--steps, --alpha, --beta, --tv, --optimiser, --start, --growth, --encoder"
AUTO = "auto"


@dataclass(frozen=True)
class StyleFlags:
    """Flags as given; `optimise` holds weights and choices of an optimisation, None for those left out."""

    style: str = ""
    images: tuple[str, ...] = ()
    engine: EngineKind | None = None
    levels: int | None = None
    structure: float | None = None
    transform: TransformKind | None = None
    size_px: int | None = None
    steps: int | None = None
    encoder: str = AUTO
    optimise: dict[str, object] = field(default_factory=dict)

    @property
    def asks_for_optimisation(self) -> bool:
        """Whether any flag only makes sense for an optimisation."""
        given = (self.steps, *self.optimise.values())
        return self.encoder != AUTO or any(value is not None for value in given)

    @property
    def universal_settings(self) -> dict[str, object]:
        """The given settings that only the universal engine takes."""
        settings = {"levels": self.levels, "structure": self.structure, "transform": self.transform}
        settings["style_size"] = self.size_px
        return {name: value for name, value in settings.items() if value is not None}


def style_fields(flags: StyleFlags) -> dict[str, Any]:
    """The fields of a task that say how it is styled. Raises `CommandRefused`."""
    images = style_images(flags)
    if not images:
        return _named(flags)
    label = Path(images[0].path).stem
    if flags.engine is not EngineKind.UNIVERSAL and (
        flags.engine is EngineKind.OPTIMIZATION or flags.asks_for_optimisation
    ):
        return {"style_label": label, **_optimised(flags, images)}
    return {"style_label": label, **_universal(flags, images)}


def style_images(flags: StyleFlags) -> tuple[StyleImage, ...]:
    """The pictures to take the style from, none for a style by name. Raises `CommandRefused`."""
    texts = flags.images
    if flags.engine is EngineKind.OPTIMIZATION and flags.style:
        texts = (flags.style, *texts)
    elif texts and (flags.style or flags.engine is EngineKind.FEEDFORWARD):
        kinds = f"{EngineKind.UNIVERSAL} or {EngineKind.OPTIMIZATION}"
        raise CommandRefused(f"--style-image goes with engine {kinds} and without --style NAME", Exit.USAGE)
    if not texts and (not flags.style or flags.engine is EngineKind.OPTIMIZATION):
        raise CommandRefused("needed --style NAME or --style-image PICTURE", Exit.USAGE)
    return tuple(style_image(text) for text in texts)


def style_image(text: str) -> StyleImage:
    """`a.jpg`, or `a.jpg=2` for its share among several. Raises `CommandRefused`."""
    name, _, share = text.rpartition("=")
    if Path(text).is_file() or not name or not share.replace(".", "", 1).isdigit():
        name, share = text, "1"
    if not Path(name).is_file():
        raise CommandRefused(f"reading style picture {name}: no such file", Exit.REJECTED)
    if float(share) <= 0:
        raise CommandRefused(f"reading --style-image: got {text!r}, needed a share above 0", Exit.USAGE)
    return StyleImage(path=str(Path(name).absolute()), share=float(share))


def parse_mix(text: str) -> dict[str, float]:
    """`great-wave` or `great-wave=2,udnie=1` -> shares by style. Raises `CommandRefused`."""
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        try:
            mix[name] = float(share) if share else 1.0
        except ValueError:
            raise CommandRefused(
                f"reading --style: got {part!r}, needed NAME or NAME=SHARE", Exit.USAGE
            ) from None
    if not all(mix) or any(share <= 0 for share in mix.values()):
        raise CommandRefused(f"reading --style: got {text!r}, needed names with shares above 0", Exit.USAGE)
    whole = sum(mix.values())
    return {name: share / whole for name, share in mix.items()}


def _optimised(flags: StyleFlags, images: tuple[StyleImage, ...]) -> dict[str, Any]:
    _refuse_universal_settings(flags, EngineKind.OPTIMIZATION)
    optimisation = TaskOptimise(
        images=images,
        steps=flags.steps,
        encoder=flags.encoder,
        choice=OptimizationSpec.model_validate(flags.optimise),
    )
    return {"engine": EngineKind.OPTIMIZATION, "mix": {}, "optimise": stamped(optimisation)}


def _universal(flags: StyleFlags, images: tuple[StyleImage, ...]) -> dict[str, Any]:
    if flags.asks_for_optimisation:
        message = f"{OPTIMISATION_FLAGS}: needed --engine {EngineKind.OPTIMIZATION}"
        raise CommandRefused(message, Exit.USAGE)
    universal = stamped(TaskUniversal(images=images, **_settings(flags)))
    version = InstalledStyles(user_library()).version({}, is_universal=True)
    return {"engine": EngineKind.UNIVERSAL, "mix": {}, "universal": universal, "engine_version": version}


def _named(flags: StyleFlags) -> dict[str, Any]:
    if flags.asks_for_optimisation:
        raise CommandRefused(f"{OPTIMISATION_FLAGS}: needed --style-image PICTURE", Exit.USAGE)
    if flags.size_px is not None:
        raise CommandRefused("--style-size: needed --style-image PICTURE", Exit.USAGE)
    styles, mix = InstalledStyles(user_library()), parse_mix(flags.style)
    engine = next(iter(styles.engines(mix)), EngineKind.FEEDFORWARD)
    if flags.engine not in (None, engine):
        message = f"--style {flags.style}: it is of engine {engine}, not {flags.engine}"
        raise CommandRefused(message, Exit.REJECTED)
    if engine is not EngineKind.UNIVERSAL:
        _refuse_universal_settings(flags, engine)
    settings = _settings(flags)
    return {
        "style_label": flags.style,
        "engine": engine,
        "mix": mix,
        "universal": TaskUniversal(**settings) if settings else None,
        "engine_version": styles.version(mix),
    }


def _settings(flags: StyleFlags) -> dict[str, Any]:
    names = {"style_size": "size_px"}
    return {names.get(name, name): value for name, value in flags.universal_settings.items()}


def _refuse_universal_settings(flags: StyleFlags, engine: EngineKind) -> None:
    for name in flags.universal_settings:
        flag = f"--{name.replace('_', '-')}"
        message = f"{flag}: needed a style of engine {EngineKind.UNIVERSAL}, got one of {engine}"
        raise CommandRefused(message, Exit.USAGE)
