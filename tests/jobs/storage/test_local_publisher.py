"""The local publisher keeps the manager's contract."""

from pathlib import Path

import pytest

from giornata.jobs.errors import TargetTaken
from giornata.jobs.model.attempt import Claim, Outcome, OutcomeClass, Published
from giornata.jobs.model.task import RenderTask
from giornata.jobs.spec.enums import PictureFormat
from giornata.jobs.storage.hashing import deliverable_sha256, file_sha256
from giornata.jobs.storage.local import LocalPublisher


def attempt(folder: Path, *, replace: bool = False) -> tuple[Claim, Outcome]:
    """A claim whose attempt has written nine bytes."""
    target = folder / "out.png"
    words = {"source": "/a.png", "style_label": "s", "mix": {"s": 1}, "format": PictureFormat.PNG}
    task = RenderTask.model_validate({"item_id": "i", "target": str(target), **words})
    claim = Claim(job_id="j", task=task, attempt=1, epoch=1, replace=replace)
    temporary = Path(claim.temporary)
    temporary.write_bytes(b"rendered!")
    outcome = Outcome(
        **claim.key._asdict(),
        outcome_class=OutcomeClass.DONE,
        sha256=file_sha256(temporary),
        bytes=9,
    )
    return claim, outcome


def test_publishing_moves_the_attempt_to_its_name_and_keeps_its_hash(tmp_path: Path) -> None:
    claim, outcome = attempt(tmp_path)
    published = LocalPublisher().publish(claim, outcome)
    assert (tmp_path / "out.png").read_bytes() == b"rendered!"
    assert not Path(claim.temporary).exists()
    assert (published.bytes, published.sha256) == (9, outcome.sha256)
    assert LocalPublisher().sha256(claim.task.target) == outcome.sha256


def test_a_strangers_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"not ours")
    claim, outcome = attempt(tmp_path)
    with pytest.raises(TargetTaken):
        LocalPublisher().publish(claim, outcome)
    assert (tmp_path / "out.png").read_bytes() == b"not ours"
    replacing, outcome = attempt(tmp_path, replace=True)
    LocalPublisher().publish(replacing, outcome)
    assert (tmp_path / "out.png").read_bytes() == b"rendered!"


def test_an_attempt_that_is_not_as_long_as_reported_is_not_published(tmp_path: Path) -> None:
    claim, outcome = attempt(tmp_path)
    Path(claim.temporary).write_bytes(b"torn")
    with pytest.raises(OSError, match="has 4 bytes, reported 9"):
        LocalPublisher().publish(claim, outcome)
    assert LocalPublisher().size(claim.task.target) is None
    LocalPublisher().discard(claim)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_published_and_known_by_all_its_files(tmp_path: Path) -> None:
    target = tmp_path / "out"
    words = {"source": "/a.png", "style_label": "s", "mix": {"s": 1}, "format": PictureFormat.DZI}
    task = RenderTask.model_validate({"item_id": "i", "target": str(target), **words})
    claim = Claim(job_id="j", task=task, attempt=1, epoch=1)
    folder = Path(claim.temporary)
    (folder / "out_files").mkdir(parents=True)
    (folder / "out.dzi").write_text("12 bytes of.")
    (folder / "out_files" / "0_0.jpeg").write_text("tile")
    whole = deliverable_sha256(folder)
    outcome = Outcome(**claim.key._asdict(), outcome_class=OutcomeClass.DONE, sha256=whole, bytes=16)
    publisher = LocalPublisher()
    assert publisher.publish(claim, outcome) == Published(whole, 16)
    assert (publisher.size(str(target)), publisher.sha256(str(target))) == (16, whole)
    (target / "out_files" / "0_0.jpeg").write_text("TILE")
    assert publisher.size(str(target)) == 16
    assert publisher.sha256(str(target)) != whole
