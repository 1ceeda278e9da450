"""One audit: facts of every file, what is there twice, what straddles, what tells the class."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from src.auditing import container, content, duplicates, facts, shortcuts
from src.auditing.content import Baseline
from src.auditing.facts import Facts
from src.auditing.findings import ALIKE, Alike, Audit, Equalized
from src.auditing.shortcuts import Shortcut
from src.data import equalize as equalizing
from src.data.folders import CLASSES, SPLITS, Sample

_WIDTH, _HEIGHT = container.CUES["width"][0], container.CUES["height"][0]


def survey(
    samples: Sequence[Sample], *, equalize: bool = False, image_size: int | None = None
) -> Audit:
    """Audit images that were listed already.

    Args:
        image_size: side in pixels to equalise to; None takes the median of the shorter sides.
    """
    known = facts.measure([sample.path for sample in samples])
    readable = np.flatnonzero(known.readable).tolist()
    judged = _judged([samples[index] for index in readable])
    rows = [index for index in readable if samples[index].split in judged]
    images = [samples[index] for index in rows]
    by_file, by_content = _shortcuts(known, rows, images)
    after = None
    if equalize and by_file is not None:
        after = _equalized(images, image_size or _median_size(known, rows))
    groups = _groups(samples)
    alike: Any = _alike(known, samples, groups)
    return Audit(
        counts=_counts([samples[index] for index in readable]),
        sources=sorted({sample.source for sample in samples}),
        unreadable=[(str(samples[i].path), why) for i, why in sorted(known.reasons.items())],
        judged=judged,
        container=by_file,
        content=by_content,
        equalized=after,
        baseline=_baseline(known, samples),
        groups=len(groups),
        **alike,
    )


def _counts(samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    counts = {sample.split: dict.fromkeys(CLASSES, 0) for sample in samples}
    for sample in samples:
        counts[sample.split][CLASSES[sample.label]] += 1
    return {split: counts[split] for split in SPLITS if split in counts}


def _judged(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return the splits to look for shortcuts in: what is learnt from, else all there are."""
    learnt = ("train", "validation")
    classes = {sample.label for sample in samples if sample.split in learnt}
    present = {sample.split for sample in samples}
    return tuple(s for s in (learnt if len(classes) == 2 else SPLITS) if s in present)


def _labels(samples: Sequence[Sample]) -> np.ndarray:
    return np.array([sample.label for sample in samples], int)


def _shortcuts(
    known: Facts, rows: Sequence[int], images: Sequence[Sample]
) -> tuple[Shortcut, Shortcut] | tuple[None, None]:
    """Measure both models on the rows of the facts that belong to `images`."""
    labels = _labels(images)
    if not shortcuts.enough(labels):
        return None, None
    groups = [sample.group for sample in images]
    names = [str(sample.path) for sample in images]
    return (
        shortcuts.in_container(known.container[rows], labels, groups, names),
        shortcuts.in_content(known.content[rows], labels, groups, names),
    )


def _median_size(known: Facts, rows: Sequence[int]) -> int:
    return int(np.median(known.container[rows][:, [_WIDTH, _HEIGHT]].min(axis=1)))


def _equalized(images: Sequence[Sample], size: int) -> Equalized:
    paths = [sample.path for sample in images]
    known = facts.measure(paths, equalize=size, title="Auditing equalised images")
    rows = np.flatnonzero(known.readable).tolist()
    by_file, by_content = _shortcuts(known, rows, [images[row] for row in rows])
    assert by_file is not None, "there were enough before"
    assert by_content is not None, "both are measured or none"
    return Equalized(size, equalizing.QUALITY, by_file, by_content)


def _baseline(known: Facts, samples: Sequence[Sample]) -> Baseline | None:
    rows = [i for i, s in enumerate(samples) if s.split == "train" and known.readable[i]]
    labels = _labels([samples[row] for row in rows])
    if not shortcuts.enough(labels):
        return None
    return content.fit(known.content[rows], labels)


def _groups(samples: Sequence[Sample]) -> list[list[int]]:
    """Return the groups with more than one image."""
    members = defaultdict(list)
    for index, sample in enumerate(samples):
        members[sample.group].append(index)
    return [indices for indices in members.values() if len(indices) > 1]


def _alike(
    known: Facts, samples: Sequence[Sample], groups: Sequence[list[int]]
) -> dict[str, Alike]:
    """Find what belongs together, and sort it by what is wrong with where it is."""
    found: dict[str, list[list[int]]] = {kind: [] for kind in ALIKE}
    found["straddling"] = [one for one in groups if _spread(one, samples)[0] > 1]
    for indices in duplicates.copies(known):
        splits, classes, among = _spread(indices, samples)
        if splits > 1:
            found["copies_across_splits"].append(indices)
        # Within a group, a fake that is its original is the business of whoever made the pair.
        if classes > 1 and among > 1:
            found["label_conflicts"].append(indices)
        if splits == classes == 1:
            found["copies_within"].append(indices)
    names = [sample.group for sample in samples]
    for indices in duplicates.near_duplicates(known, [one.path for one in samples], names):
        splits, classes, _ = _spread(indices, samples)
        if splits > 1:
            found["near_across_splits"].append(indices)
        if classes > 1:
            found["near_across_classes"].append(indices)
        if splits == classes == 1:
            found["near_within"].append(indices)
    paths = [str(sample.path) for sample in samples]
    return {
        kind: Alike.of([_telling(one, samples) for one in sets], paths)
        for kind, sets in found.items()
    }


def _spread(indices: Sequence[int], samples: Sequence[Sample]) -> tuple[int, int, int]:
    """Return over how many splits, classes and groups some images are spread."""
    some = [samples[index] for index in indices]
    return len({s.split for s in some}), len({s.label for s in some}), len({s.group for s in some})


def _telling(indices: Sequence[int], samples: Sequence[Sample]) -> list[int]:
    """Put one image of each split and class first: those that show what is wrong."""
    first: dict[tuple[int, int], int] = {}
    for index in indices:
        first.setdefault((SPLITS.index(samples[index].split), samples[index].label), index)
    shown = [first[place] for place in sorted(first)]
    return [*shown, *sorted(set(indices) - set(shown))]
