from giornata.jobs.spec.enums import PictureFormat
from giornata.workers.metadata.blocks import JPEG_XMP_BYTES, Blocks, fitting


def test_a_packet_too_long_for_jpeg_is_left_out_with_a_word() -> None:
    long = Blocks(xmp=b" " * (JPEG_XMP_BYTES + 1), exif=b"II*\0")
    kept, told = fitting(long, PictureFormat.JPEG)
    assert (kept.xmp, kept.exif) == (None, b"II*\0")
    assert "too long for JPEG" in told[0]
    assert fitting(long, PictureFormat.PNG) == (long, ())
