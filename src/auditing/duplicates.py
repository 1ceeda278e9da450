"""Pictures that are there twice: equal pixels, or nearly equal ones."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from src.auditing.facts import Facts
from src.data import pixels

# Bits of 64 in which the perceptual hashes, and the difference hashes, of candidates may differ.
PERCEPTUAL_BITS = 8
DIFFERENCE_BITS = 12
# Candidates a hash has at most, and pictures with one hash that stand for the rest of them: with
# ten thousand nearly equal pictures, comparing each with each would never end.
NEIGHBOURS = 64
LEADERS = 4
BLOCK = 256
# Candidates are compared as squares of so many pixels.
COMPARED_SIZE = 64
MIN_CORRELATION = 0.97
# Below this standard deviation (levels of 255) a picture is flat and correlation means nothing.
FLAT = 2.0
# At least two pictures a pair, or what was just decoded would be gone when it is compared.
KEPT = 4096
COMPARED_AT_ONCE = 1024


def copies(facts: Facts) -> list[list[int]]:
    """Return the sets of files whose decoded pixels are equal, as equal files' are."""
    known = np.flatnonzero(facts.readable)
    _, number = np.unique(facts.pixels[known], axis=0, return_inverse=True)
    return _sets(known, number)


def near_duplicates(facts: Facts, paths: Sequence[Path], groups: Sequence[str]) -> list[list[int]]:
    """Return sets of pictures that nearly equal another one: scaled, compressed anew, retouched.

    Candidates are close by the perceptual hash (Hamming distance, in a faiss index) and by the
    difference hash; they are decoded again and compared by their pixels. What belongs to one group
    is not compared: a fake is meant to look like the frame that it was made from. Copies count as
    one picture, and a set of copies alone is no set of near-duplicates.

    Args:
        groups: `(N,)` what belongs together.
    """
    from scipy.cluster.hierarchy import DisjointSet

    known = np.flatnonzero(facts.readable)
    if not len(known):
        return []
    _, first, number = np.unique(
        facts.pixels[known], axis=0, return_index=True, return_inverse=True
    )
    originals = known[first]
    family = np.unique(np.asarray(groups)[originals], return_inverse=True)[1]
    joined = DisjointSet(range(len(originals)))

    @lru_cache(KEPT)
    def look(index: int) -> np.ndarray:
        return pixels.load(paths[originals[index]], COMPARED_SIZE)

    for candidates in _candidates(facts.hashes[originals], family):
        pairs = [(a, b) for a, b in candidates.tolist() if not joined.connected(a, b)]
        with ThreadPoolExecutor() as pool:
            list(pool.map(look, {index for pair in pairs for index in pair}))
        for a, b in pairs:
            if not joined.connected(a, b) and _alike(look(a), look(b)):
                joined.merge(a, b)
    roots = np.array([joined[index] for index in range(len(originals))])
    lonely = np.bincount(roots, minlength=len(roots))[roots] == 1
    belongs = ~lonely[number]
    return _sets(known[belongs], roots[number[belongs]])


def _sets(indices: np.ndarray, number: np.ndarray) -> list[list[int]]:
    """Return the indices that share a number, where more than one does; the largest sets first."""
    order = np.argsort(number, kind="stable")
    cuts = np.flatnonzero(np.diff(number[order])) + 1
    sets = [part.tolist() for part in np.split(indices[order], cuts) if len(part) > 1]
    return sorted(sets, key=lambda members: (-len(members), members))


def _candidates(hashes: np.ndarray, family: np.ndarray) -> Iterator[np.ndarray]:
    """Yield blocks of `(pairs, 2)` int positions whose hashes are close, of different families.

    Args:
        hashes: `(N, 2, 8)` uint8.
        family: `(N,)` int.
    """
    import faiss

    codes, number = np.unique(hashes[:, 0], axis=0, return_inverse=True)
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(len(codes) + 1))
    leaders = [order[a : min(a + LEADERS, b)] for a, b in pairwise(starts)]
    for start in range(0, len(hashes), BLOCK):
        members = range(start, min(start + BLOCK, len(hashes)))
        within = [(one, other) for one in members for other in leaders[number[one]] if other < one]
        yield from _close(within, hashes, family)
    index = faiss.IndexBinaryFlat(64)
    index.add(codes)
    for start in range(0, len(codes), BLOCK):
        block = codes[start : start + BLOCK]
        distances, found = index.search(block, min(NEIGHBOURS, len(codes)))
        rows, ranks = np.nonzero((distances <= PERCEPTUAL_BITS) & (found >= 0))
        across = [
            (one, other)
            for a, b in zip(rows + start, found[rows, ranks], strict=True)
            if a != b
            for one in leaders[a]
            for other in leaders[b]
        ]
        yield from _close(across, hashes, family)


def _close(
    found: list[tuple[int, int]], hashes: np.ndarray, family: np.ndarray
) -> Iterator[np.ndarray]:
    """Yield the pairs of different families whose difference hashes are close, each once."""
    pairs = np.array(found, int).reshape(-1, 2)
    one, other = pairs.min(axis=1), pairs.max(axis=1)
    bits = np.bitwise_count(hashes[one, 1] ^ hashes[other, 1]).sum(axis=1)
    keep = (family[one] != family[other]) & (bits <= DIFFERENCE_BITS)
    close = np.unique(np.stack([one[keep], other[keep]], axis=1), axis=0)
    for start in range(0, len(close), COMPARED_AT_ONCE):
        yield close[start : start + COMPARED_AT_ONCE]


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Compare two small pictures, whatever their brightness and contrast."""
    a, b = one.astype(np.float32), other.astype(np.float32)
    if min(a.std(), b.std()) < FLAT:
        return bool(np.abs(a - b).mean() < FLAT)
    a, b = a - a.mean(axis=(0, 1)), b - b.mean(axis=(0, 1))
    scale = np.sqrt(np.sum(a * a) * np.sum(b * b))
    return bool(np.sum(a * b) >= MIN_CORRELATION * scale)
