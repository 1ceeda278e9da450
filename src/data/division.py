"""The validation images in two: some choose epochs and settings, the others only calibrate."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from src.data.names import CLASSES
from src.data.splits import Sample, uniform

CALIBRATION = "calibration"
# Groups of a source and class that must be left to choose by, if more than half of them calibrate.
SPARED = 10


def divide(samples: Sequence[Sample], reals: int, fakes: int, seed: int = 0) -> list[Sample]:
    """Set a part of the validation images apart for calibration, by whole groups.

    At least half of the groups of each source and class are set apart, and as many as a promise
    takes where that leaves some to choose by.

    Args:
        reals, fakes: how many groups of each class, of one source, the promise takes.

    Returns:
        The same images in the same order; those that are set apart have the split `calibration`.
        Where either part would lack a class that the validation images have, none is set apart.
    """
    kinds: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for sample in samples:
        if sample.split == "validation":
            kinds[sample.group].add((sample.source, sample.label))
    there = Counter(kind for found in kinds.values() for kind in found)
    wanted = Counter(
        {(source, label): _share(n, (reals, fakes)[label]) for (source, label), n in there.items()}
    )

    def order(group: str) -> tuple[bool, float, str]:
        # Groups with both classes come first: later, one half could be over its number.
        return len(kinds[group]) == 1, uniform(seed, f"{CALIBRATION}:{group}"), group

    apart = set()
    for group in sorted(kinds, key=order):
        if any(wanted[kind] > 0 for kind in kinds[group]):
            wanted.subtract(kinds[group])
            apart.add(group)
    divided = [
        replace(sample, split=CALIBRATION)
        if sample.split == "validation" and sample.group in apart
        else sample
        for sample in samples
    ]
    parts = _classes(divided, CALIBRATION), _classes(divided, "validation")
    whole = all(part == _classes(samples, "validation") for part in parts)
    return divided if whole and len(parts[0]) == len(CLASSES) else list(samples)


def _share(groups: int, needed: int) -> int:
    """Return how many groups of one source and class are set apart."""
    half = math.ceil(groups / 2) if groups > 1 else 0
    return max(half, needed) if groups >= needed + SPARED else half


def _classes(samples: Iterable[Sample], split: str) -> set[int]:
    return {sample.label for sample in samples if sample.split == split}
