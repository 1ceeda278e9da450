"""Uploads that somebody could send who wants the service to fail."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from redness import encoded

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
HTML = b"<html><script>alert(1)</script></html>"


def seeds() -> list[bytes]:
    """Return whole files of every format."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (24, 20, 3), np.uint8)
    return [encoded(image, kind) for kind in KINDS] + [
        encoded(image, "TIFF", compression="tiff_lzw"),
        encoded(image, "JPEG", progressive=True),
    ]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def bombs() -> list[bytes]:
    """Return small files that claim to be, or unpack to, large ones."""
    zeros = zlib.compress(bytes(30_000_000), 9)
    return [
        png(100_000, 100_000, chunk(b"IDAT", zlib.compress(b""))),
        png(2**31 - 1, 2**31 - 1),
        png(0, 0),
        png(7000, 7000, chunk(b"IDAT", zeros)),
        png(10, 10, chunk(b"zTXt", b"a\0\0" + zeros), chunk(b"IDAT", zlib.compress(b""))),
        png(10, 10, chunk(b"iCCP", b"a\0\0" + zeros), chunk(b"IDAT", zlib.compress(bytes(310)))),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 2**30, 2**30, 1, 24, *[0] * 6),
        b"II*\0\x08\0\0\0\xff\xff" + bytes(64),
        b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff",
    ]


def polyglots() -> list[bytes]:
    """Return files that are two things at once."""
    return [
        part for seed in seeds() for part in (HTML + seed, seed + HTML, seed + b"PK\3\4" + seed)
    ]


def mutations(seed: int) -> Iterator[bytes]:
    """Yield real files with bytes flipped, cut out, doubled or broken off, without end."""
    rng = np.random.default_rng(seed)
    originals = seeds()
    while True:
        data = bytearray(originals[rng.integers(len(originals))])
        for _ in range(rng.integers(1, 8)):
            at, length = int(rng.integers(len(data))), int(rng.integers(1, 32))
            match int(rng.integers(5)):
                case 0:
                    data[at] ^= 1 << int(rng.integers(8))
                case 1:
                    data[at : at + length] = rng.bytes(length)
                case 2:
                    del data[at : at + length]
                case 3:
                    data[at:at] = data[at : at + length]
                case 4:
                    del data[max(at, 1) :]
            data = data or bytearray(b"\0")
        yield bytes(data)
