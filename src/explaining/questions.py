"""What a picture makes one want to know: questions out of what was measured of it."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from src.explaining.spectrum import UNUSUAL

# The id of the measurement that asks, what introduces the answer, and what is searched for.
Question = tuple[str, str, str]
Asked = TypeVar("Asked")

# By the region where the evidence for fake is strongest: these are on what betrays a fake.
_REGIONS = {
    "eyes": "pupils of generated faces irregular",
    "nose": "texture of the inner face, small patches give a fake away",
    "mouth": "small patches of a picture give a fake away",
    "forehead": "blending boundary around a swapped face",
    "cheeks and jaw": "blending boundary around a swapped face",
    "hair and background": "shortcut learning: a network goes by the background",
}
# Strong compression, and a score that is as good as certain; the rest is between.
_STRONG, _SURE = 60, 0.99
# What readers of a verdict ask of detectors in general.
_GENERAL = (
    "published accuracies of detectors are not comparable",
    "largest competition Kaggle DFDC left detection unsolved",
    "can people tell a generated portrait from a photograph",
    "people overconfident that they would notice deepfakes",
    "person and machine together second opinion journalist",
    "trained software beats human observers",
    "Grad-CAM gradient last convolutional layer shows where answer comes from",
    "Grad-CAM highlights wrong places that the model did not use",
    "heatmap sanity random weights",
    "is an explanation faithful to the model",
    "error rates differ between groups by race and gender",
    "self-blended images training from real photographs alone",
    "detectors lack reliability as evidence in court",
    "conformal prediction guaranteed error rate of choice",
    "detectors weaken on methods that they have not seen",
    "second generation of deepfake databases error",
    "academic benchmark scores drop on deepfakes in circulation",
    "mouth movement lip reading in forged videos",
)
_OF_FAKES = (
    ("On false alarms", "false alarms and the base rate"),
    ("On promised error rates", "a guarantee needs images like those of the calibration"),
    ("On kinds of generators", "classifier trained on one generator recognises others"),
    ("On kinds of generators", "detectors of GANs miss diffusion images"),
    ("On traces of generators", "each generator leaves a fingerprint"),
    ("On where fakes show", "attention map of altered region helps detection"),
    ("On swapped faces", "fitting a small generated face to a head leaves warping traces"),
    ("On eyes", "reflections and highlights in the two eyes disagree"),
)
_OF_REALS = (
    ("On what real means", "to a detector real means no known trace was found"),
    ("On claims of forgery", "calling a true story fake liars dividend"),
    ("On fooled detectors", "tiny changes to a fake fool detectors"),
    ("On hidden traces", "artefacts of generation can be filtered away"),
    ("On watermarks", "invisible watermarks can be removed"),
)


def ask(values: Mapping[str, Any]) -> Iterator[Question]:
    """Yield questions, the most pressing first.

    Args:
        values: of the measurements, by id.
    """
    yield from _about_file(values)
    yield from _about_score(values)
    word = values["verdict"]
    if word == "inconclusive":
        yield "verdict", "On giving no verdict", "abstaining where a classifier is unsure"
    if values["thresholds"] is None:
        query = "scores of networks are not calibrated probabilities"
        yield "thresholds", "On scores that were never calibrated", query
    if word == "fake" and values["p_fake"] > _SURE:
        yield "p_fake", "On high percentages", "network overconfident percentage calibration"
    yield from _about_verdict(values)
    yield from _about_usual(values)


def ask_in_general(values: Mapping[str, Any]) -> Question:
    """Return a question on detectors as such, see `_one_of`."""
    return "verdict", "Also good to know", _one_of(_GENERAL, values)


def _about_verdict(values: Mapping[str, Any]) -> Iterator[Question]:
    """Of what weakens a verdict of this kind one thing, see `_one_of`."""
    word = values["verdict"]
    if word != "inconclusive":
        topic, query = _one_of(_OF_FAKES if word == "fake" else _OF_REALS, values)
        yield "verdict", topic, query


def _one_of(several: tuple[Asked, ...], values: Mapping[str, Any]) -> Asked:
    """Choose by the score in ten-thousandths, so that one picture always gets the same."""
    return several[round(10_000 * values["p_fake"]) % len(several)]


def _about_file(values: Mapping[str, Any]) -> Iterator[Question]:
    state, metadata = values["credentials"]["state"], values["file.metadata"]
    if state in ("invalid", "unreadable"):
        query = "credentials of a picture are invalid, incomplete or misread"
        yield "credentials", "On records that do not hold", query
    if state in ("trusted", "untrusted"):
        query = "a publisher signs a record of the picture's origin"
        yield "credentials", "On signed records", query
    made = [name for name in ("file.generator", "file.says_generated") if name in values]
    if made:
        query = "text-to-image diffusion models pictures shared online"
        yield made[0], "On pictures made from words", query
    if "file.before" in values and metadata["editor"]:
        query = "montage with parts of another JPEG quality"
        yield "file.before", "On pictures that were put together", query
    elif metadata["editor"] or metadata.get("camera"):
        query = "headers of a file: Photoshop or the original of a camera"
        yield "file.metadata", "On what a file tells of its origin", query
    elif metadata.get("software"):
        query = "instructions hidden in outside text hijack a language model"
        yield "file.metadata", "On words in a file", query
    if "spectrum" in values and values["spectrum"]["as_high"] < UNUSUAL:
        yield "spectrum", "On traces in the spectrum", _of_peaks(values["spectrum"]["as_high"])
    if "file.before" in values and not metadata["editor"]:
        query = "compression and low resolution on social networks make judging harder"
        yield "file.before", "On pictures that were compressed before", query


def _of_peaks(as_high: float) -> str:
    """Return what to ask of peaks that so many real photographs have as well."""
    if as_high == 0:
        return "peaks in the frequency spectrum from upsampling"
    if as_high < UNUSUAL / 2:
        return "up-convolution distorts spectral distribution"
    return "deconvolution checkerboard pattern"


def _about_score(values: Mapping[str, Any]) -> Iterator[Question]:
    if "reason.face_too_small" in values:
        yield "reason.face_too_small", "On small faces", "small faces of few pixels"
    if "reason.unfamiliar" in values:
        query = "calibration does not survive images that differ, data set shift"
        yield "reason.unfamiliar", "On pictures of a kind not seen before", query
    if "reason.no_face" in values:
        yield "reason.no_face", "On faces that are not found", "finding the face is a weak point"
    stability = values["stability"]
    if stability["counts"] and stability["same"] < stability["of"]:
        query = "changes such as compression and rescaling that nobody sees upset the output"
        yield "stability", "On verdicts that do not survive another compression", query
    if "faces" in values:
        yield "faces", "On judging several at once", "several tests at once, false discoveries"
    where = values.get("evidence.where")
    if where and where["for"] == "fake" and where["strongest"] in _REGIONS:
        topic = f"On evidence in the {where['strongest']}"
        yield "evidence.where", topic, _REGIONS[where["strongest"]]


def _about_usual(values: Mapping[str, Any]) -> Iterator[Question]:
    """Ask about what is nothing out of the ordinary."""
    if (quality := values["file"]["quality"]) is None:
        query = "detectors learn JPEG compression and image size instead of the fake"
        yield "file", "On formats", query
    elif quality <= _STRONG:
        yield "file", "On strong compression", "frequency clues survive strong compression"
    if values["verdict"] == "real" and "spectrum" in values:
        query = "a clean spectrum without peaks does not prove a real image"
        yield "spectrum", "On spectra without peaks", query
    if values["credentials"]["state"] == "absent":
        query = "metadata get lost, a missing credential says nothing"
        yield "credentials", "On missing credentials", query
