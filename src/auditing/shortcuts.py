"""Can the classes be told apart without looking at a face? Two small models try."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.auditing import container, content
from src.intervals import Estimate, auc, auc_over_groups, group_kinds

FOLDS = 5
# With fewer images of a class, chance alone can look like a shortcut.
MIN_IMAGES = 10
MAX_LEAVES = 32
# A leaf that holds less than this share of the images is noise.
LEAF_SHARE = 0.01
MIN_LEAF = 3
EXTREMES = 4
# More images than this make the answer slower, not better.
MAX_IMAGES = 20_000

_Model = Callable[[np.ndarray], np.ndarray]
_Fit = Callable[[np.ndarray, np.ndarray], _Model]


@dataclass(frozen=True)
class Shortcut:
    """How well one kind of facts tells the classes apart."""

    auc: Estimate  # of scores for images that the model was not fitted on, with its 95 % interval
    cues: dict[str, float]  # the same number for each cue alone, the strongest first
    typical: tuple[str, str]  # what the strongest cue mostly is in real and in fake images
    # The images that give themselves away the most, real and fake.
    extremes: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def strongest(self) -> str:
        """The cue that separates best on its own."""
        return next(iter(self.cues))


def enough(labels: np.ndarray) -> bool:
    """Tell whether there are enough images of both classes to judge."""
    return bool(np.bincount(labels, minlength=2).min() >= MIN_IMAGES)


def in_container(
    facts: np.ndarray, labels: np.ndarray, groups: Sequence[str], names: Sequence[str]
) -> Shortcut:
    """Measure what the container facts give away, by a decision tree.

    Args:
        facts: `(N, container.COLUMNS)`.
        labels: `(N,)` int, 1 fake, 0 real; see `enough`.
        groups: `(N,)` what belongs together: never fitted on one half and scored on the other.
    """
    return _measure(facts, labels, groups, names, container.CUES, _fit_tree, container.describe)


def in_content(
    statistics: np.ndarray, labels: np.ndarray, groups: Sequence[str], names: Sequence[str]
) -> Shortcut:
    """Measure what the content statistics `(N, 6)` give away, by the baseline detector."""
    cues = {name: (column,) for column, name in enumerate(content.STATISTICS)}

    def describe(cue: str, rows: np.ndarray) -> str:
        return f"{np.median(rows[:, cues[cue]]):.3g} in the middle"

    return _measure(statistics, labels, groups, names, cues, _fit_baseline, describe)


def _measure(
    values: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str],
    names: Sequence[str],
    cues: Mapping[str, tuple[int, ...]],
    fit: _Fit,
    describe: Callable[[str, np.ndarray], str],
) -> Shortcut:
    # Where a few groups hold a class, leaving groups out could leave too little of it.
    if len(labels) > MAX_IMAGES and enough(labels[some := _whole_groups(groups)]):
        values, labels = values[some], labels[some]
        groups, names = [groups[i] for i in some], [names[i] for i in some]
    folds = _folds(labels, np.asarray(groups))
    scores = _out_of_fold(values, labels, folds, fit)
    alone = {
        cue: auc(labels, _out_of_fold(values[:, columns], labels, folds, fit))
        for cue, columns in cues.items()
    }
    ranked = dict(sorted(alone.items(), key=lambda item: -item[1]))
    typical = [describe(next(iter(ranked)), values[labels == label]) for label in (0, 1)]
    by_score = np.argsort(scores, kind="stable")
    real = [names[i] for i in by_score if labels[i] == 0][:EXTREMES]
    fake = [names[i] for i in by_score[::-1] if labels[i] == 1][:EXTREMES]
    return Shortcut(
        auc_over_groups(labels, scores, groups),
        ranked,
        (typical[0], typical[1]),
        (tuple(real), tuple(fake)),
    )


def _whole_groups(groups: Sequence[str]) -> np.ndarray:
    """Choose whole groups at random, with `MAX_IMAGES` images or a few more."""
    number = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(number)
    order = np.random.default_rng(0).permutation(len(sizes))
    chosen = order[: np.searchsorted(np.cumsum(sizes[order]), MAX_IMAGES) + 1]
    return np.flatnonzero(np.isin(number, chosen))


def _folds(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the fold of each image, 0 to `FOLDS` - 1: groups stay whole, classes are spread.

    Where one group holds a whole class, leaving it out would leave nothing to learn from; then
    images are spread one by one.
    """
    number = np.unique(groups, return_inverse=True)[1]
    kinds = group_kinds(labels, number)
    if min(np.sum(kinds & 1 > 0), np.sum(kinds & 2 > 0)) < FOLDS:
        number, kinds = np.arange(len(labels)), 1 + labels
    rng = np.random.default_rng(0)
    order = rng.permutation(len(kinds))
    order = order[np.argsort(kinds[order], kind="stable")]
    folds = np.empty(len(kinds), int)
    folds[order] = np.arange(len(kinds)) % FOLDS
    return folds[number]


def _out_of_fold(
    values: np.ndarray, labels: np.ndarray, folds: np.ndarray, fit: _Fit
) -> np.ndarray:
    """Return for each image the score of a model that was fitted on the other folds.

    Facts that are the same for all images score alike in every fold, since the classes are
    weighed to count alike: an AUC of exactly one half.
    """
    scores = np.zeros(len(labels))
    if (values == values[:1]).all():
        return scores
    for fold in range(FOLDS):
        held_out = folds == fold
        scores[held_out] = fit(values[~held_out], labels[~held_out])(values[held_out])
    return scores


def _fit_tree(values: np.ndarray, labels: np.ndarray) -> _Model:
    from sklearn.tree import DecisionTreeClassifier

    leaf = max(MIN_LEAF, int(LEAF_SHARE * len(labels)))
    tree = DecisionTreeClassifier(
        max_leaf_nodes=MAX_LEAVES, min_samples_leaf=leaf, class_weight="balanced", random_state=0
    )
    tree.fit(values, labels)
    return lambda rows: tree.predict_proba(rows)[:, 1]


def _fit_baseline(values: np.ndarray, labels: np.ndarray) -> _Model:
    names = [str(column) for column in range(values.shape[1])]
    return content.fit(values, labels, names).logit
