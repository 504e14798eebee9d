"""Decodes a source into working files: upright sRGB samples and alpha, never more than strips in memory.

Runs inside the decoding process only.
"""

import mmap
import os
import re
import shutil
from pathlib import Path

import pyvips

from giornata.workers.color.to_working import PROFILE_FIELD, to_working
from giornata.workers.decoding.inspect import inspect
from giornata.workers.decoding.metadata_blocks import metadata_blocks
from giornata.workers.decoding.options import DecodeOptions
from giornata.workers.decoding.source_file import SourceFile
from giornata.workers.decoding.tiff_checks import first_damage
from giornata.workers.decoding.vips import forget_errors, heard, noted_errors, workable
from giornata.workers.errors import ScratchFull
from giornata.workers.source import Depth, Format, ProfileUse, SourceFacts, WorkingFile

# numpy.lib.format, version 1.0: written here because importing numpy would double the process's start.
NPY_MAGIC = b"\x93NUMPY\x01\x00"
NPY_ALIGNMENT = 64
NPY_TYPES = {Depth.UINT8: "|u1", Depth.UINT16: "<u2"}
VIPS_TYPES = {Depth.UINT8: "uchar", Depth.UINT16: "ushort"}

# What makes a stored picture upright, by EXIF orientation (EXIF 2.32, tag 0x0112).
UPRIGHT = {
    2: ("fliphor",),
    3: ("rot180",),
    4: ("flipver",),
    5: ("rot90", "fliphor"),
    6: ("rot90",),
    7: ("rot90", "flipver"),
    8: ("rot270",),
}


# What a TIFF decoder may say on its way without having lost a sample.
HARMLESS = re.compile(r"Old-style LZW|not terminated with EOI|fallback to suggested|error in tile")


def decode(source: SourceFile, folder: Path, *, reading: DecodeOptions) -> SourceFacts:
    """Writes the working files of `source` into `folder`, which exists and belongs to this picture alone.

    Raises `Rejected` and `ScratchFull`; the caller removes what a failure leaves.
    """
    facts = inspect(source, reading=reading)
    _refuse_full_scratch(facts, folder)
    forget_errors()
    with heard() as complaints:
        image = source.open()
        about_header = set(complaints)
        _write_blocks(source, image, facts, folder, most=reading.limits.max_metadata_bytes)
        try:
            _write_samples(image, facts, folder)
        except pyvips.Error as error:
            _refuse_full_scratch(facts, folder)
            raise source.damage(error, complaints) from error
    if source.format is Format.TIFF:  # others have raised
        _refuse_silent_damage(source, [message for message in complaints if message not in about_header])
    return facts


def _refuse_silent_damage(source: SourceFile, complaints: list[str]) -> None:
    """A TIFF decoder goes on after damage, and only says so."""
    errors = noted_errors()
    damage = [errors] if errors else [message for message in complaints if not HARMLESS.search(message)]
    if not damage and source.page is not None:
        damage = list(filter(None, [first_damage(source.page)]))
    if damage:
        raise source.corrupt(damage[0])


def _write_blocks(
    source: SourceFile, image: pyvips.Image, facts: SourceFacts, folder: Path, *, most: int
) -> None:
    if facts.profile in (ProfileUse.SRGB, ProfileUse.CONVERT):
        (folder / WorkingFile.PROFILE).write_bytes(image.get(PROFILE_FIELD))
    blocks, _ = metadata_blocks(source, image, most=most)
    for name, block in blocks.items():
        (folder / name).write_bytes(block)


def _write_samples(image: pyvips.Image, facts: SourceFacts, folder: Path) -> None:
    colour, alpha = to_working(workable(image, facts), use=facts.profile, depth=facts.depth)
    if alpha is None and facts.orientation == 1:
        write_npy(colour, folder / WorkingFile.PIXELS, facts.depth)
    else:
        _write_staged(colour if alpha is None else colour.bandjoin(alpha), folder, facts)


def _refuse_full_scratch(facts: SourceFacts, folder: Path) -> None:
    bands = 4 if facts.has_alpha else 3
    copies = 2 if facts.has_alpha or facts.orientation != 1 else 1
    needed = facts.pixels * bands * facts.depth.bytes * copies
    written = sum(file.stat().st_size for file in folder.iterdir())
    free = shutil.disk_usage(folder).free
    if free + written < needed:
        raise ScratchFull(str(folder), needed, free)


def _write_staged(image: pyvips.Image, folder: Path, facts: SourceFacts) -> None:
    """Streams the samples to disk as they come, then reads them in the order that upright or split needs."""
    stage = folder / WorkingFile.STAGE
    with stage.open("w+b") as file:
        image.rawsave_target(pyvips.Target.new_to_descriptor(file.fileno()))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as samples:
            _write_upright(samples, image, folder, facts)
    stage.unlink()


def _write_upright(samples: mmap.mmap, image: pyvips.Image, folder: Path, facts: SourceFacts) -> None:
    upright = pyvips.Image.new_from_memory(
        samples, image.width, image.height, image.bands, VIPS_TYPES[facts.depth]
    )
    for turn in UPRIGHT.get(facts.orientation, ()):
        upright = getattr(upright, turn)()
    write_npy(upright.extract_band(0, n=3), folder / WorkingFile.PIXELS, facts.depth)
    if facts.has_alpha:
        write_npy(upright[3], folder / WorkingFile.ALPHA, facts.depth)


def write_npy(image: pyvips.Image, path: Path, depth: Depth) -> None:
    """Writes samples as a numpy file that can be mapped: H x W, or H x W x bands."""
    with path.open("wb") as file:
        file.write(_npy_header(image, depth))
        file.flush()
        image.rawsave_target(pyvips.Target.new_to_descriptor(file.fileno()))
        file.seek(0, os.SEEK_END)


def _npy_header(image: pyvips.Image, depth: Depth) -> bytes:
    shape = (image.height, image.width) if image.bands == 1 else (image.height, image.width, image.bands)
    header = f"{{'descr': '{NPY_TYPES[depth]}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    filled = len(NPY_MAGIC) + 2 + len(header) + 1
    header += b" " * (-filled % NPY_ALIGNMENT) + b"\n"
    return NPY_MAGIC + len(header).to_bytes(2, "little") + header
