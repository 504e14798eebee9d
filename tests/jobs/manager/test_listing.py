from collections.abc import Mapping, Sequence

from giornata.jobs.manager.listing import AT_ONCE, KnownItems
from giornata.jobs.model.task import RenderTask
from giornata.jobs.planning.conflicts import PrefetchedTargets
from giornata.jobs.spec.enums import PictureFormat
from tests.support.fakes import FolderPublisher


def tasks(count: int) -> list[RenderTask]:
    words = {"source": "/a.png", "style_label": "s", "mix": {"s": 1.0}, "format": PictureFormat.PNG}
    return [
        RenderTask.model_validate({"item_id": f"{n}", "target": f"/out/{n}.png", **words})
        for n in range(count)
    ]


class Keys:
    """Knows every second item."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, item_ids: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(len(item_ids))
        return {item_id: f"key {item_id}" for item_id in item_ids if int(item_id) % 2 == 0}


def test_many_items_are_asked_for_at_once_and_each_has_its_own_key() -> None:
    keys, given = Keys(), tasks(2 * AT_ONCE + 10)
    relisted = KnownItems(given, keys)
    seen = []
    for task in PrefetchedTargets(iter(relisted), FolderPublisher()):
        number = int(task.item_id)
        assert relisted.key(task.item_id) == (f"key {number}" if number % 2 == 0 else None)
        seen.append(task)
    assert seen == given
    assert keys.asked == [AT_ONCE, AT_ONCE, 10]


def test_whoever_reads_ahead_may_still_ask_for_those_before() -> None:
    relisted = KnownItems(tasks(2 * AT_ONCE), Keys())
    read = iter(relisted)
    passed = [next(read) for _ in range(AT_ONCE + 1)]
    assert relisted.key(passed[2].item_id) == "key 2"
    assert relisted.key(passed[AT_ONCE].item_id) == f"key {AT_ONCE}"
