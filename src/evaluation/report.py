"""An evaluation as a page: what came out, what stands behind it, what it does not tell."""

from collections.abc import Iterator, Mapping

from src.detector import verdict
from src.evaluation.results import Evaluation
from src.evaluation.sight import Shown
from src.report import page
from src.report.page import Picture
from src.report.verdicts import CLASSES

# Side of a small picture in pixels.
THUMBNAIL = 160
_WHO = {"false_fake": ("real faces", "fake"), "false_real": ("fakes", "real")}


def render(found: Evaluation, figures: Mapping[str, bytes]) -> str:
    """Return the page as HTML with everything inside; `figures` are the PNG files by name."""
    return page.fill(
        "evaluation.html.jinja",
        title=f"Evaluation of {found.card.name}",
        lead=lead(found),
        found=found,
        mark=mark(found),
        promises=list(_promises(found)),
        reasons=verdict.REASONS,
        sheet={title: list(map(_picture, shown)) for title, shown in found.shown.items() if shown},
        figures=[Picture(content, "", name) for name, content in figures.items()],
    )


def lead(found: Evaluation) -> str:
    """Say in two sentences what came out."""
    whole = found.whole
    said = (
        f"On {found.metrics.real} real and {found.metrics.fake} fake images of the {found.split} "
        f"split the AUC is {found.metrics.auc}."
    )
    if found.calibration is None:
        return f"{said} The detector is not calibrated: it promises no error rate."
    silent = whole.verdicts.inconclusive
    result = {
        "bad": "broken on these images",
        "warning": "not broken on these images as they are, but after some changes of them",
        "good": "not broken on these images",
    }[mark(found)]
    return (
        f"{said} It gives no verdict on {silent.value if silent else 0:.1%}; its promised error "
        f"rates are {result}."
    )


def mark(found: Evaluation) -> str:
    """Return how bad it is about the promises: `bad`, `warning` or `good`."""
    if found.calibration is None:
        return "warning"
    if any(kept.broken for kept in found.kept.values() if kept):
        return "bad"
    return "warning" if any(row.broken for row in found.robustness) else "good"


def _promises(found: Evaluation) -> Iterator[str]:
    """Say what is promised, and whether it is kept: here, and after changes of the images."""
    if found.calibration is None:
        yield "Nothing is promised until `deepfake calibrate` has been run."
        return
    yield from found.calibration.promises()
    yield from (kept.sentence(*_WHO[name]) for name, kept in found.kept.items() if kept)
    for name, (who, called) in _WHO.items():
        changes = [row.name for row in found.robustness if name in row.broken]
        if changes:
            yield f"Too many {who} are called {called} after: {', '.join(changes)}."
    if found.robustness and not any(row.broken for row in found.robustness):
        yield "No change of the images that was tried breaks it beyond doubt."


def _picture(shown: Shown) -> Picture:
    said = f"{CLASSES[shown.label]}, p_fake {verdict.shown(shown.p_fake)}"
    return Picture.of(shown.picture, THUMBNAIL, f"{said}: {shown.name}", said)
