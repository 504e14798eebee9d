"""`--endpoint-url`: where the buckets of a batch are, for specs that leave it to whoever runs them."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from giornata.cluster.cli.exits import CommandRefused, Exit
from giornata.jobs.spec.job import JobSpec
from giornata.jobs.spec.loader import load_spec

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
