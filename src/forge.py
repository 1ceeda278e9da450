"""Make a data set of self-blended fakes out of real faces alone."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import click
import numpy as np

from src import InputError, options, processor
from src.cli import Verb
from src.data import dataset, folders, pixels
from src.data.cache import Skipped
from src.data.crops import FORMATS, write_crop
from src.data.faces import Finder, landmarks_of
from src.data.layout import Meaning, meaning
from src.data.self_blend import Blend, self_blend
from src.files import atomic_folder, refuse_existing, require_apart, write_table
from src.progress import bar


@dataclass(frozen=True)
class Forged:
    """What a run of `forge` left."""

    pairs: dict[str, int]  # how many reals, and as many fakes, each split has
    no_face: list[Path]  # the photographs in which no face was found
    skipped: list[Skipped]  # those that could not be read


def forge(
    real_dir: str | Path,
    output: str | Path,
    *,
    per_image: int = 1,
    seed: int = 0,
    format: str = "jpeg",
    overwrite: bool = False,
) -> Forged:
    """Write a data set of real faces and self-blended fakes of them.

    It has `{train,validation,test}/{real,fake}`, a mask for every fake in
    `masks/{split}/fake`, `groups.csv`, `parameters.csv` with what was drawn for every fake, and
    `no_face.csv` and `skipped.csv` with what was left out. A fake and its real have one name,
    size, encoder and group. The pair made from a photograph depends on its bytes and the seed
    alone.

    Args:
        real_dir: photographs, or a data set whose real images are taken; see `folders.scan_real`.
        per_image: pairs a photograph.
        seed: of all that is drawn, and of the split where the photographs have none.
        format: key of `crops.FORMATS`.

    Raises:
        InputError: there are no photographs or no faces, there is no such format, or `output`
            exists or is in the way.
        CheckFailed: more than 5 % of the photographs cannot be read.
    """
    if format not in FORMATS:
        raise InputError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
    real_dir, output = Path(real_dir), Path(output)
    refuse_existing(output, overwrite)
    samples = folders.scan_real(real_dir, seed=seed)
    require_apart(real_dir, output)
    finder = Finder.from_package()
    names = _names([s.path.relative_to(real_dir).as_posix() for s in samples], samples)
    with atomic_folder(output, overwrite=overwrite) as folder:
        make = partial(
            _pairs, folder=folder, format=format, finder=finder, per_image=per_image, seed=seed
        )
        made = []
        pool = ThreadPoolExecutor(processor.threads())
        with bar("Forging", len(samples)) as advance, pool:
            for outcome in pool.map(make, samples, names):
                made.append(outcome)
                advance()
        return _account(folder, real_dir, samples, made)


def _names(inner: Sequence[str], samples: Sequence[folders.Sample]) -> list[str]:
    """Name what is made from each photograph: its path below its class folder, with no suffix.

    Where two photographs of a split would have one name, a mark from their paths is added.
    """
    names = []
    for path in map(PurePosixPath, inner):
        parents = [part for part in path.parts[:-1] if meaning(part) == Meaning()]
        names.append("/".join([*parents, path.stem]))
    # On some systems names that differ by case alone are one.
    places = [(sample.split, name.lower()) for sample, name in zip(samples, names, strict=True)]
    count = Counter(places)
    return [
        name if count[place] == 1 else f"{name}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
        for place, name, path in zip(places, names, inner, strict=True)
    ]


def _pairs(
    sample: folders.Sample, name: str, *,
    folder: Path, format: str, finder: Finder, per_image: int, seed: int,
) -> list[dict[str, Any]] | pixels.ImageError:  # fmt: skip
    """Write the pairs that are made from one photograph.

    Returns:
        What was drawn for each, with both paths; none where no face is found. Or why the
        photograph cannot be read.
    """
    try:
        content = pixels.content(sample.path)
        image = pixels.read(content, str(sample.path))
    except pixels.ImageError as error:
        return error
    landmarks = landmarks_of(image, finder)
    if landmarks is None:
        return []
    digest = int(hashlib.sha256(content).hexdigest(), 16)
    rows = []
    for copy in range(per_image):
        blend = self_blend(image, landmarks, np.random.default_rng((seed, copy, digest)))
        own = name if per_image == 1 else f"{name}-{copy + 1}"
        real, fake = _write(blend, folder, sample.split, own, format)
        rows.append({"path": fake, "real": real, **blend.parameters})
    return rows


def _write(blend: Blend, folder: Path, split: str, name: str, format: str) -> list[str]:
    """Write a real and its fake with one encoder, and the mask; return the paths of the pair."""
    pair = [f"{split}/{kind}/{name}{FORMATS[format]}" for kind in folders.CLASSES]
    mask = np.rint(255 * blend.mask).astype(np.uint8)
    written = (*pair, f"masks/{split}/fake/{name}.png")
    for inner, image in zip(written, (blend.real, blend.image, mask), strict=True):
        write_crop(folder / inner, image)
    return pair


def _account(
    folder: Path,
    real_dir: Path,
    samples: Sequence[folders.Sample],
    made: Sequence[list[dict[str, Any]] | pixels.ImageError],
) -> Forged:
    """Write the tables of a set, and count what was made."""
    pairs: Counter[str] = Counter()
    parameters, groups, no_face, skipped = [], [], [], []
    for sample, outcome in zip(samples, made, strict=True):
        if isinstance(outcome, pixels.ImageError):
            skipped.append(Skipped(sample.path, str(outcome)))
            continue
        photograph = sample.path.relative_to(real_dir).as_posix()
        if not outcome:
            no_face.append(photograph)
        for row in outcome:
            pairs[sample.split] += 1
            parameters.append(row | {"photograph": photograph})
            groups += [{"path": row[key], "group": sample.group} for key in ("real", "path")]
    dataset.require_readable([item.reason for item in skipped], len(samples))
    if not pairs:
        raise InputError(
            f"no face was found in any of the {len(samples)} photographs: fakes are made out of "
            "upright faces that can be seen from the front or half from the side"
        )
    write_table(folder / "groups.csv", groups)
    write_table(folder / "parameters.csv", parameters)
    write_table(folder / "no_face.csv", [{"path": path} for path in no_face], ["path"])
    if skipped:
        rows = [{"path": str(item.path), "reason": item.reason} for item in skipped]
        write_table(folder / "skipped.csv", rows)
    mark = real_dir / dataset.DRAWN_SAMPLE_MARK
    if mark.is_file():
        (folder / mark.name).write_bytes(mark.read_bytes())
    counts = {split: pairs[split] for split in folders.SPLITS if pairs[split]}
    return Forged(counts, [real_dir / path for path in no_face], skipped)


@click.command(cls=Verb)
@click.argument("real_dir", type=options.PATH)
@click.option("--output", type=options.PATH, required=True, help="The new folder.")
@click.option("--per-image", type=click.IntRange(1), default=1, help="Pairs a photograph.")
@options.seed
@click.option("--format", type=click.Choice(list(FORMATS)), default="jpeg")
@options.as_json("Print the counts as JSON.")
@options.overwrite("Replace the output folder.")
def command(output: Path, as_json: bool, **chosen: Any) -> None:
    """Make fakes with masks out of real faces alone: a whole data set to learn from."""
    forged = forge(output=output, **chosen)
    left_out = {"no_face": len(forged.no_face), "unreadable": len(forged.skipped)}
    if as_json:
        click.echo(json.dumps({"pairs": forged.pairs} | left_out))
        return
    for split, pairs in forged.pairs.items():
        click.echo(f"{split:<12}{pairs:>7} real {pairs:>7} fake")
    click.echo("left out: {no_face} without a face, {unreadable} unreadable".format(**left_out))
    click.echo(f"written to {output}")


if __name__ == "__main__":
    command()
