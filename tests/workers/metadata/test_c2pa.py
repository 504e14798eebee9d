import json
from pathlib import Path

import pytest

from giornata.jobs.model.paths import credentials_of
from giornata.jobs.planning.validate import Signing
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.storage.hashing import file_sha256
from giornata.workers.errors import EncodeFailed
from giornata.workers.metadata.c2pa import Parent, media_type, write_credentials
from tests.workers.metadata.test_metadata import MAKING, TERMS
from tests.workers.pictures import image, photo
from tests.workers.signers import signer

c2pa = pytest.importorskip("c2pa", reason="needs the extra c2pa")
pytest.importorskip("cryptography", reason="certificates are made with it")


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Signing:
    """A signer with an authority of its own."""
    return signer(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def parent(tmp_path: Path) -> Parent:
    """The picture that an output was made from."""
    image(photo()).jpegsave(tmp_path / "wave.jpg")
    return Parent(tmp_path / "wave.jpg", "image/jpeg", MAKING)


def pyramid(folder: Path) -> Path:
    """A TIFF of several directories, which an embedded manifest would damage."""
    path = folder / "out.tif"
    image(photo()).tiffsave(path, tile=True, tile_width=32, tile_height=32, pyramid=True, subifd=True)
    return path


def test_a_manifest_beside_a_pyramid_is_valid_and_leaves_it_alone(
    tmp_path: Path, parent: Parent, signing: Signing
) -> None:
    target = pyramid(tmp_path)
    before = file_sha256(target)
    assert write_credentials(target, format=PictureFormat.TIFF, parent=parent, signing=signing) == ()
    made = credentials_of(target)
    assert made == tmp_path / "out.tif.c2pa"
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
    tmp_path: Path, parent: Parent, signing: Signing
) -> None:
    target = tmp_path / "out.png"
    image(photo()).pngsave(target)
    write_credentials(target, format=PictureFormat.PNG, parent=parent, signing=signing)
    made = credentials_of(target)
    image(photo()[::-1]).pngsave(target)
    with target.open("rb") as asset, c2pa.Reader("image/png", asset, made.read_bytes()) as reader:
        assert reader.get_validation_state() == "Invalid"


def test_a_key_that_is_none_is_told_and_leaves_nothing(
    tmp_path: Path, parent: Parent, signing: Signing
) -> None:
    (tmp_path / "key.pem").write_text("not a key")
    broken = Signing(signing.certificates, tmp_path / "key.pem")
    with pytest.raises(EncodeFailed, match="signing failed"):
        write_credentials(parent.path, format=PictureFormat.JPEG, parent=parent, signing=broken)
    assert not credentials_of(parent.path).exists()


def test_a_source_that_the_library_cannot_read_is_named_all_the_same(
    tmp_path: Path, parent: Parent, signing: Signing
) -> None:
    parent.path.write_bytes(parent.path.read_bytes()[:40])
    target = tmp_path / "out.png"
    image(photo()).pngsave(target)
    (warning,) = write_credentials(target, format=PictureFormat.PNG, parent=parent, signing=signing)
    assert "credentials that the source may have are not passed on" in warning
    with target.open("rb") as asset:
        reader = c2pa.Reader("image/png", asset, credentials_of(target).read_bytes())
        with reader:
            assert reader.get_validation_state() == "Valid"
            assert (
                json.loads(reader.json())["manifests"].popitem()[1]["ingredients"][0]["title"] == "wave.tif"
            )


def test_a_manifest_holds_no_small_pictures(tmp_path: Path, parent: Parent, signing: Signing) -> None:
    """To make them the library would decode source and output, whole and in the render process."""
    target = tmp_path / "out.png"
    image(photo()).pngsave(target)
    write_credentials(target, format=PictureFormat.PNG, parent=parent, signing=signing)
    assert b"thumbnail" not in credentials_of(target).read_bytes()


def test_a_zip_can_be_signed_and_a_folder_cannot(tmp_path: Path) -> None:
    assert media_type(tmp_path / "a.zip", PictureFormat.DZI) == "application/zip"
    assert media_type(tmp_path / "a", PictureFormat.IIIF) is None
