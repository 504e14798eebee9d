import datetime
import json
from pathlib import Path

import pytest

from giornata.jobs.choices import PictureFormat
from giornata.workers.credentials import (
    Signing,
    credentials_of,
    media_type,
    signing_of,
    write_credentials,
)
from giornata.workers.digest import file_sha256
from giornata.workers.errors import EncodeFailed
from tests.workers.pictures import image, photo
from tests.workers.test_metadata import MAKING, TERMS

c2pa = pytest.importorskip("c2pa", reason="needs the extra c2pa")
x509 = pytest.importorskip("cryptography.x509")

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402


def certificate(name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple | None):  # type: ignore[no-untyped-def,type-arg]
    """One certificate; without an issuer it is an authority that vouches for itself."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    authority, authority_key = issuer or (None, key)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .add_extension(usage(sign=issuer is not None), critical=True)
    )
    if issuer:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return builder.sign(authority_key, hashes.SHA256())


def usage(*, sign: bool):  # type: ignore[no-untyped-def]
    """What a key may do: sign, or vouch for others."""
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = dict.fromkeys((*names, "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=sign, key_cert_sign=not sign, **others)


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Signing:
    """A signer with an authority of its own, made for the test."""
    folder = tmp_path_factory.mktemp("keys")
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificate("Authority", authority_key, None)
    signer = certificate("Signer", key, (authority, authority_key))
    pem = serialization.Encoding.PEM
    (folder / "chain.pem").write_bytes(signer.public_bytes(pem) + authority.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Signing(folder / "chain.pem", folder / "key.pem")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The picture that an output was made from."""
    image(photo()).jpegsave(tmp_path / "wave.jpg")
    return tmp_path / "wave.jpg"


def pyramid(folder: Path) -> Path:
    """A TIFF of several directories, which an embedded manifest would damage."""
    path = folder / "out.tif"
    image(photo()).tiffsave(path, tile=True, tile_width=32, tile_height=32, pyramid=True, subifd=True)
    return path


def test_a_manifest_beside_a_pyramid_is_valid_and_leaves_it_alone(
    tmp_path: Path, source: Path, signing: Signing
) -> None:
    target = pyramid(tmp_path)
    before = file_sha256(target)
    made = write_credentials(target, format=PictureFormat.TIFF, source=source, making=MAKING, signing=signing)
    assert made == credentials_of(target) == tmp_path / "out.tif.c2pa"
    assert file_sha256(target) == before
    with target.open("rb") as asset, c2pa.Reader("image/tiff", asset, made.read_bytes()) as reader:
        told = json.loads(reader.json())
        assert reader.get_validation_state() == "Valid"
    active = told["manifests"][told["active_manifest"]]
    assert active["ingredients"][0]["relationship"] == "parentOf"
    assert active["ingredients"][0]["title"] == "wave.tif"
    actions = active["assertions"][0]["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.filtered"]
    assert actions[1]["digitalSourceType"] == TERMS + "compositeWithTrainedAlgorithmicMedia"
    assert "great-wave" in json.dumps(actions)


def test_a_picture_that_was_changed_is_not_vouched_for(
    tmp_path: Path, source: Path, signing: Signing
) -> None:
    target = tmp_path / "out.png"
    image(photo()).pngsave(target)
    made = write_credentials(target, format=PictureFormat.PNG, source=source, making=MAKING, signing=signing)
    assert made is not None
    image(photo()[::-1]).pngsave(target)
    with target.open("rb") as asset, c2pa.Reader("image/png", asset, made.read_bytes()) as reader:
        assert reader.get_validation_state() == "Invalid"


def test_a_key_that_is_none_is_told_and_leaves_nothing(
    tmp_path: Path, source: Path, signing: Signing
) -> None:
    (tmp_path / "key.pem").write_text("not a key")
    broken = Signing(signing.certificates, tmp_path / "key.pem")
    with pytest.raises(EncodeFailed, match="signing failed"):
        write_credentials(source, format=PictureFormat.JPEG, source=source, making=MAKING, signing=broken)
    assert not credentials_of(source).exists()


def test_signing_is_what_the_environment_names() -> None:
    assert signing_of({}) is None
    assert signing_of({"GIORNATA_C2PA_CERT": "a.pem"}) is None
    both = {"GIORNATA_C2PA_CERT": "a.pem", "GIORNATA_C2PA_KEY": "b.pem"}
    assert signing_of(both) == Signing(Path("a.pem"), Path("b.pem"))
    assert signing_of(both | {"GIORNATA_C2PA_ALGORITHM": "ps256"}).algorithm == "ps256"  # type: ignore[union-attr]


def test_a_zip_can_be_signed_and_a_folder_cannot(tmp_path: Path) -> None:
    assert media_type(tmp_path / "a.zip", PictureFormat.DZI) == "application/zip"
    assert media_type(tmp_path / "a", PictureFormat.IIIF) is None
