"""One audit: facts of every file, what is there twice, what straddles, what tells the class."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from src.auditing import baseline, container, duplicates, facts, shortcuts
from src.auditing.baseline import Baseline
from src.auditing.facts import Facts
from src.auditing.findings import Alike, Audit, Equalized
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
    groups, straddling = _groups(samples)
    duplicated: Any = _duplicates(known, samples)
    return Audit(
        counts=_counts([samples[index] for index in readable]),
        sources=sorted({sample.source for sample in samples}),
        unreadable=[(str(samples[i].path), why) for i, why in sorted(known.reasons.items())],
        judged=judged,
        container=by_file,
        content=by_content,
        equalized=after,
        baseline=_baseline(known, samples),
        groups=groups,
        straddling=straddling,
        **duplicated,
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
    return baseline.fit(known.content[rows], labels)


def _groups(samples: Sequence[Sample]) -> tuple[int, Alike]:
    members = defaultdict(list)
    for index, sample in enumerate(samples):
        members[sample.group].append(index)
    several = [indices for indices in members.values() if len(indices) > 1]
    straddling = [
        _one_of_each(indices, samples)
        for indices in several
        if len({samples[index].split for index in indices}) > 1
    ]
    paths = [str(sample.path) for sample in samples]
    return len(several), Alike.of(straddling, paths)


def _duplicates(known: Facts, samples: Sequence[Sample]) -> dict[str, Alike]:
    paths = [str(sample.path) for sample in samples]
    found: dict[str, list[list[int]]] = defaultdict(list)
    for indices in duplicates.copies(known):
        across, conflict = _splits(indices, samples) > 1, _conflict(indices, samples)
        if across:
            found["copies_across_splits"].append(_one_of_each(indices, samples))
        if conflict:
            found["label_conflicts"].append(_one_of_each(indices, samples))
        if not across and not conflict and _classes(indices, samples) == 1:
            found["copies_within"].append(indices)
    groups = [sample.group for sample in samples]
    for indices in duplicates.near_duplicates(known, [s.path for s in samples], groups):
        across, classes = _splits(indices, samples) > 1, _classes(indices, samples) > 1
        if across:
            found["near_across_splits"].append(_one_of_each(indices, samples))
        if classes:
            found["near_across_classes"].append(_one_of_each(indices, samples))
        if not across and not classes:
            found["near_within"].append(indices)
    kinds = ("copies_across_splits", "label_conflicts", "copies_within")
    near = ("near_across_splits", "near_across_classes", "near_within")
    return {kind: Alike.of(found[kind], paths) for kind in (*kinds, *near)}


def _splits(indices: Sequence[int], samples: Sequence[Sample]) -> int:
    return len({samples[index].split for index in indices})


def _classes(indices: Sequence[int], samples: Sequence[Sample]) -> int:
    return len({samples[index].label for index in indices})


def _conflict(indices: Sequence[int], samples: Sequence[Sample]) -> bool:
    """Tell whether equal pictures are real and fake, other than within one group.

    A fake that was left as its original is the business of whoever made the pair.
    """
    groups = {samples[index].group for index in indices}
    return _classes(indices, samples) > 1 and len(groups) > 1


def _one_of_each(indices: Sequence[int], samples: Sequence[Sample]) -> list[int]:
    """Put one image of each split and class first: those that show what is wrong."""
    first: dict[tuple[str, int], int] = {}
    for index in indices:
        first.setdefault((samples[index].split, samples[index].label), index)
    order = sorted(first, key=lambda key: (SPLITS.index(key[0]), key[1]))
    shown = [first[key] for key in order]
    rest = set(indices) - set(shown)
    return shown + sorted(rest)
