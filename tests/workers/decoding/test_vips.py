import logging

import pytest

from giornata.workers.decoding.vips import heard, plain


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(["VipsJpeg: premature end", "VipsJpeg: premature end", ""], "premature end", id="once"),
        pytest.param(
            [
                "tiff2vips: source input: Can not read directory",
                "vips__tiff_openin_source: unable to open source",
            ],
            "Can not read directory",
            id="without its parts",
        ),
        pytest.param(["vipspng: libpng read error"], "", id="nothing but that it gave up"),
        pytest.param(["Corrupt JPEG data: bad"], "Corrupt JPEG data: bad", id="a colon is no speaker"),
        pytest.param(list("abcdef"), "a; b; c", id="the first few"),
    ],
)
def test_a_person_is_told_what_is_wrong_and_not_which_part_says_so(lines: list[str], words: str) -> None:
    assert plain(lines) == words


def test_a_warning_is_heard_once_and_only_while_somebody_listens() -> None:
    logger = logging.getLogger("pyvips")
    with heard() as words:
        for _ in range(3):
            logger.warning("VIPS: a careless\n tag")
        logger.info("VIPS: nothing")
    with heard():
        logger.warning("VIPS: later")
    assert list(words) == ["a careless tag"]
