"""Who signs Content Credentials: two files that the environment names, and never a spec or a database."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from giornata.jobs.choices import FOLDER_FORMATS, Container, listed
from giornata.jobs.spec import JobSpec

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
    """Whose word it is: a chain of certificates and a private key, both PEM files."""

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
    """Why outputs that a spec wants signed cannot be; of the files, only whether they are there."""
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
            got = "names no file" if named else "is not set"
            yield f"{variable} {got}, needed the path of a PEM file"
    algorithm = environment.get(ALGORITHM_VARIABLE, Algorithm.ES256)
    if algorithm not in set(Algorithm):
        yield f"{ALGORITHM_VARIABLE}: got {algorithm!r}, needed one of {listed(Algorithm)}"
    if importlib.util.find_spec(LIBRARY) is None:
        yield "c2pa-python is not installed, needed giornata[c2pa]"
