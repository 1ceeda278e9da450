"""Does the evidence for *fake* lie in the region that is known to be manipulated?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.evaluation.heatmaps import controls
from src.evaluation.heatmaps.controls import Compared


@dataclass(frozen=True)
class Localisation:
    """Heatmaps for *fake* against masks of what was manipulated."""

    # Share of images in which the map's maximum lies in the mask (the pointing game of Zhang et
    # al., Top-Down Neural Attention by Excitation Backprop, IJCV 2018).
    pointing: Compared
    inside: Compared  # share of the map that lies in the mask
    area: float  # share of the frame that the mask takes: what either would be without any skill


def measure(
    heats: np.ndarray, masks: Sequence[np.ndarray | None], seed: int
) -> Localisation | None:
    """Compare the heatmaps of those images that have a mask.

    Args:
        heats: `(N, h, w)` for *fake*, not negative.
        masks: N of `(H, W)` bool, or None; one without a pixel counts as None.

    Returns:
        None where no image has a mask.
    """
    rng = np.random.default_rng(seed)
    hits, shares, areas = [], [], []
    for heat, mask in zip(heats, masks, strict=True):
        if mask is None or not mask.any():
            continue
        maps = controls.beside(heat, mask.shape, rng)
        hits.append([_points_inside(mask, one) for one in maps])
        shares.append([share_inside(mask, one) for one in maps])
        areas.append(mask.mean())
    if not areas:
        return None
    return Localisation(
        controls.compare(np.array(hits), seed=seed),
        controls.compare(np.array(shares), seed=seed),
        float(np.mean(areas)),
    )


def share_inside(mask: np.ndarray, heat: np.ndarray) -> float:
    """Return the share of a heatmap that lies inside a mask; 0 of one that is zero everywhere.

    Args:
        mask: `(H, W)` bool.
        heat: `(h, w)`, not negative; brought to the mask's size.
    """
    large = controls.enlarge(heat, mask.shape)
    total = float(large.sum())
    return float(large[mask].sum()) / total if total > 0 else 0.0


def _points_inside(mask: np.ndarray, heat: np.ndarray) -> float:
    """Return whether the maximum lies in the mask: a share where several pixels have it.

    A map that is zero everywhere points nowhere.
    """
    highest = heat.max()
    return float(mask[heat == highest].mean()) if highest > 0 else 0.0
