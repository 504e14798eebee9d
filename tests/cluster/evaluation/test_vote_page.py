import re
from pathlib import Path

from giornata.cluster.evaluation.vote import (
    write_page,
)
from tests.cluster.evaluation.votes import evaluation


def test_the_page_tells_no_method(folder: Path) -> None:
    page = write_page(evaluation(), folder)
    shown = page.read_text() + " ".join(str(one) for one in (folder / "vote" / "images").iterdir())
    assert not re.search("alpha|beta|gamma|wave", shown.replace(str(folder), ""))
    assert len(list((folder / "vote" / "images").iterdir())) == 120
