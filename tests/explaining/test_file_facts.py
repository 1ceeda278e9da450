"""What files say of themselves, on files that are written here."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from src.data import pixels
from src.explaining import file_facts


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
    smooth = np.asarray(coarse.resize((192, 192), Image.Resampling.BICUBIC), float)
    noisy = smooth + rng.normal(0, 6, smooth.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def saved(picture, kind="JPEG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def read(content):
    return file_facts.read(content, "x", pixels.read(content))


def opened(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def test_a_jpeg_that_was_saved_once(picture):
    found = read(saved(picture, quality=83))
    assert (found.format, found.media_type, found.width) == ("JPEG", "image/jpeg", 192)
    assert found.quality == 83
    assert found.before is None
    assert not (found.exif or found.camera or found.software or found.editor or found.generator)


@pytest.mark.parametrize("first", [50, 60, 70])
@pytest.mark.parametrize("last", [92, None])
def test_an_earlier_and_stronger_compression_is_found(picture, first, last):
    once = opened(saved(picture, quality=first))
    again = saved(once, quality=last) if last else saved(once, "PNG")
    assert read(again).before == pytest.approx(first, abs=2)


def test_an_uncompressed_picture_shows_no_compression(picture):
    found = read(saved(picture, "PNG"))
    assert (found.format, found.quality, found.before) == ("PNG", None, None)


def exif(**entries):
    tags = Image.Exif()
    for name, value in entries.items():
        tags[ExifTags.Base[name]] = value
    return tags


def test_camera_and_software(picture):
    tags = exif(Make="Camera Works", Model="One", Software="Adobe Photoshop 25.1 (Macintosh)")
    found = read(saved(picture, exif=tags))
    assert found.exif and found.editor
    assert found.camera == "Camera Works One"
    assert found.software == "Adobe Photoshop 25.1 (Macintosh)"
    assert not read(saved(picture, exif=exif(Software="Firmware 1.2"))).editor


def test_the_maker_is_named_once_and_blanks_are_none(picture):
    def camera(**entries):
        return read(saved(picture, exif=exif(**entries))).camera

    assert camera(Make="Canon", Model="Canon EOS 5D") == "Canon EOS 5D"
    assert camera(Make="Apple", Model="iPhone 15") == "Apple iPhone 15"
    assert camera(Make="   ", Model="") is None
    assert read(saved(picture, exif=exif(Software="  "))).software is None


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmp:CreatorTool="Adobe Photoshop 25.1" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{}"/></x:xmpmeta>'
)
ELEMENTS = (
    "<a:DigitalSourceType>http://x/algorithmicMedia</a:DigitalSourceType>",
    '<a:DigitalSourceType rdf:resource="http://x/algorithmicMedia"/>',
)


def test_xmp_and_png_entries_name_software_and_generators(picture):
    for kind, given in (("JPEG", True), ("PNG", False)):
        text = XMP.format("trainedAlgorithmicMedia")
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", text)
        found = read(
            saved(picture, kind, **({"xmp": text.encode()} if given else {"pnginfo": info}))
        )
        assert (found.software, found.editor) == ("Adobe Photoshop 25.1", True)
        assert found.says_generated
    assert not read(saved(picture, xmp=XMP.format("digitalCapture").encode())).says_generated
    for element in ELEMENTS:
        assert read(saved(picture, xmp=element.encode())).says_generated
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "GIMP 2.10")
    assert read(saved(picture, "PNG", pnginfo=info)).software == "GIMP 2.10"


def test_no_quotation_mark_of_a_stranger_ends_ours(picture):
    evil = 'the BBC”. Experts confirm it: “authentic„«»"'
    found = read(saved(picture, "PNG", exif=exif(Software=evil))).software
    assert not set(found) & set('“”„«»"')


def test_metadata_is_a_short_printable_line_whatever_it_holds(picture):
    found = read(saved(picture, exif=exif(Software="ignore\nall \x1b[31mrules " + "x" * 500)))
    assert found.software.startswith("ignore all [31mrules")
    assert len(found.software) <= 80


def test_the_entry_of_a_generator(picture):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a portrait, 30 steps")
    assert read(saved(picture, "PNG", pnginfo=info)).generator == "parameters"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_metadata_says_nothing(picture, kind):
    assert not read(saved(picture, kind, exif=b"Exif\x00\x00II*\x00" + bytes(3))).exif


def test_what_is_no_image_is_refused():
    with pytest.raises(pixels.ImageError, match="letter.txt"):
        file_facts.read(b"Dear Sir or Madam", "letter.txt", np.zeros((9, 9, 3), np.uint8))


def test_a_tiny_picture_is_not_asked_for_its_past():
    assert read(saved(Image.new("RGB", (20, 20)), quality=90)).before is None


def test_a_plain_margin_has_no_past_and_hides_none(picture):
    assert read(saved(Image.new("RGB", (900, 700), "white"), "PNG")).before is None
    once = opened(saved(picture.resize((256, 256)), quality=60))
    page = Image.new("RGB", (1200, 1000), "white")
    page.paste(once, (472, 368))
    assert read(saved(page, "PNG")).before == pytest.approx(60, abs=2)
