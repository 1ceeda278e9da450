"""The cascade of MTCNN: from an image to face boxes with five landmarks, in NumPy.

Zhang, Zhang, Li and Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", IEEE Signal Processing Letters 23(10), 2016. P-Net proposes windows at
every scale of an image pyramid, R-Net rejects most of them, O-Net decides and places the
landmarks; each corrects the boxes, and overlapping ones are merged after it.

Boxes are (n, 4) float64: left, top, right, bottom in pixels, where 0 is the outer edge of the
first pixel and the width of the image that of the last.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

WINDOW = 12  # side of P-Net's window in pixels
STRIDE = 2  # pixels between its windows
FACTOR = 0.709  # between two scales of the pyramid: half the area
# Probabilities below which a stage rejects.
PROPOSE, REFINE, DECIDE = 0.6, 0.7, 0.85
# Overlaps above which the less probable of two boxes goes: within a scale, between scales, and
# of R-Net as intersection over union, of O-Net as the share of the smaller box.
SAME_SCALE, ALL_SCALES, REFINED, DECIDED = 0.5, 0.7, 0.7, 0.7
OUTSIDE = (127, 127, 127)  # what a window sees beyond the image: zero, after scaling

# Takes (n, H, W, 3) uint8 RGB and gives the outputs by name, as `mtcnn_networks.build` says.
Network = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Detections:
    """The faces of one image."""

    boxes: np.ndarray  # (n, 4) float64; they may stick out of the image
    scores: np.ndarray  # (n,) float64 in [0, 1], descending
    landmarks: np.ndarray  # (n, 5, 2) float64, x and y in pixels


def detect(image: np.ndarray, networks: Mapping[str, Network], smallest: float) -> Detections:
    """Find the faces in an image.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255], upright.
        networks: `pnet`, `rnet` and `onet`.
        smallest: side of the smallest face that is looked for, in pixels.
    """
    levels = halvings(image)
    boxes = _propose(levels, networks["pnet"], smallest)
    seen = _look(levels, _square(boxes), networks["rnet"], 24)
    boxes, ranks = _calibrate(_square(boxes), seen, REFINE)
    boxes = boxes[suppress(boxes, ranks, REFINED)]
    return decide(levels, _square(boxes), networks["onet"])


def decide(levels: list[np.ndarray], boxes: np.ndarray, onet: Network) -> Detections:
    """Run the last stage on windows of an image.

    Args:
        levels: what `halvings` made of the image.
        boxes: `(n, 4)` float, square: left, top, right, bottom in pixels of the image.
        onet: the network of that stage.
    """
    seen = _look(levels, boxes, onet, 48)
    accepted = seen["probability"] > DECIDE
    landmarks = _place(boxes, seen["landmarks"])[accepted]
    scores = seen["probability"][accepted].astype(np.float64)
    boxes, ranks = _calibrate(boxes, seen, DECIDE)
    kept = suppress(boxes, ranks, DECIDED, of_smaller=True)
    return Detections(boxes[kept], scores[kept], landmarks[kept])


def halvings(image: np.ndarray) -> list[np.ndarray]:
    """Return the image, half of it, a quarter ..., so that nothing shrinks by more than 2 later.

    Plain bilinear sampling is then free of aliasing at any scale, and its cost does not depend
    on the size of the window.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255].

    Returns:
        At least one image, each (h, w, 3) uint8 RGB and contiguous, the whole one first.
    """
    import cv2

    levels = [np.ascontiguousarray(image)]
    while min(levels[-1].shape[:2]) >= 2 * WINDOW:
        height, width = levels[-1].shape[:2]
        half = ((width + 1) // 2, (height + 1) // 2)
        levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
    return levels


def _level(levels: list[np.ndarray], scale: float) -> np.ndarray:
    """Return the smallest of the halvings that need not be enlarged for a scale."""
    halved = int(np.floor(-np.log2(min(scale, 1)) + 1e-9))
    return levels[min(halved, len(levels) - 1)]


def scales(height: int, width: int, smallest: float) -> Iterator[float]:
    """Yield the scales of the pyramid, down to where the image is as small as P-Net's window."""
    scale = WINDOW / smallest
    while min(height, width) * scale >= WINDOW:
        yield scale
        scale *= FACTOR


