"""Styles of one's own: learnt from a picture into the user's library, and removed from it."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import skimage.data

from giornata.atomic_file import atomic_write
from giornata.cluster.batch.catalog import user_library
from giornata.cluster.batch.single_image import render_and_publish
from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.cluster.settings import home_folder
from giornata.jobs.model.paths import item_id_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import EngineKind, PictureFormat
from giornata.jobs.storage.hashing import file_sha256
from giornata.styles.library import Artwork, EngineName, LibraryEntry, StyleCard, card_text
from giornata.styles.universal.engine import UniversalOptions
from giornata.styles.universal.network import MIN_SIDE, STRIDE, NetworkReach, rounded_up
from giornata.styles.universal.network_files import load_network_card
from giornata.workers.decoding.sandbox import Sandbox
from giornata.workers.errors import RenderError
from giornata.workers.rendering.style_images import keep_statistics, learn_style_image

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
PREVIEW_PX = 480
SAMPLE = Path(skimage.data.__file__).parent / "coffee.png"  # what styles are shown on
HASH_DIGITS = 12


@dataclass(frozen=True)
class NewStyle:
    """Card fields of a style to be learnt; an empty title comes from the file's name."""

    picture: Path
    name: str
    title: str = ""
    artist: str = "unknown"
    year: str = ""
    licence: str = "that of the picture it was learnt from"
    size_px: int = 768
    levels: int | None = None
    structure: float | None = None


def name_from(picture: Path) -> str:
    """A style's name from a file's: lower case, hyphens for anything but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "-", picture.stem.lower()).strip("-") or "style"


def add_style(new: NewStyle, *, force: bool) -> LibraryEntry:
    """Learn a style and put its card, statistics and preview into the user's library.

    Raises `CommandRefused` for a name that is taken or no name, and for a picture that cannot be used.
    """
    folder = home_folder() / "styles"
    _check_name(new.name, force=force)
    if not new.picture.is_file():
        raise CommandRefused(f"reading style picture {new.picture}: no such file", Exit.REJECTED)
    before = _own(folder, new.name)
    folder.mkdir(parents=True, exist_ok=True)
    shelved = LibraryEntry(_card(new, _weights(new, folder)), folder)
    # The card comes last, in one step: until then the style is what it was.
    _write(folder / f"{new.name}.toml", card_text(shelved.card))
    if before and before.card.weights != shelved.card.weights:
        before.weights_path.unlink(missing_ok=True)
    write_preview(shelved)
    return shelved


def remove_style(name: str) -> None:
    """Remove a style of the user's own. Raises `CommandRefused` for one that ships, `UnknownStyle`."""
    folder = home_folder() / "styles"
    entry = _own(folder, name)
    if entry is None:
        user_library().find(name)
        raise CommandRefused(
            f"removing style {name}: it ships with Giornata, needed one of yours", Exit.REJECTED
        )
    (folder / f"{name}.toml").unlink(missing_ok=True)
    preview_path(entry).unlink(missing_ok=True)
    weights_in_use = (
        style.card.weights for style in user_library().styles.values() if style.folder == folder
    )
    if entry.card.weights not in set(weights_in_use):
        entry.weights_path.unlink(missing_ok=True)


def preview_path(shelved: LibraryEntry) -> Path:
    """The path of an own style's preview picture."""
    return shelved.folder / f"{shelved.card.name}.jpg"


def write_preview(shelved: LibraryEntry) -> Path:
    """A sample photograph in the style, beside its card."""
    target = preview_path(shelved)
    with tempfile.TemporaryDirectory(prefix="giornata-preview-") as folder:
        sample = Path(folder) / "sample.jpg"
        with Sandbox() as sandbox:
            sandbox.thumbnail(SAMPLE, sample, side_px=PREVIEW_PX)
        task = RenderTask(
            item_id=item_id_of(target),
            source=str(sample),
            target=str(target),
            style_label=shelved.card.name,
            engine=EngineKind.UNIVERSAL,
            mix={shelved.card.name: 1.0},
            format=PictureFormat.JPEG,
            sidecar=False,
        )
        render_and_publish(task, force=True)
    return target


def _check_name(name: str, *, force: bool) -> None:
    if not NAME.fullmatch(name):
        message = f"naming a style: got {name!r}, needed lower-case letters, digits and hyphens"
        raise CommandRefused(message, Exit.USAGE)
    if name in user_library().styles and not force:
        raise CommandRefused(
            f"adding style {name}: there is one; needed --force to replace it", Exit.REJECTED
        )


def _own(folder: Path, name: str) -> LibraryEntry | None:
    entry = user_library().styles.get(name)
    return entry if entry and entry.folder == folder else None


def _weights(new: NewStyle, folder: Path) -> Path:
    """The file of statistics, named by its hash: a style that is replaced stays whole until then."""
    part = folder / f".{new.name}.safetensors"
    try:
        with Sandbox() as sandbox:
            scratch = home_folder() / "scratch"
            statistics = learn_style_image(new.picture, size_px=new.size_px, sandbox=sandbox, scratch=scratch)
    except RenderError as error:
        raise CommandRefused(str(error), Exit.REJECTED) from error
    keep_statistics(statistics, part)
    return part.replace(folder / f"{new.name}-{file_sha256(part)[:HASH_DIGITS]}.safetensors")


def _card(new: NewStyle, weights: Path) -> StyleCard:
    levels = new.levels or UniversalOptions().levels
    return StyleCard(
        name=new.name,
        engine=EngineName.UNIVERSAL,
        weights=weights.name,
        sha256=file_sha256(weights),
        licence=_words(new.licence),
        trained_on=_words(f"{new.picture.name}, sha256 {file_sha256(new.picture)}"),
        recipe=f"giornata styles add, short side {new.size_px} px",
        artwork=Artwork(
            title=_words(new.title or new.picture.stem), artist=_words(new.artist), year=_words(new.year)
        ),
        stride=STRIDE,
        halo_px=rounded_up(NetworkReach(levels).halo_px, STRIDE),
        min_side=MIN_SIDE,
        network=load_network_card().encoder,
        levels=new.levels,
        structure=new.structure,
    )


def _words(text: str) -> str:
    """`text` on one line and in characters that files can hold."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")
