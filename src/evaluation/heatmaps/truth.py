"""Where the manipulated region of a fake is known: from a mask, or from the frame it was made from.

A fake frame and its original differ in the manipulated region, and a little everywhere, because
both were compressed. Many pairs do not match at all: the fake was rendered with other timing or
framing, so that hair and background differ, too. These and the fakes that look untouched have no
known region. Where a fake happens to look as its original did, a region found in this way is
smaller than what was replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data import groups, layout, pixels
from src.data.splits import Sample

MASKS = "masks"
# The difference is smoothed by a Gaussian of this standard deviation, closed over gaps up to the
# second width and cleared of specks below the third; all in shares of the shorter side. By the
# smoothing, regions of strong differences grow by up to two standard deviations.
SMOOTHING, GAP, SPECK = 0.02, 0.10, 0.04
# A swapped region lies inside the frame. Along the border, a strip of this share of the shorter
# side, a matching pair differs by compression noise alone: three quarters of the strip by at most
# this many grey levels (0-255, mean over the channels). In 1,000 pairs of DFDC face crops the
# strips of 71 % are below, most of them below 5; those of pairs that do not match reach 15 to 100.
BORDER, MOST_AT_BORDER = 1 / 16, 10.0
# What differs by twice the strip's median, and by at least so many grey levels, is manipulated.
NOISE_RATIO, LEAST_DIFFERENCE = 2.0, 4.0
# In DFDC pairs that look alike to the eye, specks on eyes and mouth of up to 9 % of the frame are
# left; the smallest region of a visible swap has 12 %.
SMALLEST_AREA = 0.10
# A piece with less than this share of the largest piece's area is noise.
SMALLEST_PIECE = 0.25


@dataclass(frozen=True)
class Truth:
    """The files that tell where a fake was manipulated: one of `mask_file` and `original`."""

    fake: Path
    mask_file: Path | None = None  # a picture, brighter than 127 where it was manipulated
    original: Path | None = None

    def mask(self) -> np.ndarray | None:
        """Return the manipulated region, `(H, W)` bool in the pixels of the fake image.

        None where nothing of it can be seen, or where the files do not match.

        Raises:
            ImageError: one of the files cannot be read.
        """
        fake = pixels.read(self.fake)
        if self.mask_file is None:
            assert self.original is not None, "a truth has a mask or an original"
            return difference(fake, pixels.read(self.original))
        mask = pixels.read(self.mask_file)[..., 0] > 127
        return mask if mask.shape == fake.shape[:2] and mask.any() else None


def find(data_dirs: Sequence[str | Path], samples: Sequence[Sample]) -> dict[Path, Truth]:
    """Find the fakes that have a mask or a known original; no image is read.

    Masks are at `masks/{split}/fake/{name}.png` beside `{split}/fake/{name}.jpg`, as `forge` and
    the drawn sample have them; originals are named by `pairs.csv`. A mask goes first.

    Returns:
        The truth by `Sample.path`, for those fakes that have one.

    Raises:
        InputError: a `pairs.csv` names what is not there or contradicts itself.
    """
    found: dict[Path, Truth] = {}
    for root in (layout.root(Path(folder)) for folder in data_dirs):
        made_from = groups.originals(root, layout.files(root, pixels.EXTENSIONS))
        for sample in samples:
            if sample.label == 0 or not sample.path.is_relative_to(root):
                continue
            name = sample.path.relative_to(root)
            mask_file = (root / MASKS / name).with_suffix(".png")
            if mask_file.is_file():
                found[sample.path] = Truth(sample.path, mask_file=mask_file)
            elif name.as_posix() in made_from:
                original = root / made_from[name.as_posix()]
                found[sample.path] = Truth(sample.path, original=original)
    return found


def difference(fake: np.ndarray, original: np.ndarray) -> np.ndarray | None:
    """Tell the manipulated region from the real frame that a fake was made from.

    Args:
        fake: `(H, W, 3)` uint8 RGB.
        original: the same; of another size it does not match.

    Returns:
        `(H, W)` bool; None where nothing of it can be seen, or where the two do not match.
    """
    import cv2

    if fake.shape != original.shape:
        return None
    levels = np.abs(fake.astype(np.float32) - original).mean(axis=-1)
    side = min(levels.shape)
    smooth = cv2.GaussianBlur(levels, (0, 0), SMOOTHING * side)
    strip = smooth[_border(smooth.shape)]
    if np.quantile(strip, 0.75) > MOST_AT_BORDER:
        return None
    threshold = max(LEAST_DIFFERENCE, NOISE_RATIO * float(np.median(strip)))
    mask = _tidy(smooth > threshold)
    return mask if mask.mean() >= SMALLEST_AREA else None


def _border(shape: tuple[int, ...]) -> np.ndarray:
    width = max(1, round(BORDER * min(shape)))
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    return border


def _tidy(marked: np.ndarray) -> np.ndarray:
    """Close gaps, drop specks and small pieces, and fill holes.

    A swapped cheek may look like the one that it covers; it was swapped all the same.
    """
    import cv2

    side = min(marked.shape)
    gap, speck = (
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        for radius in (round(share * side / 2) for share in (GAP, SPECK))
    )
    # A frame around it, because OpenCV's closing would join pieces to the image's edge.
    margin = len(gap)
    closed = cv2.morphologyEx(np.pad(marked.astype(np.uint8), margin), cv2.MORPH_CLOSE, gap)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, speck)
    pieces, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(piece) for piece in pieces]
    kept = [
        piece
        for piece, area in zip(pieces, areas, strict=True)
        if area >= SMALLEST_PIECE * max(areas)
    ]
    filled = np.zeros(opened.shape, np.uint8)
    cv2.drawContours(filled, kept, -1, color=1, thickness=-1)
    return filled[margin:-margin, margin:-margin].astype(bool)
