"""What part of an image the network judges: each face as faces stood in the training images."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from src import InputError
from src.data import pixels
from src.data.corruptions import mild
from src.data.faces import Face, Finder, crop_box, framing_of
from src.detector import verdict

log = logging.getLogger(__name__)

FACES = ("auto", "largest", "all", "off")
# A face is framed as in training where it fills the frame to within this factor, and a frame is a
# square where its sides differ by no more.
ALIKE, SQUARE = 1.25, 1.1
# Images in which the framing of a training set is measured, and the share of them that must show
# a face for its median to mean something.
MEASURED, WITH_FACE = 100, 0.5


@dataclass(frozen=True)
class View:
    """A part of an image that is judged."""

    # Left, top, width, height in pixels of the upright image, inside it.
    box: tuple[int, int, int, int]
    face: Face | None = None  # the face in it; None where none was looked for or found
    reasons: tuple[str, ...] = ()  # `no_face`, or empty

    def cut(self, image: np.ndarray) -> np.ndarray:
        """Return this part of the image, `(H, W, 3)` uint8 RGB: `(h, w, 3)`, not a copy."""
        left, top, width, height = self.box
        return image[top : top + height, left : left + width]

    def inputs(
        self,
        image: np.ndarray,
        side: int,
        stability: int = 0,
        scale: Callable[[np.ndarray, int], np.ndarray] = pixels.resize,
    ) -> list[np.ndarray]:
        """Return this part as the network gets it: as it is, then after mild re-encodings.

        Args:
            image: `(H, W, 3)` uint8 RGB, upright.
            side: of the network's square in pixels.
            stability: how many re-encodings.
            scale: brings a part to that square; see `pixels.resize`.

        Returns:
            1 + `stability` images, `(side, side, 3)` uint8 RGB each.
        """
        cut = self.cut(image)
        return [scale(one, side) for one in (cut, *(mild(cut, n) for n in range(stability)))]


@dataclass(frozen=True)
class Framing:
    """How faces are found and framed."""

    # What part of a frame's width the face fills; None takes every image whole.
    share: float | None = None
    # One of `FACES`. `auto` judges every face, and leaves an image as it is whose largest face is
    # framed already; `largest` is the same for the largest face alone; `all` cuts out every face;
    # `off` takes the whole image for the face.
    faces: str = "off"
    # None where no faces are looked for.
    finder: Finder | None = field(default=None, compare=False, repr=False)

    @classmethod
    def in_training(cls, share: float | None) -> "Framing":
        """Return how images are framed around their largest face, or taken whole (None)."""
        return cls() if share is None else cls(share, "largest", Finder.from_package())

    def views(self, image: np.ndarray) -> list[View]:
        """Return the parts of an image to judge, the largest face first; at least one.

        Args:
            image: `(H, W, 3)` uint8 RGB, upright.
        """
        whole = (0, 0, image.shape[1], image.shape[0])
        if self.faces == "off" or self.share is None:
            return [View(whole)]
        assert self.finder is not None, "faces are looked for"
        found = self.finder.find(image)
        if not found:
            return [View(whole, None, (verdict.NO_FACE,))]
        views = [View(crop_box(image.shape, face, self.share), face) for face in found]
        if self.faces != "all" and self._fits(image.shape, found[0]):
            views[0] = View(whole, found[0])
        return views[:1] if self.faces == "largest" else views

    def _fits(self, shape: tuple[int, ...], face: Face) -> bool:
        """Tell whether an image is framed around its face as the training images were."""
        assert self.share is not None
        sides = sorted(shape[:2])
        ratio = framing_of(shape, face) / self.share
        return sides[1] <= SQUARE * sides[0] and 1 / ALIKE <= ratio <= ALIKE

    def load(self, content: bytes, size: int, name: str) -> np.ndarray:
        """Read an image and scale its first view to the network's square; see `pixels.load`.

        Args:
            content: of the file.
            size: side of the square in pixels.
            name: what the file goes by in messages.

        Returns:
            `(size, size, 3)` uint8 RGB.
        """
        image = pixels.read(content, name)
        return self.views(image)[0].inputs(image, size)[0]


def require(faces: str, share: float | None) -> None:
    """Refuse to cut out faces for a detector that was trained on whole images.

    Raises:
        InputError: `faces` is unknown, or asks for a framing that the card does not have.
    """
    if faces not in FACES:
        raise InputError(f"faces: expected one of {', '.join(FACES)}, got {faces!r}")
    if share is None and faces in ("largest", "all"):
        raise InputError(
            f"--faces {faces}: this detector was trained on whole images and its card has no "
            "framing; give auto or off"
        )


@dataclass(frozen=True)
class Measured:
    """How much of the frame faces fill in a set of images."""

    # The median over the images with a face, in (0, 1]; None where less than half of the images
    # have one.
    share: float | None
    images: int  # number of images that were looked at
    with_face: int  # number of those in which a face was found


def measure_framing(paths: Sequence[Path], finder: Finder, seed: int = 0) -> Measured:
    """Measure how much of the frame the face fills in a set of images.

    Args:
        paths: the images; those that cannot be read are passed over.
        seed: of the choice of at most `MEASURED` images.
    """
    chosen = np.random.default_rng(seed).permutation(len(paths))[:MEASURED]
    shares = []
    readable = 0
    for path in (paths[i] for i in chosen):
        try:
            image = pixels.read(path)
        except pixels.ImageError:
            continue
        readable += 1
        if found := finder.find(image):
            shares.append(framing_of(image.shape, found[0]))
    enough = len(shares) >= max(1, WITH_FACE * readable)
    share = min(1.0, float(np.median(shares))) if enough else None
    return Measured(share, readable, len(shares))


def training_share(
    paths: Sequence[Path], faces: str, share: float | None, seed: int = 0
) -> float | None:
    """Settle what part of the frame's width the face fills in training, in (0, 1].

    Args:
        paths: the training images, in which it is measured.
        faces: `off` takes every image whole, and anything else the largest face.
        share: what was asked for; None: as most of the images are framed.

    Returns:
        The share; None where images are taken whole.
    """
    if faces == "off" or share is not None:
        return share
    measured = measure_framing(paths, Finder.from_package(), seed)
    if measured.share is None:
        log.warning(
            "a face was found in %d of %d training images: every image is taken whole, in training "
            "and later (--faces off says so without looking)",
            measured.with_face,
            measured.images,
        )
    else:
        log.info(
            "faces fill %.2f of the frame (median of %d images)", measured.share, measured.with_face
        )
    return measured.share