def _propose(levels: list[np.ndarray], pnet: Network, smallest: float) -> np.ndarray:
    import cv2

    height, width = levels[0].shape[:2]
    boxes, ranks = [np.empty((0, 4))], [np.empty(0)]
    for scale in scales(height, width, smallest):
        size = round(width * scale), round(height * scale)
        scaled = cv2.resize(_level(levels, scale), size, interpolation=cv2.INTER_LINEAR)
        output = pnet(scaled[None])
        found, rank = _windows({name: values[0] for name, values in output.items()})
        found *= np.tile((width / size[0], height / size[1]), 2)
        kept = suppress(found, rank, SAME_SCALE)
        boxes.append(found[kept])
        ranks.append(rank[kept])
    found, rank = np.concatenate(boxes), np.concatenate(ranks)
    return found[suppress(found, rank, ALL_SCALES)]


def _windows(seen: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes that P-Net proposes at one scale, in its pixels, and their ranks."""
    rows, columns = np.nonzero(seen["probability"] > PROPOSE)
    corner = STRIDE * np.stack([columns, rows, columns, rows], axis=1)
    corrected = corner + (0, 0, WINDOW, WINDOW) + WINDOW * seen["offsets"][:, rows, columns].T
    return corrected.astype(np.float64), _rank(seen)[rows, columns]


def _rank(seen: dict[str, np.ndarray]) -> np.ndarray:
    """Return by what windows are ranked: their logits, where the networks give them.

    Probabilities near 1 are alike to the last bit, so that a rounding, which every processor and
    runtime does in its own way, would choose the box.
    """
    return seen.get("logits", seen["probability"]).astype(np.float64)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Widen each box around its centre to a square, of one pixel at least."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _look(
    levels: list[np.ndarray], boxes: np.ndarray, network: Network, side: int
) -> dict[str, np.ndarray]:
    """Run R-Net or O-Net on what is inside the boxes, all at once."""
    patches = np.empty((len(boxes), side, side, 3), np.uint8)
    for patch, box in zip(patches, boxes, strict=True):
        _sample(levels, box, patch)
    return network(patches)


def _sample(levels: list[np.ndarray], box: np.ndarray, patch: np.ndarray) -> None:
    """Scale what is inside a square box into a square patch."""
    import cv2

    side = len(patch)
    source = _level(levels, side / (box[2] - box[0]))
    ratio = np.divide(source.shape[1::-1], levels[0].shape[1::-1])
    step = (box[2:] - box[:2]) * ratio / side
    # OpenCV counts from the centre of the first pixel, boxes from its edge.
    start = box[:2] * ratio + step / 2 - 0.5
    matrix = np.array([[step[0], 0, start[0]], [0, step[1], start[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(
        source, matrix, (side, side), dst=patch, flags=flags,
        borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE,
    )  # fmt: skip


def _calibrate(
    boxes: np.ndarray, seen: dict[str, np.ndarray], threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes that a network accepts, corrected, and their ranks."""
    accepted = seen["probability"] > threshold
    boxes, offsets = boxes[accepted], seen["offsets"][accepted]
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + offsets * sides, _rank(seen)[accepted]


def _place(boxes: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return O-Net's landmarks in pixels of the image: (n, 5, 2)."""
    inside = landmarks.reshape(-1, 2, 5).transpose(0, 2, 1)
    return boxes[:, None, :2] + inside * (boxes[:, 2:] - boxes[:, :2])[:, None]


def suppress(
    boxes: np.ndarray, ranks: np.ndarray, overlap: float, *, of_smaller: bool = False
) -> np.ndarray:
    """Choose the most probable of overlapping boxes, greedily (non-maximum suppression).

    Args:
        boxes: (n, 4).
        ranks: (n,), the highest of the most probable.
        overlap: a box goes when it overlaps a better one by more than this.
        of_smaller: measure the intersection against the smaller box, not against the union.

    Returns:
        The indices of the boxes that stay, the best first.
    """
    corners, opposite = boxes[:, :2], boxes[:, 2:]
    areas = (opposite - corners).prod(axis=1)
    order = np.argsort(-ranks, kind="stable")
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(best)
        inner = np.minimum(opposite[best], opposite[order])
        inner -= np.maximum(corners[best], corners[order])
        shared = np.maximum(inner, 0, out=inner).prod(axis=1)
        if of_smaller:
            whole = np.minimum(areas[best], areas[order])
        else:
            whole = areas[best] + areas[order] - shared
        order = order[shared <= overlap * whole]
    return np.array(kept, np.intp)
