"""Content Credentials (C2PA 2): a signed manifest beside an output, `<target>.c2pa`, never inside of it.

Needs the extra `c2pa`, and a certificate and a key that the user names. Embedded manifests damage TIFF files
of several directories (c2pa-rs issue 1894), and a sidecar leaves the output's hash as it is recorded.
"""

import importlib
import json
import mimetypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

from giornata import __version__
from giornata.jobs.choices import PictureFormat, SourceTypeTerm
from giornata.workers.errors import EncodeFailed
from giornata.workers.metadata import DIGITAL_SOURCE_TYPES, Making

SUFFIX = ".c2pa"
CERTIFICATE_VARIABLE, KEY_VARIABLE = "GIORNATA_C2PA_CERT", "GIORNATA_C2PA_KEY"
ALGORITHM_VARIABLE = "GIORNATA_C2PA_ALGORITHM"
MEDIA_TYPES = {
    PictureFormat.JPEG: "image/jpeg",
    PictureFormat.PNG: "image/png",
    PictureFormat.WEBP: "image/webp",
    PictureFormat.AVIF: "image/avif",
    PictureFormat.TIFF: "image/tiff",
}
ZIP = "application/zip"


class Algorithm(StrEnum):
    """Signature algorithms, by C2PA's names."""

    ES256 = "es256"
    ES384 = "es384"
    ES512 = "es512"
    PS256 = "ps256"
    PS384 = "ps384"
    PS512 = "ps512"
    ED25519 = "ed25519"


@dataclass(frozen=True)
class Signing:
    """Whose word it is: a chain of certificates and a private key, both PEM files."""

    certificates: Path
    key: Path
    algorithm: Algorithm = Algorithm.ES256


def signing_of(environment: Mapping[str, str] = os.environ) -> Signing | None:
    """The signing that the environment names, or None where it names none."""
    certificates, key = environment.get(CERTIFICATE_VARIABLE), environment.get(KEY_VARIABLE)
    if not certificates or not key:
        return None
    algorithm = environment.get(ALGORITHM_VARIABLE, Algorithm.ES256)
    return Signing(Path(certificates), Path(key), Algorithm(algorithm))


def credentials_of(target: Path) -> Path:
    """The manifest's own path beside `target`, be that a final name or an attempt's."""
    return target.with_name(target.name + SUFFIX)


def media_type(target: Path, format: PictureFormat) -> str | None:
    """What `target` is to C2PA; None for a folder of tiles, which has no one file to sign."""
    return ZIP if target.suffix == ".zip" else MEDIA_TYPES.get(format)


def write_credentials(
    target: Path, *, format: PictureFormat, source: Path, making: Making, signing: Signing
) -> Path | None:
    """Writes and signs the manifest of the file `target`, whose parent ingredient is `source`.

    `target` is read and not changed. Returns the manifest's path, None for what cannot be signed. Raises
    `EncodeFailed`; then there is no manifest.
    """
    kind = media_type(target, format)
    if kind is None:
        return None
    path = credentials_of(target)
    try:
        path.write_bytes(_signed(target, kind, source, making, signing))
    except Exception as error:  # the library has one class for all, and raises OSError for keys besides
        path.unlink(missing_ok=True)
        raise EncodeFailed(str(path), f"signing failed: {' '.join(str(error).split())}") from error
    return path


def _signed(target: Path, kind: str, source: Path, making: Making, signing: Signing) -> bytes:
    c2pa = _library()
    information = c2pa.C2paSignerInfo(
        alg=signing.algorithm.value.encode(),
        sign_cert=signing.certificates.read_bytes(),
        private_key=signing.key.read_bytes(),
        ta_url=None,  # an empty address fails in the library; without one there is no time stamp
    )
    builder = c2pa.Builder(json.dumps(manifest(making, kind)))
    builder.set_no_embed()
    with c2pa.Signer.from_info(information) as signer, source.open("rb") as parent:
        builder.add_ingredient(_ingredient(making), _source_kind(source), parent)
        with target.open("rb") as asset, Path(os.devnull).open("w+b") as nowhere:
            made: bytes = builder.sign(signer, kind, asset, nowhere)
    return made


def _library() -> ModuleType:
    try:
        return importlib.import_module("c2pa")
    except ImportError as error:
        raise RuntimeError("c2pa-python is not installed; it comes with giornata[c2pa]") from error


def _source_kind(source: Path) -> str:
    return mimetypes.guess_type(source.name)[0] or "image/jpeg"


def _ingredient(making: Making) -> str:
    return json.dumps({"title": making.source_name, "relationship": "parentOf", "label": "source"})


def manifest(making: Making, kind: str) -> dict[str, Any]:
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
