"""Pictures of every kind that a page may show, made on the spot."""

from __future__ import annotations

import io
import zlib

import numpy as np
import people
from PIL import Image, ImageCms


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


# How an upright picture is stored that an EXIF orientation turns upright again.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def oriented(picture: Image.Image, kind: str, orientation: int, **options: object) -> bytes:
    """Return a picture that lies in its file as EXIF says."""
    if orientation in STORED:
        picture = picture.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, kind, exif=exif, **options)


def wide_gamut() -> bytes:
    """Return a colour profile with primaries far outside sRGB's (those of Display P3)."""
    return _matrix_profile(
        ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)), 2.2
    )


def _matrix_profile(columns: tuple[tuple[float, float, float], ...], gamma: float) -> bytes:
    """Build a minimal ICC profile (version 2, matrix and gamma; ICC.1:2001-04)."""

    def number(value: float) -> bytes:
        return round(value * 65536).to_bytes(4, "big", signed=True)

    def point(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    curve = (
        b"curv\0\0\0\0" + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big") + b"\0\0"
    )
    words = b"desc\0\0\0\0" + (5).to_bytes(4, "big") + b"made\0" + bytes(78)
    words += bytes(-len(words) % 4)
    right = b"text\0\0\0\0none"
    white = point((0.9642, 1.0, 0.8249))
    tags = {b"desc": words, b"cprt": right, b"wtpt": white}
    tags |= {
        name: point(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at = 128 + 4 + 12 * len(tags)
    table, content = len(tags).to_bytes(4, "big"), b""
    for name, value in tags.items():
        table += name + at.to_bytes(4, "big") + len(value).to_bytes(4, "big")
        content += value
        at += len(value)
    header = at.to_bytes(4, "big") + bytes(4) + bytes.fromhex("02400000") + b"mntrRGB XYZ "
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(map(number, (0.9642, 1.0, 0.8249)))
    return header.ljust(128, b"\0") + table + content


def with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    """Return a PNG with one more chunk behind its header."""
    chunk = len(content).to_bytes(4, "big") + name + content
    chunk += zlib.crc32(name + content).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


def files() -> dict[str, bytes]:
    """Return at least 40 files by their names."""
    colour = Image.fromarray(people.astronaut()[:360, 60:420])
    small = Image.fromarray(people.head(150))
    wide = Image.fromarray(np.concatenate([people.astronaut(), people.astronaut()[:, ::-1]], 1))
    alpha = np.linspace(0, 255, 360).astype(np.uint8)[None].repeat(360, 0)
    veiled = colour.copy()
    veiled.putalpha(Image.fromarray(alpha))
    cut_out = colour.copy()
    cut_out.putalpha(
        Image.fromarray(((np.indices((360, 360)).sum(0) % 50 > 3) * 255).astype(np.uint8))
    )
    profile = wide_gamut()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257 + 100)
    made: dict[str, bytes] = {f"rotated {i}.jpg": oriented(colour, "JPEG", i) for i in range(1, 9)}
    made |= {
        "rotated 6.png": oriented(colour, "PNG", 6),
        "rotated 8.webp": oriented(colour, "WEBP", 8),
        "quality 95.jpg": encoded(colour, "JPEG", quality=95, subsampling=0),
        "quality 60.jpg": encoded(colour, "JPEG", quality=60),
        "quality 30.jpg": encoded(colour, "JPEG", quality=30, subsampling=2),
        "half chroma.jpg": encoded(colour, "JPEG", quality=85, subsampling=1),
        "progressive.jpg": encoded(colour, "JPEG", quality=85, progressive=True),
        "odd sides.jpg": encoded(colour.crop((0, 0, 333, 347)), "JPEG", quality=80),
        "grey.jpg": encoded(colour.convert("L"), "JPEG", quality=88),
        "cmyk.jpg": encoded(colour.convert("CMYK"), "JPEG", quality=92),
        "wide gamut.jpg": encoded(colour, "JPEG", quality=92, icc_profile=profile),
        "srgb.jpg": encoded(colour, "JPEG", quality=92, icc_profile=srgb),
        "broken profile.jpg": encoded(colour, "JPEG", quality=92, icc_profile=b"none" * 40),
        "wide gamut, rotated.jpg": oriented(colour, "JPEG", 6, icc_profile=profile),
        "plain.png": encoded(colour, "PNG"),
        "wide gamut.png": encoded(colour, "PNG", icc_profile=profile),
        "veiled.png": encoded(veiled, "PNG"),
        "veiled, wide gamut.png": encoded(veiled, "PNG", icc_profile=profile),
        "cut out.png": encoded(cut_out, "PNG"),
        "palette.png": encoded(colour.quantize(128), "PNG"),
        "grey.png": encoded(colour.convert("L"), "PNG"),
        "grey, veiled.png": encoded(veiled.convert("LA"), "PNG"),
        "16 bits.png": encoded(deep, "PNG"),
        "gamma.png": with_chunk(encoded(colour, "PNG"), b"gAMA", (100_000).to_bytes(4, "big")),
        "lossy.webp": encoded(colour, "WEBP", quality=80),
        "lossless.webp": encoded(colour, "WEBP", lossless=True),
        "veiled.webp": encoded(veiled, "WEBP", quality=90),
        "wide gamut.webp": encoded(colour, "WEBP", quality=90, icc_profile=profile),
        "plain.gif": encoded(colour, "GIF"),
        "plain.bmp": encoded(colour, "BMP"),
        "plain.avif": encoded(colour, "AVIF", quality=90),
        "small.jpg": encoded(small, "JPEG", quality=90),
        "two faces.jpg": encoded(wide, "JPEG", quality=90),
        "nobody.jpg": encoded(colour.crop((0, 260, 120, 360)), "JPEG", quality=90),
        "large.jpg": encoded(colour.resize((3001, 3001)), "JPEG", quality=85),
    }
    moving = {"save_all": True, "append_images": [small.resize(colour.size)]}
    for kind in ("GIF", "WEBP", "PNG"):
        made[f"moving.{kind.lower()}"] = encoded(colour, kind, **moving)
    return made
