"""What a file says beside its pixels, and what its pixels keep of its past, in words."""

from collections.abc import Iterator
from typing import Any

from src.explaining.file_facts import FileFacts
from src.explaining.provenance import Credentials
from src.explaining.spectrum import UNUSUAL, Spectrum
from src.explaining.wording import Measurement, percent

_CHOSEN = "which anybody can choose"


def of_file(facts: FileFacts) -> Iterator[Measurement]:
    """Say what the file tells beside its pixels."""
    value: dict[str, Any] = {"format": facts.format, "width": facts.width, "height": facts.height}
    size = f"{facts.width} × {facts.height}"
    sentence, brief = f"The file has the format {facts.format} and {size} pixels", ""
    if facts.quality is not None:
        sentence += f", compressed at about quality {facts.quality}"
        brief = f", quality about {facts.quality}"
    brief = f"file: {facts.format}, {size} pixels{brief}"
    yield Measurement("file", value | {"quality": facts.quality}, f"{sentence}.", brief)
    if facts.before is not None:
        sentence = (
            f"The pixels show an earlier compression at about quality {facts.before}, so the file "
            "is likely a copy that was saved again."
        )
        brief = f"earlier compression: quality about {facts.before}"
        yield Measurement("file.before", facts.before, sentence, brief)
    yield _metadata(facts)
    if facts.generator is not None:
        sentence = (
            f"The file has an entry “{facts.generator}”, as programs that generate pictures "
            "write it."
        )
        brief = f"entry of a generator: {facts.generator}"
        yield Measurement("file.generator", facts.generator, sentence, brief)


def _metadata(facts: FileFacts) -> Measurement:
    value = {"camera": facts.camera, "software": facts.software, "editor": facts.editor}
    if facts.software is not None:
        names = f"the software “{facts.software}”", "a piece of software"
        rest = ", which edits pictures" if facts.editor else ""
    elif facts.camera is not None:
        names = f"the camera “{facts.camera}”", "a camera"
        rest = ", which anybody can write there"
    else:
        said = "The file carries no camera metadata, which by itself proves nothing."
        if facts.exif:
            said = "The file's metadata name neither a camera nor a program."
        return Measurement("file.metadata", value, said, "camera and software: not named")
    said, unquoted = (f"The file's metadata name {what}{rest}." for what in names)
    return Measurement("file.metadata", value, said, f"named: {names[0]}", unquoted=unquoted)


def of_credentials(found: Credentials) -> Iterator[Measurement]:
    """Say what the Content Credentials are worth."""
    value = {"state": found.state, "signer": found.signer, "generated": found.generated}
    signed = "The file's Content Credentials are valid and signed by"
    words = {
        "trusted": f"{signed} {{}}, who is on the list of trusted roots.",
        "untrusted": f"{signed} {{}}, who is on no list of trusted roots that was given.",
        "invalid": "The file's Content Credentials do not hold: the file or the record was altered "
        "after signing.",
        "unreadable": "The file has Content Credentials that cannot be read.",
        "absent": "The file has no Content Credentials: nobody has signed where it comes from.",
        "not checked": "The file's Content Credentials were not checked: pip install c2pa-python.",
    }[found.state]
    said = words.format(f"“{found.signer}”" if found.signer else "somebody")
    unquoted = words.format("somebody") if found.signer else None
    brief = f"Content Credentials: {found.state}"
    yield Measurement("credentials", value, said, brief, unquoted=unquoted)
    if found.generated:
        sentence = (
            "The file's Content Credentials say that a generator made the picture, or a part of it."
        )
        brief = "Content Credentials: made by a generator"
        yield Measurement("credentials.generated", True, sentence, brief)


def of_spectrum(found: Spectrum | None) -> Iterator[Measurement]:
    """Say how a picture's spectrum compares with those of known real photographs."""
    if found is None:
        return
    value = {"score": round(found.score, 3), "as_high": round(found.as_high, 4)}
    rare = "which is rare but no proof" if found.as_high < UNUSUAL else "so this says nothing"
    share = f"in {percent(found.as_high)}" if found.as_high > 0 else "in none"
    sentence = (
        "Peaks in the picture's spectrum, as a generator's enlarging steps leave them, stand out "
        f"at least as much {share} of {found.reals} known real photographs, {rare}."
    )
    brief = f"peaks in the spectrum: as high {share} of {found.reals} real photographs"
    yield Measurement("spectrum", value, sentence, brief)
