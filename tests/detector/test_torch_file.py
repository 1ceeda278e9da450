"""Tensors out of PyTorch's files, written here byte by byte, and nothing else out of them."""

import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from src import InputError
from src.detector import torch_file
from src.detector.torch_file import MAGIC, PROTOCOL, read_tensors


class Global:
    """Pickled as a name that the reader looks up."""

    def __init__(self, module, name):
        self.line = f"c{module}\n{name}\n".encode()


class Call:
    """Pickled as a call of a `Global`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class Built:
    """Pickled as a value whose attributes are set afterwards: `state`, or a pair of it and more."""

    def __init__(self, value, state):
        self.value, self.state = value, state


class Stored:
    """Pickled as a reference to a storage."""

    def __init__(self, key, kind="FloatStorage", count=12):
        self.parts = ("storage", Global("torch", kind), key, "cpu", count)


def pickled(value) -> bytes:
    return b"\x80\x02" + _body(value) + b"."


def _body(value) -> bytes:
    if isinstance(value, Global):
        return value.line
    if isinstance(value, Call):
        return _body(value.function) + _body(value.arguments) + b"R"
    if isinstance(value, Built):
        return _body(value.value) + _body(value.state) + b"b"
    if isinstance(value, Stored):
        return _body(value.parts) + b"Q"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_body, value)) + b"t"
    if isinstance(value, dict):
        pairs = b"".join(_body(k) + _body(v) for k, v in value.items())
        return b"}(" + pairs + b"u"
    return pickle.dumps(value, 2)[2:-1].replace(b"q\x00", b"")


VIEW = Global("torch._utils", "_rebuild_tensor_v2")
ORDERED = Global("collections", "OrderedDict")
NUMBERS = np.arange(12, dtype="<f4")
CONTENTS = NUMBERS.tobytes()


def view(shape, strides, offset=0, storage=None):
    hooks = Call(ORDERED)
    return Call(VIEW, storage or Stored("0"), offset, shape, strides, False, hooks)


def archive(path, value, contents=CONTENTS):
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("weights/data.pkl", pickled(value))
        made.writestr("weights/byteorder", "little")
        made.writestr("weights/data/0", contents)
    return path


def row(path, value, count=12, contents=CONTENTS):
    parts = [pickle.dumps(MAGIC, 2), pickle.dumps(PROTOCOL, 2), pickle.dumps({}, 2)]
    parts += [pickled(value), pickle.dumps(["0"], 2), struct.pack("<q", count), contents]
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("write", [archive, row])
def test_tensors_come_out_by_name_with_shape_and_strides(tmp_path, write):
    tensors = {
        "whole": view((3, 4), (4, 1)),
        "turned": view((2, 3), (1, 4), 1),
        "one": view((), (), 5),
    }
    found = read_tensors(write(tmp_path / "weights.pth", tensors))
    np.testing.assert_array_equal(found["whole"], NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], [[1, 5, 9], [2, 6, 10]])
    assert found["one"] == 5 and found["one"].shape == ()


class Evil:
    """Runs a command where it is unpickled by somebody who trusts it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_file_is_refused_and_runs_nothing(tmp_path, zipped):
    content, path = pickle.dumps({"a": Evil(tmp_path / "harm")}, 2), tmp_path / "evil.pth"
    if zipped:
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("weights/data.pkl", content)
    else:
        path.write_bytes(pickle.dumps(MAGIC, 2) + pickle.dumps(PROTOCOL, 2) + content)
    with pytest.raises(InputError, match="mkdir, which is not allowed"):
        read_tensors(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("write", [archive, row])
@pytest.mark.parametrize(
    "value",
    [
        {"a": view((3, 5), (4, 1))},
        {"a": view((3, 4), (4, 1), 1)},
        {"a": view((2,), (-1,), 3)},
        {"a": view((-1,), (1,))},
        {"a": view((10**6, 10**6), (0, 0))},
        {"a": view((4,), (1,), storage=Stored("0", count=10**12))},
        {"a": view((4,), (1,), storage=Stored("../0"))},
        {"a": 3},
        {3: view((4,), (1,))},
        (1, 2),
    ],
)
def test_impossible_tensors_are_refused(tmp_path, write, value):
    with pytest.raises(InputError, match="nothing but a dictionary of tensors"):
        read_tensors(write(tmp_path / "weights.pth", value))


@pytest.mark.parametrize("write", [archive, row])
@pytest.mark.parametrize("state", [{"shape": (10**6,), "strides": (1,)}, (None, {"shape": (99,)})])
def test_what_was_checked_cannot_be_changed_afterwards(tmp_path, write, state):
    larger = state if isinstance(state, dict) else (None, {"count": 10**6})
    for value in (
        {"a": Built(view((3, 4), (4, 1)), state)},
        {"a": view((12,), (1,), storage=Built(Stored("0"), larger))},
        {"a": Call(Built(VIEW, (None, {"__defaults__": (1,)})), Stored("0"), 0, (12,), (1,))},
        {"a": view((12,), (1,), storage=Built(Call(ORDERED), {"key": "0", "count": 12}))},
    ):
        with pytest.raises(InputError, match="nothing but a dictionary of tensors"):
            read_tensors(write(tmp_path / "weights.pth", value))
    named = Built({"a": view((12,), (1,))}, {"_metadata": {}})
    with pytest.raises(InputError, match="no attribute"):  # a plain dictionary has none
        read_tensors(write(tmp_path / "weights.pth", named))


@pytest.mark.parametrize("write", [archive, row])
def test_one_storage_under_many_names_fills_no_memory(tmp_path, write, monkeypatch):
    zeros = np.zeros(10_000, np.float32)
    monkeypatch.setattr(torch_file, "MAX_BYTES", 3 * zeros.nbytes)
    several = {f"t{n}": view((10_000,), (1,), storage=Stored("0", count=10_000)) for n in range(3)}
    content = {"contents": zeros.tobytes()} | ({"count": 10_000} if write is row else {})
    assert len(read_tensors(write(tmp_path / "weights.pth", several, **content))) == 3
    several["one more"] = view((1,), (1,), storage=Stored("0", count=10_000))
    with pytest.raises(InputError, match="together"):
        read_tensors(write(tmp_path / "weights.pth", several, **content))


@pytest.mark.parametrize("write", [archive, row])
def test_missing_bytes_are_told(tmp_path, write):
    path = write(tmp_path / "weights.pth", {"a": view((12,), (1,))}, contents=b"1234")
    with pytest.raises(InputError, match="4 bytes"):
        read_tensors(path)


def test_a_count_that_is_not_the_storages_is_told(tmp_path):
    path = row(tmp_path / "weights.pth", {"a": view((12,), (1,))}, count=11)
    with pytest.raises(InputError, match="11 numbers where 12 belong"):
        read_tensors(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02.", b"\x89HDF", bytes(100)])
def test_what_is_no_such_file_is_told(tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(InputError, match="weights.pth"):
        read_tensors(tmp_path / "weights.pth")
    with pytest.raises(InputError, match="nowhere"):
        read_tensors(tmp_path / "nowhere.pth")


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_pytorch_itself(tmp_path, zipped):
    torch = pytest.importorskip("torch", reason="pip install torch to read files of its own")
    state = OrderedDict(
        whole=torch.randn(3, 4),
        turned=torch.randn(4, 6)[:, ::2].t(),
        half=torch.randn(2).half(),
        count=torch.tensor(7),
        empty=torch.zeros(0, 3),
    )
    path = tmp_path / "weights.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = read_tensors(path)
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert found[name].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(found[name], tensor.numpy())
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(InputError, match="not allowed"):
        read_tensors(path)
