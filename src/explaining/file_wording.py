"""What a file says beside its pixels, and what its pixels keep of its past, in words."""

from collections.abc import Iterator
from typing import Any

from src.explaining import provenance
from src.explaining.file_facts import FileFacts
from src.explaining.provenance import Credentials
from src.explaining.spectrum import UNUSUAL, Spectrum
from src.explaining.wording import Measurement, percent

# Of credentials that hold, where whoever signed them stands.
_SIGNERS = {
    "trusted": "on the list of trusted roots",
    "untrusted": "on no list of trusted roots that was given",
}
_STATES = {
    "unreadable": "The file has Content Credentials that cannot be read.",
    "absent": "The file has no Content Credentials: nobody has signed where it comes from.",
    "not checked": "The file's Content Credentials were not checked: pip install c2pa-python.",
}
_FAULTS = {
    provenance.EXPIRED: "the certificate of whoever signed had expired",
    provenance.REVOKED: "the certificate of whoever signed was revoked",
}


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
    if facts.says_generated:
        sentence = (
            "The file says of itself that a generator made the picture, or a part of it; anybody "
            "can write or remove that."
        )
        brief = "what the file says of itself: made by a generator"
        yield Measurement("file.says_generated", True, sentence, brief)


def _metadata(facts: FileFacts) -> Measurement:
    value = {"camera": facts.camera, "software": facts.software, "editor": facts.editor}
    if not (facts.camera or facts.software):
        said = "The file carries no camera metadata, which by itself proves nothing."
        if facts.exif:
            said = "The file's metadata name neither a camera nor a program."
        return Measurement("file.metadata", value, said, "camera and software: not named")
    kind = "editing software" if facts.editor else "software"
    names = [f"the camera “{facts.camera}”"] * bool(facts.camera)
    names += [f"the {kind} “{facts.software}”"] * bool(facts.software)
    kinds = ["a camera"] * bool(facts.camera) + [kind] * bool(facts.software)
    said, unquoted = (
        f"The file names {' and '.join(what)}; anybody can write that there."
        for what in (names, kinds)
    )
    brief = f"named: {' and '.join(names)}"
    return Measurement("file.metadata", value, said, brief, unquoted=unquoted)


def of_credentials(found: Credentials) -> Iterator[Measurement]:
    """Say what the Content Credentials are worth."""
    value = {
        **{"state": found.state, "signer": found.signer, "generated": found.generated},
        "problems": list(found.problems),
    }
    brief, unquoted = f"Content Credentials: {found.state}", None
    if found.state in _STATES:
        sentence = _STATES[found.state]
    elif found.state == "invalid":
        sentence = f"The file's Content Credentials do not hold: {_fault(found)}."
    else:
        stands = _SIGNERS[found.state]
        valid = f"The file's Content Credentials are valid and signed by somebody who is {stands}"
        sentence = f"{valid}."
        if found.signer:
            chosen = ", which anybody can choose" if found.state == "untrusted" else ""
            sentence = f"{valid}, under the name “{found.signer}”{chosen}."
            unquoted = f"{valid}."
    yield Measurement("credentials", value, sentence, brief, unquoted=unquoted)
    if found.generated:
        sentence = (
            "The file's Content Credentials say that a generator made the picture, or a part of it."
        )
        brief = "Content Credentials: made by a generator"
        yield Measurement("credentials.generated", True, sentence, brief)


def _fault(found: Credentials) -> str:
    """Say why credentials do not hold."""
    if found.altered:
        return "the file or the record was altered after signing"
    if not found.problems:
        return "the check does not say why"
    return "; ".join(_FAULTS.get(code, f"the check says {code}") for code in found.problems)


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
