"""`Storage`: how a job reaches its buckets and what its objects carry; never who it is.

Credentials come from the standard chain of the machine that needs them, and have no place in a spec.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from giornata.jobs.spec.base import SpecModel

MOST_TAGS = 10  # what S3 takes for one object


class ChecksumRule(StrEnum):
    """When requests carry checksums beyond the SHA-256 of every upload; some endpoints refuse more."""

    WHEN_SUPPORTED = "when_supported"
    WHEN_REQUIRED = "when_required"


class Encryption(StrEnum):
    """Server-side encryption, by S3's own words."""

    S3 = "AES256"
    KMS = "aws:kms"


class Storage(SpecModel):
    """`endpoint_url` names a service other than AWS; `path_style` of nothing means: for those."""

    endpoint_url: str | None = Field(
        None,
        max_length=2000,
        pattern=r"^https?://[^\s@?#]+$",
        description="an http(s) address without a user name",
    )
    region: str | None = Field(None, pattern=r"^[a-z0-9-]{1,50}$", description="such as eu-central-1")
    path_style: bool | None = Field(None, description="true or false")
    request_checksum_calculation: ChecksumRule = ChecksumRule.WHEN_REQUIRED
    storage_class: str | None = Field(None, pattern=r"^[A-Z0-9_]{1,50}$", description="such as STANDARD_IA")
    cache_control: str | None = Field(None, min_length=1, max_length=200, description="such as max-age=3600")
    tags: dict[str, str] = Field({}, max_length=MOST_TAGS, description=f"at most {MOST_TAGS} words")
    encryption: Encryption | None = None
    kms_key_id: str | None = Field(None, min_length=1, max_length=2048, description="the id of a KMS key")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.kms_key_id and self.encryption is not Encryption.KMS:
            raise ValueError(f"kms_key_id goes with encryption: {Encryption.KMS}")
        return self

    @property
    def reach(self) -> Self:
        """The settings that say where the buckets are."""
        fields = {"endpoint_url", "region", "path_style", "request_checksum_calculation"}
        return type(self).model_validate(self.model_dump(include=fields))

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def at(self, endpoint_url: str | None) -> Self:
        """The same at another endpoint, unless it names one itself."""
        if self.endpoint_url or not endpoint_url:
            return self
        return type(self).model_validate({**self.model_dump(), "endpoint_url": endpoint_url})


HERE = Storage()
