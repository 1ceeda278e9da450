"""Read tensors out of a PyTorch file without PyTorch, and without trusting the file.

Such a file is a pickle, and a pickle may call anything. Here it may name an ordered dictionary,
the rebuilding of a tensor and the types of its storage, and nothing else; every size is checked
against the bytes that are there. Both of PyTorch's formats are read: the zip archive of today, and
the row of pickles before 1.6, in which torchvision's first weights are kept.
"""

import math
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from src import InputError

MAX_BYTES = 2 * 2**30
# What the row of pickles begins with.
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001

_TYPES: dict[str, np.dtype] = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


# Tuples, because a pickle may set attributes of whatever has any.
class _Storage(NamedTuple):
    """A row of numbers that the file holds under a key."""

    key: str
    kind: str  # of `_TYPES`
    length: int

    @property
    def dtype(self) -> np.dtype:
        return _TYPES[self.kind]


class _View(NamedTuple):
    """A tensor: a part of a storage, by offset, shape and strides in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, content: bytes) -> np.ndarray:
        """Cut the tensor out of the bytes of its storage; a copy.

        Raises:
            ValueError: it is not all there.
        """
        numbers = np.frombuffer(content, self.storage.dtype)
        lowest = min(*self.shape, *self.strides, self.offset, 0)
        if len(self.shape) != len(self.strides) or lowest < 0:
            raise ValueError("a tensor of impossible shape")
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((size - 1) * step for size, step in steps)
        count = math.prod(self.shape)
        if count and (last >= len(numbers) or count > len(numbers)):
            raise ValueError("a tensor reaches past the end of its storage")
        # Without numbers there is nothing to step over, and steps may be of any size.
        strides = [step * numbers.itemsize if count else 0 for step in self.strides]
        return np.lib.stride_tricks.as_strided(
            numbers[self.offset :], self.shape, strides, writeable=False
        ).copy()


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read a file that `torch.save(model.state_dict(), path)` wrote.

    Args:
        path: the file, `.pth` or `.pt`.

    Returns:
        The tensors by name, in their own types.

    Raises:
        InputError: no such file, or anything in it but a dictionary of tensors.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES // 2**30} GiB")
        with path.open("rb") as file:
            found = _read_zip(file) if zipfile.is_zipfile(file) else _read_row(file)
    except (
        *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError),
        *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error, OverflowError),
        *(MemoryError, RuntimeError),
    ) as error:
        raise InputError(
            f"{path}: expected a PyTorch file with nothing but a dictionary of tensors, as "
            f"torch.save(model.state_dict(), path) writes it: {error}"
        ) from error
    return found


def _read_zip(file: IO[bytes]) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if sum(sizes.values()) > MAX_BYTES:
            raise ValueError(f"unpacks to more than {MAX_BYTES // 2**30} GiB")
        (listing,) = [name for name in sizes if name.endswith("data.pkl")]
        folder = listing.removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in sizes and archive.read(order) != b"little":
            raise ValueError("its numbers are not in little-endian order")
        with archive.open(listing) as pickled:
            views = _views(_Reader(pickled).load())
        return _arrays(views, lambda storage: archive.read(f"{folder}data/{storage.key}"))


def _read_row(file: IO[bytes]) -> dict[str, np.ndarray]:
    file.seek(0)
    if (_Reader(file).load(), _Reader(file).load()) != (MAGIC, PROTOCOL):
        raise ValueError("it is of neither of PyTorch's formats")
    _Reader(file).load()
    views = _views(_Reader(file).load())
    storages = {view.storage.key: view.storage for view in views.values()}
    contents = {}
    for key in _Reader(file).load():
        storage = storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.length:
            raise ValueError(f"storage {key} has {count} numbers where {storage.length} belong")
        contents[key] = file.read(count * storage.dtype.itemsize)
    return _arrays(views, lambda storage: contents[storage.key])


class _Reader(pickle.Unpickler):
    """Unpickles ordered dictionaries and recipes of tensors, and refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, numbers, key, _device, count = pid[:5]
        if kind != "storage" or numbers not in _TYPES or (len(pid) > 5 and pid[5]):
            raise pickle.UnpicklingError("a storage is described in a way that is not known")
        storage = _Storage(str(key), numbers, int(count))
        if (
            not storage.key.isalnum()
            or not 0 <= storage.length * storage.dtype.itemsize <= MAX_BYTES
        ):
            raise pickle.UnpicklingError(f"a storage {key!r} of {count} numbers is not allowed")
        return storage


class _Rebuild:
    """Stands in for `torch._utils._rebuild_tensor_v2`; no function, which has attributes."""

    __slots__ = ()

    def __call__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_: Any,
    ) -> _View:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _views(found: Any) -> dict[str, _View]:
    if not isinstance(found, Mapping):
        raise TypeError(f"it holds a {type(found).__name__}")
    for name, view in found.items():
        if not isinstance(name, str) or not isinstance(view, _View):
            raise TypeError(f"{name!r} is no tensor")
    return dict(found)


def _arrays(
    views: dict[str, _View], content_of: Callable[[_Storage], bytes]
) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    contents: dict[_Storage, bytes] = {}
    left = MAX_BYTES
    for name, view in views.items():
        storage = view.storage
        # Of one storage there may be any number of tensors.
        left -= abs(math.prod(view.shape)) * storage.dtype.itemsize
        if left < 0:
            raise ValueError(f"its tensors take more than {MAX_BYTES // 2**30} GiB together")
        if storage not in contents:
            contents[storage] = content_of(storage)
        content = contents[storage]
        if len(content) != storage.length * storage.dtype.itemsize:
            raise ValueError(f"{name} has {len(content)} bytes, which are not its numbers")
        arrays[name] = view.array(content)
    return arrays
