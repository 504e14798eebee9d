import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from giornata.jobs.spec.storage import HERE, MOST_TAGS, ChecksumRule, Encryption, Storage

FULL = Storage(
    endpoint_url="http://127.0.0.1:9000",
    region="eu-central-1",
    path_style=True,
    request_checksum_calculation=ChecksumRule.WHEN_SUPPORTED,
    storage_class="STANDARD_IA",
    cache_control="max-age=3600",
    tags={"project": "autumn"},
    encryption=Encryption.KMS,
    kms_key_id="key-1",
)


def test_reach_says_where_the_buckets_are_and_nothing_of_the_objects() -> None:
    assert FULL.reach == Storage(
        endpoint_url="http://127.0.0.1:9000",
        region="eu-central-1",
        path_style=True,
        request_checksum_calculation=ChecksumRule.WHEN_SUPPORTED,
    )
    assert FULL.reach.reach == FULL.reach
    assert HERE.reach == HERE


def test_an_endpoint_of_ones_own_goes_before_that_of_the_machine() -> None:
    assert HERE.at("http://elsewhere") == Storage(endpoint_url="http://elsewhere")
    assert FULL.at("http://elsewhere") is FULL
    assert HERE.at(None) is HERE
    assert Storage(region="eu-central-1").at("http://elsewhere").region == "eu-central-1"
    with pytest.raises(ValidationError, match="endpoint_url"):
        HERE.at("http://anna:secret@elsewhere")


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint_url": "ftp://host"},
        {"endpoint_url": "https://anna@host"},
        {"endpoint_url": "https://host?key=1"},
        {"region": "EU"},
        {"storage_class": "glacier"},
        {"cache_control": ""},
        {"tags": {str(n): "a" for n in range(MOST_TAGS + 1)}},
        {"encryption": "AES128"},
        {"access_key": "AKIA"},
    ],
)
def test_what_no_bucket_would_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Storage.model_validate(wrong)


@pytest.mark.parametrize("encryption", [None, Encryption.S3])
def test_a_key_goes_with_the_encryption_that_uses_it(encryption: Encryption | None) -> None:
    with pytest.raises(ValidationError, match="kms_key_id goes with encryption: aws:kms"):
        Storage(encryption=encryption, kms_key_id="key-1")


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=MOST_TAGS))
def test_equal_storages_have_one_hash(tags: dict[str, str]) -> None:
    one, two = Storage(tags=tags), Storage(tags=dict(tags))
    assert (one, hash(one)) == (two, hash(two))
    assert Storage.model_validate_json(one.model_dump_json()) == one
