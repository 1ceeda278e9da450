"""Every way in which a picture can come, and every way in which a file can fail to be one."""

import io
import struct
import sys
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from src import InputError
from src.data import pixels

RED, GREEN, BLUE, WHITE = (220, 30, 40), (30, 200, 60), (40, 50, 210), (255, 255, 255)


def encode(picture, fmt="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, fmt, **options)
    return buffer.getvalue()


def corners(height=32, width=48):
    """A picture that looks different in all eight orientations."""
    image = np.full((height, width, 3), WHITE, np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    return image


def profile(space, tags):
    """A small ICC profile of version 2, from tag name to content."""
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    d50 = struct.pack(">3i", 63190, 65536, 54061)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), 2 << 24, b"mntr", space, b"XYZ ", b"acsp"
    )
    return header + d50 + bytes(48) + struct.pack(">I", len(tags)) + table + body


def curve(gamma):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def wide_gamut():
    """Primaries of Display P3 with a gamma of 2.2."""
    primaries = {
        b"rXYZ": xyz(0.5151, 0.2412, -0.0011),
        b"gXYZ": xyz(0.2920, 0.6922, 0.0419),
        b"bXYZ": xyz(0.1571, 0.0666, 0.7841),
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(2.2))
    return profile(b"RGB ", {b"wtpt": xyz(0.9642, 1, 0.8249), **primaries, **curves})


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(fmt, orientation):
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](corners())
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if fmt in ("JPEG", "WEBP") else {}
    data = encode(
        Image.fromarray(np.ascontiguousarray(stored)), fmt, exif=exif.tobytes(), **options
    )

    image = pixels.read(data)

    assert image.shape == (32, 48, 3)
    for (y, x), colour in {(8, 12): RED, (8, 36): GREEN, (24, 12): BLUE, (24, 36): WHITE}.items():
        assert np.abs(image[y, x].astype(int) - colour).max() < 12


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_cost_the_picture(fmt):
    data = encode(Image.fromarray(corners()), fmt, exif=b"Exif\0\0no tiff header at all")
    assert pixels.read(data).shape == (32, 48, 3)


def test_path_string_and_bytes_give_the_same_writable_pixels(tmp_path):
    path = tmp_path / "face.png"
    Image.fromarray(corners()).save(path)
    for source in (path, str(path), path.read_bytes()):
        image = pixels.read(source)
        assert image.dtype == np.uint8
        assert image.flags.writeable
        np.testing.assert_array_equal(image, corners())


@pytest.mark.parametrize(("fmt", "suffix"), [("PNG", "jpg"), ("JPEG", "png"), ("WEBP", "txt")])
def test_the_content_decides_and_not_the_name(tmp_path, fmt, suffix):
    path = tmp_path / f"face.{suffix}"
    path.write_bytes(encode(Image.fromarray(corners()), fmt))
    assert pixels.read(path).shape == (32, 48, 3)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_every_promised_format_is_read(fmt):
    image = pixels.read(encode(Image.fromarray(corners()), fmt))
    assert np.abs(image[8, 12].astype(int) - RED).max() < 25


def test_wide_gamut_colours_are_brought_to_srgb():
    colour = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    tagged = pixels.read(encode(Image.fromarray(colour), icc_profile=wide_gamut()))

    to_xyz = [[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]]
    to_rgb = [[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]]
    linear = np.array(to_rgb) @ np.array(to_xyz) @ (np.array([200, 100, 50]) / 255) ** 2.2
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    assert expected[0] > 205  # a red that sRGB needs more of
    np.testing.assert_allclose(tagged[0, 0], expected, atol=2)


def test_wide_gamut_is_converted_under_transparency_and_palette_too():
    colour = Image.new("RGB", (8, 8), (200, 100, 50))
    expected = pixels.read(encode(colour, icc_profile=wide_gamut()))
    opaque = pixels.read(encode(colour.convert("RGBA"), icc_profile=wide_gamut()))
    palette = pixels.read(encode(colour.quantize(4), icc_profile=wide_gamut()))
    np.testing.assert_array_equal(opaque, expected)
    np.testing.assert_array_equal(palette, expected)


def test_grey_profile_is_used():
    linear = profile(b"GRAY", {b"wtpt": xyz(0.9642, 1, 0.8249), b"kTRC": curve(1.0)})
    image = pixels.read(encode(Image.new("L", (8, 8), 128), icc_profile=linear))
    np.testing.assert_allclose(image[0, 0], 188, atol=1)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_srgb_broken_and_foreign_profiles_change_nothing(mode):
    picture = Image.fromarray(corners()).convert(mode)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = pixels.read(encode(picture, "TIFF"))
    harmless = [b"not a profile", srgb[:200]] + ([srgb] if mode == "RGB" else [])
    for icc in harmless + ([wide_gamut()] if mode != "RGB" else []):
        np.testing.assert_array_equal(pixels.read(encode(picture, "TIFF", icc_profile=icc)), plain)


