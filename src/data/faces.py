"""Find the faces in an image, and crop them with the framing that a detector was trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from src import InputError
from src.data import face_mask, mtcnn, mtcnn_networks
from src.data.onnx_session import open_session
from src.files import atomic_file

# The smallest face that is looked for: a share of the longer side of the image, so that the time
# hardly depends on its size, and at least so many pixels.
SMALLEST_SHARE, SMALLEST = 0.04, 20.0


@dataclass(frozen=True)
class Face:
    """One face in an image."""

    # Left, top, width, height in pixels of the upright image; it may stick out of it.
    box: tuple[float, float, float, float]
    score: float  # probability in [0, 1] that this is a face
    # (5, 2) float32, x and y in pixels: the eye on the viewer's left, the other eye, the nose, the
    # corner of the mouth on the viewer's left, the other corner.
    landmarks: np.ndarray


class Finder:
    """MTCNN on ONNX Runtime. It may be used from several threads at once.

    Each call runs on one thread: its networks are so small that more of them only wait for each
    other, and whoever has many images gives each thread one.
    """

    def __init__(self, networks: Mapping[str, bytes]) -> None:
        """Load the ONNX models `pnet`, `rnet` and `onet`."""
        names = mtcnn_networks.NAMES
        self._networks = {name: _network(name, networks[name]) for name in names}

    @classmethod
    def from_package(cls) -> Self:
        """Build the networks from the weights of the installed `mtcnn` package.

        Raises:
            InputError: the package is not installed.
        """
        return cls(mtcnn_networks.build())

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Load the networks that `save_networks` wrote.

        Raises:
            InputError: one of them is missing or no ONNX model.
        """
        return cls({name: _content(folder / f"{name}.onnx") for name in mtcnn_networks.NAMES})

    def find(self, image: np.ndarray) -> list[Face]:
        """Find the faces in an image, the largest first.

        Args:
            image: (H, W, 3) uint8 RGB in [0, 255], upright.
        """
        smallest = max(SMALLEST, SMALLEST_SHARE * max(image.shape[:2]))
        found = mtcnn.detect(image, self._networks, smallest)
        faces = [
            Face((left, top, right - left, bottom - top), score, landmarks.astype(np.float32))
            for (left, top, right, bottom), score, landmarks in zip(
                found.boxes.tolist(), found.scores.tolist(), found.landmarks, strict=True
            )
        ]
        return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def save_networks(folder: Path) -> None:
    """Write the three networks into a folder, from which `Finder.from_folder` reads them.

    Raises:
        InputError: the `mtcnn` package is not installed, or nothing can be written there.
    """
    for name, content in mtcnn_networks.build().items():
        with atomic_file(folder / f"{name}.onnx") as temporary:
            temporary.write_bytes(content)


def landmarks_of(image: np.ndarray, finder: Finder) -> np.ndarray | None:
    """Return the five landmarks of the largest face that can be blended, (5, 2) float32.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    for face in finder.find(image):
        if face_mask.is_face(face.landmarks):
            return face.landmarks
    return None


def require_framing(framing: float) -> None:
    """Refuse a share of the crop's width that no face can fill.

    Raises:
        InputError: it is not in (0, 1].
    """
    if not 0 < framing <= 1:
        raise InputError(f"framing: expected more than 0 and at most 1, got {framing}")


def framing_of(image_shape: Sequence[int], face: Face) -> float:
    """Return the share of the frame's width that a face fills."""
    return face.box[2] / image_shape[1]


def crop_box(image_shape: Sequence[int], face: Face, framing: float) -> tuple[int, int, int, int]:
    """Return where `crop` cuts: left, top, width, height in pixels, inside the image.

    Args:
        image_shape: height, width and what else there is.
        framing: the share of the crop's width that the face should fill, in (0, 1].

    Returns:
        A square, centred on the face's box. Where it would stick out of the image it is shifted
        into it, and where the image is too small it is the largest square that fits.
    """
    require_framing(framing)
    left, top, width, height = face.box
    rows, columns = image_shape[:2]
    side = min(max(1, round(width / framing)), rows, columns)
    x = min(max(round(left + (width - side) / 2), 0), columns - side)
    y = min(max(round(top + (height - side) / 2), 0), rows - side)
    return x, y, side, side


def crop(image: np.ndarray, face: Face, framing: float) -> np.ndarray:
    """Cut a square around a face, in which it fills the given share of the width.

    Nothing is made up beyond the border of the image: see `crop_box`.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255].

    Returns:
        (S, S, 3) uint8, a copy.
    """
    left, top, width, height = crop_box(image.shape, face, framing)
    return image[top : top + height, left : left + width].copy()


def _network(name: str, content: bytes) -> mtcnn.Network:
    session = open_session(content, f"{name} of the face finder", threads=1)
    names = [output.name for output in session.get_outputs()]

    def run(images: np.ndarray) -> dict[str, Any]:
        return dict(zip(names, session.run(names, {"image": images}), strict=True))

    return run


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); expected a network of the face finder"
        ) from error
