"""Odd sources by what the file around the samples is or claims to be, each with its verdict."""

import unicodedata

import numpy as np

from giornata.jobs.spec.enums import Pages
from giornata.workers.decoding.options import Limits, Reading
from giornata.workers.source import Format
from tests.workers import hostile
from tests.workers.odd_sources import (
    FIRST,
    OK,
    ROOMY,
    WARNED,
    Case,
    both,
    by_vips,
    facts,
    holding,
    no_larger_than,
    pages,
    pyramid,
    same,
    truncated_tiff,
    turned,
    turned_by_99,
    with_compression,
    with_large_xmp,
)
from tests.workers.pictures import (
    encoded,
    image,
    noise,
    photo,
    png_header,
    with_orientation,
)

FILE_CASES = [
    Case(
        1, "a JPEG cut in half", holding("a.jpg", lambda: hostile.cut("jpeg")), "rejected:truncated", "early"
    ),
    Case(2, "a JPEG's header alone", holding("a.jpg", hostile.jpeg_header_only), "rejected:truncated"),
    Case(3, "a hole in a JPEG's scan", holding("a.jpg", hostile.jpeg_with_a_hole), "rejected:corrupt"),
    Case(13, "TIFF of three pages", pages, "rejected:multi_page", "pages: first"),
    Case(
        13,
        "TIFF of three pages, the first",
        pages,
        WARNED,
        "only the first",
        FIRST,
        same(lambda: photo()[:, :40]),
    ),
    Case(
        13, "TIFF of three pages, all", pages, "rejected:multi_page", "pages: first", Reading(pages=Pages.ALL)
    ),
    Case(
        13,
        "TIFF of three pages, the last",
        pages,
        OK,
        "",
        Reading(pages=Pages.ALL, page=2),
        both(same(lambda: photo()[:, 16:56]), facts(pages=3, page=2)),
    ),
    Case(
        13,
        "more pages than the limit",
        pages,
        "rejected:too_large",
        "max_pages",
        Reading(pages=Pages.FIRST, limits=Limits(max_pages=2)),
    ),
    Case(13, "pyramid", pyramid, WARNED, "reduced copies", check=same(photo)),
    Case(
        14,
        "TIFF with orientation 6",
        by_vips("a.tif", lambda: with_orientation(image(noise()), 6)),
        OK,
        check=turned,
    ),
    Case(
        14,
        "JPEG with orientation 6",
        by_vips("a.jpg", lambda: with_orientation(image(photo()), 6)),
        OK,
        check=facts(width=64, height=96, orientation=6),
    ),
    Case(
        15,
        "orientation 99",
        holding("a.jpg", turned_by_99),
        WARNED,
        "orientation 99",
        check=facts(orientation=1, width=96),
    ),
    Case(16, "no bytes", holding("a.jpg", b""), "rejected:empty", "no bytes"),
    Case(
        17,
        "bomb",
        holding("a.png", lambda: hostile.bomb("png", 60_000)),
        "rejected:bomb",
        "bomb_pixels_per_byte",
    ),
    Case(
        18,
        "a picture larger than the limit",
        holding("a.png", lambda: png_header(width=40_000, height=40_000)),
        "rejected:too_large",
        "max_pixels",
        Reading(limits=Limits(bomb_pixels=10**10)),
    ),
    Case(
        18,
        "the same with the job's own limits",
        holding("a.png", lambda: png_header(width=40_000, height=40_000)),
        OK,
        "",
        ROOMY,
        header_only=True,
    ),
    Case(
        19,
        "SVG",
        holding("a.jpg", b'<?xml version="1.0"?><svg width="100000" height="100000"/>'),
        "rejected:unsupported_format",
        "SVG",
    ),
    Case(
        20,
        "animated GIF",
        holding("a.gif", lambda: hostile.animation("gif")),
        "rejected:multi_page",
        "4 frames",
    ),
    Case(
        20,
        "animated GIF, first frame",
        holding("a.gif", lambda: hostile.animation("gif")),
        WARNED,
        "only the first",
        FIRST,
        facts(width=40, height=64, pages=4),
    ),
    Case(
        20,
        "animated WebP",
        holding("a.webp", lambda: hostile.animation("webp")),
        "rejected:multi_page",
        "first",
    ),
    Case(
        20,
        "animated WebP, first frame",
        holding("a.webp", lambda: hostile.animation("webp")),
        WARNED,
        "only the first",
        FIRST,
        same(lambda: photo()[:, :40]),
    ),
    Case(
        20,
        "animated WebP, all frames",
        holding("a.webp", lambda: hostile.animation("webp")),
        "rejected:multi_page",
        "pages: first",
        Reading(pages=Pages.ALL),
    ),
    Case(21, "HEIC", holding("a.jpg", hostile.heic), "rejected:unsupported_format", "HEVC decoder"),
    Case(22, "PNG named jpg", holding("a.jpg", lambda: encoded("png")), OK, check=facts(format=Format.PNG)),
    Case(
        23,
        "web page named jpg",
        holding("a.jpg", b"<html><body>404"),
        "rejected:not_an_image",
        "starts with <html>",
    ),
    Case(24, "composed name", holding(unicodedata.normalize("NFC", "né 画.png"), lambda: encoded("png")), OK),
    Case(
        24, "decomposed name", holding(unicodedata.normalize("NFD", "né 画.png"), lambda: encoded("png")), OK
    ),
    Case(
        25,
        "one pixel",
        by_vips("a.png", lambda: image(noise(width=1, height=1))),
        OK,
        check=no_larger_than(1),
    ),
    Case(
        25,
        "one column",
        by_vips("a.png", lambda: image(noise(width=1, height=800))),
        OK,
        check=facts(width=1, height=800),
    ),
    Case(28, "truncated TIFF", holding("a.tif", lambda: truncated_tiff()), "rejected:truncated", "early"),
    Case(29, "truncated PNG", holding("a.png", lambda: hostile.cut("png")), "rejected:truncated", "early"),
    Case(
        30,
        "PNG with one flipped byte",
        holding("a.png", hostile.png_with_one_flipped_byte),
        "rejected:corrupt",
    ),
    Case(
        32,
        "JPEG 2000",
        holding("a.tif", b"\0\0\0\x0cjP  \r\n\x87\n"),
        "rejected:unsupported_format",
        "OpenJPEG",
    ),
    Case(32, "JPEG XL", holding("a.jpg", b"\xff\x0a\xfa\x1f"), "rejected:unsupported_format", "libjxl"),
    Case(
        33, "EPS", holding("a.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n"), "rejected:unsupported_format", "PostScript"
    ),
    Case(33, "PDF", holding("a.jpg", b"%PDF-1.7\n"), "rejected:unsupported_format", "PDF"),
    Case(33, "Photoshop", holding("a.jpg", b"8BPS\0\1"), "rejected:unsupported_format", "Photoshop"),
    Case(
        34, "JPEG with a zip behind it", holding("a.jpg", lambda: encoded("jpeg") + b"PK\3\4" + bytes(99)), OK
    ),
    Case(
        35,
        "Zstandard TIFF",
        holding("a.tif", lambda: with_compression(50_000)),
        "rejected:unsupported_format",
        "Zstandard",
    ),
    Case(
        36,
        "progressive JPEG beyond the memory",
        by_vips("a.jpg", lambda: image(np.full((6000, 6000, 3), 128, np.uint8)), interlace=True),
        "rejected:too_large",
        "memory_mb",
        Reading(limits=Limits(memory_mb=128)),
    ),
    Case(
        40,
        "XMP beyond what a JPEG holds",
        lambda folder: with_large_xmp(folder),
        OK,
        check=facts(xmp_bytes=90_003),
    ),
    Case(
        41,
        "one pixel in a tile of 2^30",
        holding("a.tif", hostile.tile_bomb),
        "rejected:too_large",
        "max_tile_pixels",
    ),
]
