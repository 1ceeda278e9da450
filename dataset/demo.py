"""`make demo`: the whole way on the drawn sample, in a few minutes on two cores.

Train in two phases from the starter's weights, or from scratch where it is missing; evaluate on the
test split; draw the heatmaps of one real and one fake picture. It says what the pipeline does, and
nothing about real deepfakes.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from src import InputError
from src.cli import Verb
from src.data import pixels
from src.detector import load, location
from src.evaluation.heatmaps.controls import centred_blob
from src.evaluation.heatmaps.localisation import share_inside

SAMPLE = Path(__file__).parent
BUNDLE = location.DEFAULT
PICTURES = Path("figures/demo")
# ImageNet weights are not asked for, so that every machine sees the same run.
TRAINING = [
    *("--batch-size", "16", "--augment", "light"),
    # Of 29 real pictures that calibrate, one alone would decide what a smaller promise needs.
    *("--max-false-fake", "0.1"),
]
# Pictures larger than they are drawn: frozen layers that learnt from photographs see more there.
TWO_PHASES = [
    *("--weights", "starter", "--image-size", "160", "--dropout", "0.2"),
    *("--warmup-epochs", "2", "--finetune-epochs", "4", "--finetune-learning-rate", "7e-4"),
]
FROM_SCRATCH = [
    *("--weights", "none", "--image-size", "104", "--dropout", "0.3"),
    *("--warmup-epochs", "1", "--finetune-epochs", "3"),
]


def main() -> None:
    """Run the verbs one after the other, as a person would type them."""
    refuse_foreign(BUNDLE)
    start = TWO_PHASES if location.is_bundle(location.STARTER) else FROM_SCRATCH
    options = [*start, *TRAINING, "--overwrite"]
    run("train", "--data-dir", str(SAMPLE), "--output", str(BUNDLE), *options)
    model = ("--model", str(BUNDLE))
    data = ("--data-dir", str(SAMPLE))
    run("evaluate", *data, *model, "--quick", "--output", str(PICTURES), "--overwrite")
    pair = [str(SAMPLE / "test" / name / "0000.jpg") for name in ("real", "fake")]
    for name, picture in zip(("real", "fake"), pair, strict=True):
        place = PICTURES / f"{name}_gradcam.png"
        run("gradcam", picture, *model, "--output", str(place), "--overwrite")
    inside, blob = evidence_in_masks()
    click.echo(
        f"\nEvidence for fake that lies in the manipulated region, over the test fakes: "
        f"{inside:.0%} (a blob in the centre would reach {blob:.0%})"
    )
    click.echo(f"Bundle:               {BUNDLE}")
    click.echo(f"Report:               {PICTURES / 'report.html'}")
    click.echo(f"Numbers and pictures: {PICTURES}")


def refuse_foreign(folder: Path) -> None:
    """Stop before anything is replaced that this demo did not make.

    Raises:
        InputError: a bundle or an unfinished run stands there that is not of the drawn sample.
    """
    if folder.exists() and not location.learnt_drawn_sample(folder):
        raise InputError(
            f"{folder} holds a detector that was not trained on the drawn sample: the demo does "
            "not replace it. Move it away first"
        )
    config = folder.with_name(folder.name + ".partial") / "config.json"
    if config.is_file():
        data_dirs = json.loads(config.read_text(encoding="utf-8")).get("data_dirs")
        if data_dirs != [str(SAMPLE)]:
            raise InputError(
                f"{config.parent} holds an unfinished run on other data: finish or remove it first"
            )


def run(verb: str, *arguments: str) -> None:
    """Show a command and carry it out in this process, which has Keras loaded already."""
    import importlib

    click.secho(f"\n$ deepfake {verb} {' '.join(arguments)}", bold=True)
    command = importlib.import_module(f"src.{verb}").command
    if code := command.main(list(arguments), standalone_mode=False):
        raise SystemExit(code)


def evidence_in_masks() -> tuple[float, float]:
    """Return the mean share of evidence inside the masks, and that of a centred blob."""
    detector = load(BUNDLE)
    files = sorted((SAMPLE / "test" / "fake").glob("*.jpg"))
    faces = np.stack([pixels.load(file, detector.card.image_size) for file in files])
    evidence = np.maximum(detector.score(faces).evidence, 0.0)
    masks = [_mask(file) for file in files]
    blobs = [centred_blob(mask.shape) for mask in masks]
    inside = [share_inside(m, e) for m, e in zip(masks, evidence, strict=True)]
    control = [share_inside(m, b) for m, b in zip(masks, blobs, strict=True)]
    return float(np.mean(inside)), float(np.mean(control))


def _mask(file: Path) -> np.ndarray:
    path = SAMPLE / "masks" / file.relative_to(SAMPLE).with_suffix(".png")
    return pixels.read(path)[..., 0] > 127


@click.command(cls=Verb)
def command() -> None:
    """Train, evaluate and explain on the drawn sample."""
    main()


if __name__ == "__main__":
    command()
