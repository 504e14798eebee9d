import pytest

from giornata.workers.errors import Rejected
from giornata.workers.formats.sniff import HEAD_BYTES, identify
from giornata.workers.source import Format, RejectCode
from tests.workers.pictures import encoded


@pytest.mark.parametrize("format", Format)
def test_a_format_is_known_by_its_content(format: Format) -> None:
    assert identify(encoded(format)[:HEAD_BYTES], source="picture") is format


@pytest.mark.parametrize(
    ("head", "code", "words"),
    [
        pytest.param(b"", RejectCode.EMPTY, "no bytes", id="empty"),
        pytest.param(b"<!DOCTYPE HTML><html>", RejectCode.NOT_AN_IMAGE, "starts with <html>", id="html"),
        pytest.param(
            b"\n <html lang=en>", RejectCode.NOT_AN_IMAGE, "starts with <html>", id="html after space"
        ),
        pytest.param(b"hello", RejectCode.NOT_AN_IMAGE, "hello", id="text"),
        pytest.param(b'<?xml version="1.0"?><svg>', RejectCode.UNSUPPORTED_FORMAT, "SVG", id="svg"),
        pytest.param(b"%PDF-1.7", RejectCode.UNSUPPORTED_FORMAT, "PDF", id="pdf"),
        pytest.param(b"%!PS-Adobe", RejectCode.UNSUPPORTED_FORMAT, "PostScript", id="postscript"),
        pytest.param(b"8BPS\0\1", RejectCode.UNSUPPORTED_FORMAT, "Photoshop", id="psd"),
        pytest.param(b"P6\n1 1\n", RejectCode.UNSUPPORTED_FORMAT, "PPM", id="ppm"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", RejectCode.UNSUPPORTED_FORMAT, "HEVC", id="heic"),
        pytest.param(b"\0\0\0\x0cjP  \r\n", RejectCode.UNSUPPORTED_FORMAT, "OpenJPEG", id="jpeg 2000"),
        pytest.param(b"\xff\x0a\xfa", RejectCode.UNSUPPORTED_FORMAT, "libjxl", id="jpeg xl"),
        pytest.param(b"\0\0\0\x14ftypmif1\0\0\0\0miaf", RejectCode.UNSUPPORTED_FORMAT, "mif1", id="heif"),
    ],
)
def test_what_is_not_read_is_refused_by_name(head: bytes, code: RejectCode, words: str) -> None:
    with pytest.raises(Rejected) as caught:
        identify(head, source="picture")
    assert caught.value.args[:2] == ("picture", code)
    assert words in str(caught.value)
