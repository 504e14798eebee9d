"""Checks of a spec as a whole before anything is listed, and the files that sign Content Credentials.

The certificate and key are named by the environment, never by a spec or a database.
"""

import difflib
import importlib.util
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from giornata.jobs.errors import PlanRefused
from giornata.jobs.model.paths import absolute, is_url, wrong_url
from giornata.jobs.planning.style_resolver import StyleCatalog, all_weights, pictures_of
from giornata.jobs.spec.enums import (
    AVAILABLE_ENGINES,
    FOLDER_FORMATS,
    Container,
    EngineKind,
    ReferenceWord,
    listed,
)
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.style import StyleSpec

CERTIFICATE_VARIABLE, KEY_VARIABLE = "GIORNATA_C2PA_CERT", "GIORNATA_C2PA_KEY"
ALGORITHM_VARIABLE = "GIORNATA_C2PA_ALGORITHM"
LIBRARY = "c2pa"


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
    """The signer: a chain of certificates and a private key, both PEM files."""

    certificates: Path
    key: Path
    algorithm: Algorithm = Algorithm.ES256


def signing_of(environment: Mapping[str, str] = os.environ) -> Signing | None:
    """The signing that the environment names, or None where it names none. Raises `ValueError`."""
    certificates, key = environment.get(CERTIFICATE_VARIABLE), environment.get(KEY_VARIABLE)
    if not certificates or not key:
        return None
    algorithm = environment.get(ALGORITHM_VARIABLE, Algorithm.ES256)
    return Signing(Path(certificates), Path(key), Algorithm(algorithm))


def signing_problems(spec: JobSpec, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Reasons why a spec's outputs cannot be signed; of the files, only whether they exist."""
    if not spec.metadata.credentials:
        return
    for problem in _missing(environment):
        yield f"planning metadata.credentials: {problem}"
    for position, output in enumerate(spec.outputs):
        if output.format in FOLDER_FORMATS and output.container is Container.FOLDER:
            yield (
                f"planning outputs[{position}]: metadata.credentials sign one file, got a folder of tiles; "
                f"needed container: {Container.ZIP} or a format other than {listed(FOLDER_FORMATS)}"
            )


def _missing(environment: Mapping[str, str]) -> Iterator[str]:
    for variable in (CERTIFICATE_VARIABLE, KEY_VARIABLE):
        named = environment.get(variable)
        if not named or not Path(named).is_file():
            problem = "names no file" if named else "is not set"
            yield f"{variable} {problem}, needed the path of a PEM file"
    algorithm = environment.get(ALGORITHM_VARIABLE, Algorithm.ES256)
    if algorithm not in set(Algorithm):
        yield f"{ALGORITHM_VARIABLE}: got {algorithm!r}, needed one of {listed(Algorithm)}"
    if importlib.util.find_spec(LIBRARY) is None:
        yield "c2pa-python is not installed, needed giornata[c2pa]"


SHOWN = 20  # problems that are told one by one; the rest is a count


def check_whole(spec: JobSpec, base: Path, styles: StyleCatalog) -> None:
    """Refuse a spec for problems that all its pictures share. Raises `PlanRefused`."""
    problems = [
        *_style_problems(spec, styles.names(), base),
        *_engine_problems(spec, styles),
        *_place_problems(spec, base),
        *signing_problems(spec),
    ]
    if problems:
        raise PlanRefused(tuple(problems[:SHOWN]), len(problems))


def _style_problems(spec: JobSpec, style_names: Collection[str], base: Path) -> Iterator[str]:
    for position, style in enumerate(spec.styles):
        engine = style.resolved_engine
        if engine not in AVAILABLE_ENGINES:
            available = listed(sorted(AVAILABLE_ENGINES))
            yield f"planning styles[{position}]: engine {engine} is not yet available in this version, " + (
                f"available: {available}"
            )
            continue
        for problem in _picture_problems(style, base):
            yield f"planning styles[{position}]: {problem}"
        for name in all_weights(style):
            if name not in style_names:
                close = difflib.get_close_matches(name, style_names, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                known_words = f"known styles: {listed(sorted(style_names)) or 'none'}"
                yield f"planning styles[{position}]: unknown style {name!r}; {hint}{known_words}"


def _engine_problems(spec: JobSpec, styles: StyleCatalog) -> Iterator[str]:
    """Styles by name that the engine, or the settings of one, do not fit."""
    for position, style in enumerate(spec.styles):
        for mix in (style.weights, *(region.weights for region in style.regions)):
            if len(styles.engines(mix)) > 1:
                kinds = listed(sorted(styles.engines(mix)))
                yield f"planning styles[{position}]: got a mix of engines {kinds}, needed styles of one"
        if style.pictures:
            continue
        expected = EngineKind.UNIVERSAL if style.universal_settings else style.engine
        for engine in styles.engines(style.weights) - {expected} if expected else ():
            keys = listed(style.universal_settings) or "engine"
            yield (
                f"planning styles[{position}]: {keys}: needed a style of engine {expected}, "
                f"{style.resolved_label} is of engine {engine}"
            )


def _picture_problems(style: StyleSpec, base: Path) -> Iterator[str]:
    """Problems with the pictures of a style."""
    for path in pictures_of(style, base):
        if is_url(path):
            if reason := wrong_url(path):
                yield f"style picture {path}: {reason}"
        elif not Path(path).is_file():
            yield f"style picture {path}: no such file"


def _place_problems(spec: JobSpec, base: Path) -> Iterator[str]:
    if is_url(spec.destination):
        if reason := wrong_url(spec.destination):
            yield f"planning destination {spec.destination}: {reason}"
    elif absolute(spec.destination, base=base).is_file():
        yield f"planning destination {spec.destination}: got a file, needed a folder"
    reference = spec.render.reference
    named = reference and reference not in set(ReferenceWord)
    if named and is_url(str(reference)):
        if reason := wrong_url(str(reference)):
            yield f"planning render.reference: {reason}"
    elif named and not absolute(str(reference), base=base).is_file():
        yield f"planning render.reference: no file at {absolute(str(reference), base=base)}"
