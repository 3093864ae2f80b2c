"""Pictures of an X screen: XWD as `xwd` writes it (X11/XWDFile.h), read into pixels and written as PNG."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_FIELDS = 25  # 32-bit, most significant byte first


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of width × height pixels; `rgb` holds three bytes each, row by row."""

    width: int
    height: int
    rgb: bytes

    def share(self, colour: tuple[int, int, int], tolerance: int = 16) -> float:
        """Return which part of the pixels (0 to 1) is within `tolerance` of `colour` in each channel."""
        pixels = zip(self.rgb[0::3], self.rgb[1::3], self.rgb[2::3], strict=True)
        near = sum(all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True)) for pixel in pixels)
        return near / (self.width * self.height)

    def colours(self) -> int:
        """Return how many different colours there are: 1 is a blank screen."""
        return len({self.rgb[start : start + 3] for start in range(0, len(self.rgb), 3)})

    def png(self) -> bytes:
        """Return the picture as a PNG file (RFC 2083): 8 bits a channel, no filter, no interlace."""
        row = self.width * 3
        lines = b"".join(b"\0" + self.rgb[start : start + row] for start in range(0, len(self.rgb), row))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        parts = (b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def read_xwd(data: bytes) -> Picture:
    """Return the picture of an XWD file of a screen of depth 24, the least significant byte first (Xvfb).

    A pixel takes 32 bits as the server keeps it, 24 when xwd pieced it together from windows of several visuals.

    Raises:
        ValueError: another version or layout of pixels.
    """
    header = struct.unpack(f">{_FIELDS}I", data[: _FIELDS * 4])
    size, version, layout, width, height = header[0], header[1], header[2], header[4], header[5]
    least_first, bits, line, colours = header[7] == 0, header[11], header[12], header[19]
    if (version, layout, least_first) != (7, 2, True) or bits not in (24, 32):
        raise ValueError(f"XWD version {version}, layout {layout}, {bits} bits")
    start = size + colours * 12
    step = bits // 8
    rows = (data[start + y * line : start + y * line + width * step] for y in range(height))
    pixels = b"".join(rows)
    rgb = bytearray(width * height * 3)
    rgb[0::3], rgb[1::3], rgb[2::3] = pixels[2::step], pixels[1::step], pixels[0::step]
    return Picture(width, height, bytes(rgb))
