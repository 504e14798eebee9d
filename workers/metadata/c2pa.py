"""Content Credentials (C2PA 2): a signed manifest beside an output, `<target>.c2pa`, never inside of it.

Needs the extra `c2pa`, and a certificate and a key that the user names. Embedded manifests damage TIFF files
of several directories (c2pa-rs issue 1894), and a sidecar leaves the output's hash as it is recorded.
"""

import importlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from giornata import __version__
from giornata.jobs.model.paths import credentials_of
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.validate import CERTIFICATE_VARIABLE, KEY_VARIABLE, LIBRARY, Signing, signing_of
from giornata.jobs.spec.enums import PictureFormat, SourceTypeTerm
from giornata.workers.errors import EncodeFailed
from giornata.workers.metadata.metadata import DIGITAL_SOURCE_TYPES, Derivation
from giornata.workers.source import Format

MEDIA_TYPES = {
    PictureFormat.JPEG: "image/jpeg",
    PictureFormat.PNG: "image/png",
    PictureFormat.WEBP: "image/webp",
    PictureFormat.AVIF: "image/avif",
    PictureFormat.TIFF: "image/tiff",
}
ZIP = "application/zip"
# Thumbnails would have the library decode the source and the output, whole and in this process.
SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}


@dataclass(frozen=True)
class Parent:
    """The file that an output was made from, its media type, and how it became the output."""

    path: Path
    kind: str
    making: Derivation


def media_type(target: Path, format: PictureFormat) -> str | None:
    """The media type of `target` in C2PA; None for a folder of tiles, which has no one file to sign."""
    return ZIP if target.suffix == ".zip" else MEDIA_TYPES.get(format)


def give_credentials(
    task: RenderTask, target: Path, *, format: PictureFormat, source_format: Format, making: Derivation
) -> tuple[str, ...]:
    """Signs `target`, the output of `task` under an attempt's name, if requested; returns warnings.

    Raises `EncodeFailed`, also where this process knows of no key; then there is no manifest.
    """
    if not task.credentials:
        return ()
    signing = signing_of()
    if signing is None:
        needed = f"needed {CERTIFICATE_VARIABLE} and {KEY_VARIABLE} in this worker's environment"
        raise EncodeFailed(str(credentials_of(target)), f"nobody to sign, {needed}")
    parent = Parent(Path(task.source), f"image/{source_format}", making)
    return write_credentials(target, format=format, parent=parent, signing=signing)


def write_credentials(
    target: Path, *, format: PictureFormat, parent: Parent, signing: Signing
) -> tuple[str, ...]:
    """Writes and signs the manifest of the file `target`, which was made from `parent`.

    `target` is read and not changed. The parent's own credentials, if it has any, go into the manifest;
    warnings are returned. Raises `EncodeFailed`; then there is no manifest.
    """
    kind = media_type(target, format)
    path = credentials_of(target)
    try:
        if kind is None:
            raise ValueError(f"got a folder of {format} tiles, needed one file")
        signed, warnings = _signed(target, kind, parent, signing)
        _write(path, signed)
    except Exception as error:  # the library has one class for all, and raises OSError for keys besides
        path.unlink(missing_ok=True)
        raise EncodeFailed(str(path), f"signing failed: {_words(error)}") from error
    return warnings


def _signed(target: Path, kind: str, parent: Parent, signing: Signing) -> tuple[bytes, tuple[str, ...]]:
    c2pa = _library()
    information = c2pa.C2paSignerInfo(
        alg=signing.algorithm.value.encode(),
        sign_cert=signing.certificates.read_bytes(),
        private_key=signing.key.read_bytes(),
        ta_url=None,  # an empty address fails in the library; without one there is no time stamp
    )
    with c2pa.Context.from_dict(SETTINGS) as context, c2pa.Signer.from_info(information) as signer:
        builder, warnings = _builder(c2pa, context, manifest(parent.making, kind), parent)
        with target.open("rb") as asset, Path(os.devnull).open("w+b") as nowhere:
            return builder.sign(signer, kind, asset, nowhere), warnings


def _builder(
    c2pa: ModuleType, context: Any, described: dict[str, Any], parent: Parent
) -> tuple[Any, tuple[str, ...]]:
    """The builder that signs `described` with its ingredient, and warnings."""
    ingredient = {"title": parent.making.source_name, "relationship": "parentOf", "label": "source"}
    warnings: tuple[str, ...] = ()
    builder = c2pa.Builder(json.dumps(described), context)
    try:
        with parent.path.open("rb") as source:
            builder.add_ingredient(json.dumps(ingredient), parent.kind, source)
    except c2pa.C2paError as error:
        # Pictures that are fine to look at may have a container that the library cannot walk.
        definition = {**described, "ingredients": [{**ingredient, "format": parent.kind}]}
        builder = c2pa.Builder(json.dumps(definition), context)
        warnings = (f"credentials that the source may have are not passed on: {_words(error)}",)
    builder.set_no_embed()
    return builder, warnings


def _words(error: Exception) -> str:
    return " ".join(str(error).split())


def _write(path: Path, signed: bytes) -> None:
    with path.open("wb") as file:
        file.write(signed)
        file.flush()
        os.fsync(file.fileno())


def _library() -> ModuleType:
    try:
        return importlib.import_module(LIBRARY)
    except ImportError as error:
        raise RuntimeError("c2pa-python is not installed; it comes with giornata[c2pa]") from error


def manifest(making: Derivation, kind: str) -> dict[str, Any]:
    """The manifest's definition: opened, then filtered; with the source type in the IPTC's words."""
    agent = {"name": "Giornata", "version": __version__}
    filtered: dict[str, Any] = {
        "action": "c2pa.filtered",
        "softwareAgent": agent,
        "parameters": {"description": making.parameters},
    }
    if making.source_type is not SourceTypeTerm.NONE:
        filtered["digitalSourceType"] = DIGITAL_SOURCE_TYPES + making.source_type
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["source"]}}
    return {
        "claim_generator_info": [agent],
        "format": kind,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened, filtered]}}],
    }
