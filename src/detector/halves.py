"""Weights at half the size: rounded to float16 once, and stored as what they then are.

Rounding is lossy and happens before anything is measured; storing is exact. So what is shipped is
what was measured.
"""

from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.files import atomic_file

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

# The relative error of rounding to the 11 significant bits of float16.
HALF_UNIT = 2.0**-11


def round_kernels(model: keras.Model) -> None:
    """Round the kernels of a network to the nearest float16, in place; its variables stay float32.

    Biases and the vectors of batch norms are left alone: they are one weight in a hundred, and
    variances span more powers of ten than float16 does. So is, with a warning, a kernel that
    float16 cannot hold to one part in 2,048 of its largest weight.
    """
    import keras

    for variable in model.weights:
        if len(variable.shape) < 2 or variable.dtype != "float32":
            continue
        values = keras.ops.convert_to_numpy(variable)
        halves = _to_halves(values)
        largest = np.abs(values).max(initial=0.0)
        # Overflow makes infinity, and what is too small for float16 loses digits.
        if np.abs(halves - values).max(initial=0.0) <= HALF_UNIT * largest:
            variable.assign(halves)
        else:
            log.warning(
                "%s stays in float32: its largest weight is %.3g", variable.path, float(largest)
            )


def store(path: Path) -> None:
    """Store each array of a `.keras` file that float16 holds exactly in float16.

    Keras loads the file as before, into float32 variables of the same values.
    """
    with (
        atomic_file(path) as temporary,
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(temporary, "w") as target,
    ):
        for member in source.infolist():
            content = source.read(member)
            if member.filename.endswith(".h5"):
                content = _stored(content)
            target.writestr(member, content)


def _stored(content: bytes) -> bytes:
    """Copy an HDF5 file, because what is deleted in one leaves its space behind."""
    import h5py

    made = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(made, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                twin = target.create_dataset(name, data=_smallest(item[()]))
            else:
                twin = target.require_group(name)
            twin.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    return made.getvalue()


def _smallest(values: np.ndarray) -> np.ndarray:
    if values.dtype != np.float32:
        return values
    halves = _to_halves(values)
    return halves.astype(np.float16) if np.array_equal(halves, values) else values


def _to_halves(values: np.ndarray) -> np.ndarray:
    """Return float32 values rounded to float16, in float32; infinity where they are too large."""
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)
