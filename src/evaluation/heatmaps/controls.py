"""What a heatmap must beat: a random map as coarse as itself, and a blob in the centre.

Faces stand in the centre, and so does what is manipulated: a map that always marks the centre
looks good without knowing anything. A number of a map says nothing before it is set beside the
same number of these two.
"""

from dataclasses import dataclass

import numpy as np

from src.intervals import Estimate, estimate

# The bootstrap's intervals are too narrow below; of one image it has no width at all.
FEWEST = 20
# All numbers are shares or probabilities; a smaller gain is nothing to a reader, however sure. The
# score of a network with random weights moves by thousandths, and exactly where its map says.
SMALLEST_GAIN = 0.02


@dataclass(frozen=True)
class Compared:
    """A number of the heatmaps beside that of the two controls: means over images."""

    images: int
    evidence: Estimate  # of the evidence maps
    random: float  # of a random map for each image, as coarse as the evidence map
    blob: float  # of a Gaussian in the centre, see `centred_blob`
    over_random: Estimate  # evidence minus random, image by image
    over_blob: Estimate  # evidence minus blob
    lower_is_better: bool = False  # a good map has a low number

    def gain(self, over: Estimate) -> float:
        """Return the mean of a difference, positive where the evidence map is the better one."""
        return -over.value if self.lower_is_better else over.value

    def beats(self, over: Estimate) -> bool | None:
        """Tell whether the gain over a control is sure and noticeable.

        Its interval excludes zero and it is at least `SMALLEST_GAIN`; None with fewer than `FEWEST`
        images.
        """
        if self.images < FEWEST:
            return None
        sure = over.high < 0 if self.lower_is_better else over.low > 0
        return sure and self.gain(over) >= SMALLEST_GAIN


def compare(values: np.ndarray, *, lower_is_better: bool = False, seed: int = 0) -> Compared:
    """Compare a number of each image's evidence map with that of its controls.

    Args:
        values: `(N, 3)` one row an image: of the evidence map, the random map and the blob.
    """
    evidence, random, blob = np.asarray(values, float).T
    return Compared(
        images=len(values),
        evidence=mean(evidence, seed=seed),
        random=float(random.mean()),
        blob=float(blob.mean()),
        over_random=mean(evidence - random, seed=seed),
        over_blob=mean(evidence - blob, seed=seed),
        lower_is_better=lower_is_better,
    )


def mean(values: np.ndarray, *, seed: int = 0) -> Estimate:
    """Return the mean of `(N,)` numbers with its bootstrap interval over the images."""
    alike = np.zeros(len(values), int)
    return estimate(lambda times: float(times @ values / len(values)), alike, seed=seed)


def beside(heat: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return a heatmap and its two controls in the size of an image.

    Args:
        heat: `(h, w)`, not negative.
        shape: `(H, W)` in pixels.

    Returns:
        `(3, H, W)` float32: the heatmap, a random map of `(h, w)` uniform numbers, both enlarged
        by linear interpolation, and the blob.
    """
    coarse = (heat, rng.random(heat.shape))
    return np.stack([*(enlarge(one, shape) for one in coarse), centred_blob(shape)], dtype="f4")


def enlarge(heat: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring an `(h, w)` map to `(H, W)` float32 by linear interpolation."""
    import cv2

    height, width = shape
    return cv2.resize(heat.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def centred_blob(shape: tuple[int, ...]) -> np.ndarray:
    """Return a Gaussian in the centre, a quarter of the frame wide.

    Args:
        shape: `(H, W)` in pixels.

    Returns:
        `(H, W)` float64 with maximum near 1.
    """
    rows, columns = (np.linspace(-0.5, 0.5, side) / 0.25 for side in shape)
    return np.exp(-0.5 * (rows[:, None] ** 2 + columns[None, :] ** 2))
