"""Pictures are read as the X server writes them, and written as others read them."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.e2e.screen import Picture, read_xwd

# 2×1 pixels, one row padded to 12 bytes: red and blue as Xvfb stores them (blue, green, red, unused).
HEADER = [104, 7, 2, 24, 2, 1, 0, 0, 32, 0, 32, 32, 12, 4, 0xFF0000, 0xFF00, 0xFF, 8, 256, 1, 2, 1, 0, 0, 0]
XWD = struct.pack(">25I", *HEADER) + b"xwd\0" + bytes(12) + bytes([0, 0, 255, 0, 255, 0, 0, 0]) + bytes(4)


def test_an_x_picture_is_read_in_the_right_order() -> None:
    assert read_xwd(XWD) == Picture(2, 1, b"\xff\x00\x00\x00\x00\xff")


def test_a_picture_of_several_visuals_has_three_bytes_a_pixel() -> None:
    narrow = [*HEADER]
    narrow[11], narrow[12] = 24, 8
    data = struct.pack(">25I", *narrow) + XWD[100:116] + bytes([0, 0, 255, 255, 0, 0]) + bytes(2)
    assert read_xwd(data) == Picture(2, 1, b"\xff\x00\x00\x00\x00\xff")


def test_another_layout_is_refused() -> None:
    other = [*HEADER]
    other[11] = 16
    with pytest.raises(ValueError, match="16 bits"):
        read_xwd(struct.pack(">25I", *other) + XWD[100:])


def test_shares_and_colours() -> None:
    picture = Picture(2, 1, b"\xff\x00\x00\x00\x00\xff")
    assert picture.share((250, 5, 5)) == 0.5
    assert picture.colours() == 2


def test_the_png_has_the_pixels() -> None:
    png = Picture(2, 1, b"\xff\x00\x00\x00\x00\xff").png()
    start = png.index(b"IDAT") + 4
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert zlib.decompress(png[start:-16]) == b"\0\xff\x00\x00\x00\x00\xff"
