"""Audit a data set: is it fit to learn from?"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from src import CheckFailed, options
from src.auditing import memory
from src.auditing.findings import MAX_SHORTCUT_AUC, Audit, Finding
from src.auditing.survey import survey
from src.cli import Verb
from src.data import folders, pixels
from src.files import refuse_existing, write_text
from src.report import page

log = logging.getLogger(__name__)

FILES = ("audit.json", "audit.html")
THUMBNAIL = 136
# The AUC of a cue that says nothing.
NOTHING = 0.5


def audit(
    data_dirs: Sequence[str | Path],
    *,
    max_shortcut_auc: float = MAX_SHORTCUT_AUC,
    equalize: bool = False,
    image_size: int | None = None,
    seed: int = 0,
    limit_per_class: int | None = None,
    fraction: float | None = None,
    remembered: bool = False,
) -> Audit:
    """Audit the images of one or more data folders.

    Every file is read, of all splits, and compared with all others. The two models that look for
    shortcuts see the training and validation images only, as far as both classes are there.

    Args:
        data_dirs: folders with the images.
        max_shortcut_auc: the gate, for the lower end of the container model's interval.
        equalize: measure both models again after equalising, and judge by that.
        image_size: side in pixels to equalise to; None takes the median of the shorter sides.
        seed: of the split where the folders have none.
        limit_per_class: at most so many images of a class in each split.
        fraction: share of the images used.
        remembered: take up an earlier audit of the same files, and remember this one.

    Raises:
        InputError: no usable layout.
    """
    samples = folders.scan(data_dirs, seed=seed, limit_per_class=limit_per_class, fraction=fraction)
    make = partial(survey, samples, equalize=equalize, image_size=image_size)
    how = equalize and (image_size,)
    found = memory.remembered(samples, how, make) if remembered else make()
    return replace(found, max_shortcut_auc=max_shortcut_auc)


def require_fit(audited: Audit, *, allow_shortcut: bool = False) -> None:
    """Warn of what was found, and stop where it makes the data unfit to learn from.

    Args:
        audited: what was found.
        allow_shortcut: go on where the files tell the classes.

    Raises:
        CheckFailed: a gate failed.
    """
    stops = [
        finding
        for finding in audited.stops
        if not (allow_shortcut and finding.code == "container_shortcut")
    ]
    for finding in audited.findings:
        if finding not in stops:
            log.warning("audit: %s", finding.sentence)
    if stops:
        reasons = "\n".join(f"- {finding.sentence}" for finding in stops)
        raise CheckFailed(
            "the data is not fit to learn from (`deepfake audit` shows the images; "
            f"--allow-shortcut goes on past a shortcut, and past nothing else):\n{reasons}"
        )


def write(audited: Audit, output: Path) -> None:
    """Write `audit.json` and `audit.html` into a folder."""
    write_text(output / "audit.json", json.dumps(audited.to_dict(), indent=2) + "\n")
    title = f"Audit of {', '.join(audited.sources)}"
    sections = [
        page.Section("Images", header=("split", "real", "fake"), rows=list(_counts(audited))),
        page.Section(
            "What gives the class away",
            "AUC of two small models on images that they were not fitted on, with 95 % interval. "
            "0.5 is chance.",
            header=("seen by the model", "AUC", "strongest cue", "real", "fake"),
            rows=list(_shortcuts(audited)),
        ),
        *(_section(finding) for finding in audited.findings),
    ]
    write_text(output / "audit.html", page.render(title, lead(audited), sections))


def lead(audited: Audit) -> str:
    """Say in one sentence what came out."""
    stops, warns = len(audited.stops), len(audited.findings) - len(audited.stops)
    warned = "1 warning" if warns == 1 else f"{warns} warnings"
    if stops:
        gates = "1 gate failed" if stops == 1 else f"{stops} gates failed"
        return f"Not fit to learn from: {gates}, {warned}."
    return f"No gate failed; {warned}." if warns else "Nothing was found against it."


def _counts(audited: Audit) -> Iterator[tuple[object, ...]]:
    for split, classes in audited.counts.items():
        yield (split, *classes.values())


def _shortcuts(audited: Audit) -> Iterator[tuple[str, ...]]:
    measured = {"the files": audited.container, "content statistics": audited.content}
    if again := audited.equalized:
        measured["the files, equalised"] = again.container
        measured["content statistics, equalised"] = again.content
    for name, shortcut in measured.items():
        if shortcut is not None:
            alone = shortcut.cues[shortcut.strongest]
            told = alone > NOTHING
            cue = f"{shortcut.strongest} ({alone:.3f})" if told else "none"
            yield (name, str(shortcut.auc), cue, *(shortcut.typical if told else ("", "")))


def _section(finding: Finding) -> page.Section:
    mark = "bad" if finding.stops else "warning"
    title = finding.code.replace("near_", "nearly equal ").replace("_", " ").capitalize()
    pictures = [[_picture(path) for path in example] for example in finding.examples]
    return page.Section(title, finding.sentence, mark, pictures=pictures)


def _picture(path: str) -> page.Picture:
    """Return a small version of a picture, or its name alone where it cannot be read."""
    try:
        return page.Picture.of(pixels.read(path), THUMBNAIL, path)
    except pixels.ImageError:
        return page.Picture(None, path)


def _lines(audited: Audit, output: Path) -> Iterator[str]:
    yield f"{'split':<12}{'real':>9}{'fake':>9}"
    for split, real, fake in _counts(audited):
        yield f"{split:<12}{real:>9}{fake:>9}"
    yield f"groups of several images: {audited.groups}"
    if audited.container:
        yield f"\nAUC of a model that sees only ... (images of {', '.join(audited.judged)})"
    for name, auc, cue, *_ in _shortcuts(audited):
        yield f"  {name:<30} {auc}  strongest: {cue}"
    yield ""
    for finding in audited.findings:
        yield f"{'STOP   ' if finding.stops else 'warning'}  {finding.sentence}"
    yield f"{lead(audited)}\nwritten to {output}"


@click.command(cls=Verb)
@options.data_dirs
@click.option("--output", type=options.PATH, default=Path("figures/audit"))
@click.option(
    "--max-shortcut-auc",
    type=click.FloatRange(0.5, 1),
    default=MAX_SHORTCUT_AUC,
    help="Gate for what the files alone give away.",
)
@click.option("--equalize", is_flag=True, help="Measure again after re-encoding all images alike.")
@click.option("--image-size", type=click.IntRange(8), help="Side to equalise to; default: median.")
@options.limit_per_class("Images a class in each split.")
@options.fraction
@options.seed
@options.as_json("Print audit.json.")
@options.overwrite("Replace an earlier audit.")
def command(output: Path, as_json: bool, overwrite: bool, **chosen: Any) -> None:
    """Audit a data set before anything is learnt from it: audit.json and audit.html."""
    if not chosen["equalize"]:
        options.refuse_without("--equalize", "image_size")
    for name in FILES:
        refuse_existing(output / name, overwrite)
    audited = audit(**chosen)
    write(audited, output)
    text = json.dumps(audited.to_dict(), indent=2)
    click.echo(text if as_json else "\n".join(_lines(audited, output)))
    if audited.stops:
        codes = ", ".join(finding.code for finding in audited.stops)
        raise CheckFailed(f"not fit to learn from: {codes}")


if __name__ == "__main__":
    command()
