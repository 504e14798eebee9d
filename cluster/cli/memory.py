"""The option `--memory`: how much of the machine a command may use."""

from typing import Annotated

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

LEAST = 1_500_000_000  # Ray, a manager and one worker with the smallest tiles


def parse_memory(words: str) -> int:
    """Bytes of `2GB`, `1.5GiB`. Raises `typer.BadParameter`."""
    try:
        wanted = int(TypeAdapter(ByteSize).validate_python(words))
    except ValidationError:
        raise typer.BadParameter(f"{words!r} is no amount of memory, needed one like 2GB or 1.5GiB") from None
    if wanted < LEAST:
        raise typer.BadParameter(f"{words} is too little, needed {LEAST / 1e9:g}GB at least")
    return wanted


MemoryLimit = Annotated[
    int | None,
    typer.Option(
        parser=parse_memory, metavar="SIZE", help="plan for so much memory, e.g. 2GB; all if left out"
    ),
]