def test_cmyk_jpeg_is_not_inverted():
    image = pixels.read(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    assert image[8, 8, 0] > 200
    assert image[8, 8, 1:].max() < 60


@pytest.mark.parametrize(("fmt", "dtype"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2")])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(fmt, dtype):
    values = np.array([[0, 128, 257, 32896, 65535]], dtype)
    mode = "I;16B" if dtype == ">u2" else "I;16"
    picture = Image.frombytes(mode, (5, 1), values.tobytes())
    image = pixels.read(encode(picture, fmt))
    assert image[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_sixteen_bit_rgb_png_is_scaled():
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">3H", 65535, 32896, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    assert pixels.read(b"\x89PNG\r\n\x1a\n" + chunks)[0, 0].tolist() == [255, 128, 0]


def test_float_pixels_are_refused():
    data = encode(Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF")
    with pytest.raises(pixels.ImageError, match="32 bits"):
        pixels.read(data)


def test_grey_and_one_bit_become_three_channels():
    for picture in (Image.new("L", (4, 4), 77), Image.new("1", (4, 4), 1)):
        image = pixels.read(encode(picture))
        assert image.shape == (4, 4, 3)
        assert image.min() == image.max() == (77 if picture.mode == "L" else 255)


def test_transparency_is_laid_over_white():
    half = pixels.read(encode(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
    grey = pixels.read(encode(Image.new("LA", (4, 4), (0, 0))))
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([10, 20, 30] * 4)
    clear = pixels.read(encode(palette, transparency=3))
    solid = pixels.read(encode(palette))
    assert half[0, 0].tolist() == [127, 127, 127]
    assert grey.min() == clear.min() == 255
    assert solid[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_is_read_as_its_first_frame(fmt):
    first, second = Image.new("RGB", (32, 32), RED), Image.new("RGB", (32, 32), BLUE)
    image = pixels.read(encode(first, fmt, save_all=True, append_images=[second]))
    assert image.shape == (32, 32, 3)
    assert np.abs(image[16, 16].astype(int) - RED).max() < 12


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_truncated_file_is_an_image_error_and_never_half_a_picture(tmp_path, fmt, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encode(Image.fromarray(noise), fmt)
    path = tmp_path / "cut.img"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(pixels.ImageError, match=r"cut\.img: .*(damaged|not an image)"):
        pixels.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", r"the file is empty \(0 bytes\)"), (b"just some text", "not an image")],
)
def test_files_that_are_no_images(tmp_path, content, message):
    path = tmp_path / "face.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"face\.jpg: .*{message}"):
        pixels.read(path)
    with pytest.raises(InputError, match=message):
        pixels.read(content)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(pixels.ImageError, match=r"gone\.jpg: No such file"):
        pixels.read(tmp_path / "gone.jpg")
    with pytest.raises(pixels.ImageError, match="a folder"):
        pixels.read(tmp_path)


def bomb(side):
    body = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", len(data))
        + b"IDAT"
        + data
        + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    )


@pytest.mark.parametrize("side", [9_500, 12_000, 100_000])
@pytest.mark.parametrize("action", ["ignore", "error"])
def test_a_decompression_bomb_is_refused_before_decoding(side, action):
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(pixels.ImageError, match="more than 89 million pixels"):
            pixels.read(bomb(side))
    assert time.perf_counter() - start < 1


def test_an_accepted_image_never_sets_off_pillows_own_limit():
    assert pixels.MAX_PIXELS <= Image.MAX_IMAGE_PIXELS


def test_a_file_of_too_many_bytes_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "MAX_BYTES", 100)
    path = tmp_path / "big.png"
    path.write_bytes(b"x" * 101)
    for source in (path, path.read_bytes()):
        with pytest.raises(pixels.ImageError, match="are read"):
            pixels.read(source)


@pytest.mark.parametrize("fmt", ["EPS", "PPM", "ICO"])
def test_formats_outside_the_list_are_refused(fmt):
    with pytest.raises(pixels.ImageError, match="not an image"):
        pixels.read(encode(Image.fromarray(corners()), fmt))


def test_heic_without_its_package_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = struct.pack(">I4s4s4x4s4s", 24, b"ftyp", b"heic", b"mif1", b"heic")
    with pytest.raises(pixels.ImageError, match=r"pip install -e '\.\[heif\]'"):
        pixels.read(heic)


def test_heic_is_read_where_its_package_is_there():
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(corners(64, 64))).save(buffer)
    image = pixels.read(buffer.getvalue())
    assert np.abs(image[16, 16].astype(int) - RED).max() < 25


def test_many_threads_read_the_same_pixels():
    tagged = encode(Image.fromarray(corners(300, 300)), "JPEG", icc_profile=wide_gamut())
    files = [tagged, encode(Image.fromarray(corners())), b"no image", bomb(100_000)]
    barrier = threading.Barrier(4)

    def work(_):
        barrier.wait(timeout=10)
        images = []
        for data in files * 5:
            try:
                images.append(pixels.read(data))
            except pixels.ImageError as error:
                images.append(np.array(str(error)))
        return images

    with ThreadPoolExecutor(4) as pool:
        first, *rest = pool.map(work, range(4))
    for other in rest:
        for mine, theirs in zip(first, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_resize_averages_a_checkerboard_to_grey():
    board = (np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)
    small = pixels.resize(np.dstack([board] * 3), 64)
    assert small.shape == (64, 64, 3)
    assert small.dtype == np.uint8
    assert np.abs(small.astype(int) - 128).max() <= 2


def test_resize_leaves_an_image_of_the_right_size_alone():
    image = np.random.default_rng(0).integers(0, 256, (33, 33, 3), np.uint8)
    np.testing.assert_array_equal(pixels.resize(image, 33), image)


def test_resize_fills_the_square_and_keeps_the_channel_order():
    image = pixels.resize(corners(40, 90), 30)
    assert image.shape == (30, 30, 3)
    assert np.abs(image[7, 7].astype(int) - RED).max() <= 1


def test_load_is_read_and_resize(tmp_path):
    path = tmp_path / "face.png"
    Image.fromarray(corners()).save(path)
    np.testing.assert_array_equal(pixels.load(path, 20), pixels.resize(pixels.read(path), 20))
