"""Score the spectra of real photographs, for `src/explaining/spectrum.py` to compare with.

    python -m benchmarks.spectrum --data-dir DATA/gan256 --data-dir DATA/utk200 ...

Takes the same number of real photographs of each set, from the train split, and prints how well
the score tells the fakes of each set from all of these photographs, and how many of them are called
unusual.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from src.cli import Verb
from src.data import folders, pixels
from src.explaining import spectrum
from src.files import refuse_existing, write_text
from src.progress import bar


def scores(paths: Sequence[Path]) -> list[float]:
    """Return the scores of those images that are large enough."""
    with bar("Measuring spectra", len(paths)) as advance:
        found = []
        for path in paths:
            found.append(spectrum.score(pixels.read(path)))
            advance()
    return [value for value in found if value is not None]


@click.command(cls=Verb)
@click.option("--data-dir", "data_dirs", multiple=True, required=True, help="Images; repeatable.")
@click.option("--per-set", type=click.IntRange(1), default=250, help="Images of a class and set.")
@click.option("--output", type=click.Path(path_type=Path), default=spectrum.REALS)
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
def command(
    data_dirs: tuple[str, ...], per_set: int, output: Path, seed: int, overwrite: bool
) -> None:
    """Write the scores of real photographs."""
    from sklearn.metrics import roc_auc_score

    refuse_existing(output, overwrite)
    rng = np.random.default_rng(seed)
    samples = [s for s in folders.scan(data_dirs, seed=seed) if s.split == "train"]
    found: dict[tuple[str, int], list[float]] = {}
    for key in sorted({(s.source, s.label) for s in samples}):
        paths = [s.path for s in samples if (s.source, s.label) == key]
        chosen = rng.permutation(len(paths))[:per_set]
        found[key] = scores([paths[index] for index in chosen])
    reals = {source: values for (source, label), values in found.items() if not label}
    joined = sorted(round(value, 4) for values in reals.values() for value in values)
    sets = {source: len(values) for source, values in reals.items()}
    write_text(output, json.dumps({"sets": sets, "scores": joined}) + "\n")
    click.echo(f"{len(joined)} real photographs: {output}")
    for (source, label), values in found.items():
        if label:
            labels = [0] * len(joined) + [1] * len(values)
            auc = roc_auc_score(labels, joined + values)
            limit = np.quantile(joined, 1 - spectrum.UNUSUAL)
            flagged = np.mean(np.array(values) > limit)
            click.echo(
                f"fakes of {source} against them: AUC {auc:.2f}, {100 * flagged:.1f} % unusual "
                f"({len(values)} images)"
            )


if __name__ == "__main__":
    command()
