"""Weights rounded to float16 once, and stored exactly as what they then are."""

import io
import json
import logging
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tiny

from src.detector import halves, network


@pytest.fixture
def model():
    """Return a network whose weights a test may change."""
    made = network.build(tiny.NAME, image_size=32)
    tiny.randomise(made, 3)
    return made


def values(model):
    return [keras.ops.convert_to_numpy(variable) for variable in model.weights]


def stored(path):
    """Return the arrays inside a `.keras` file by name."""
    with zipfile.ZipFile(path) as archive:
        content = archive.read("model.weights.h5")
    found = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {})
        )
    return found


def test_kernels_are_rounded_and_vectors_are_not(model):
    before = values(model)
    halves.round_kernels(model)
    changed = 0
    for old, new in zip(before, values(model), strict=True):
        wanted = old.astype(np.float16).astype(np.float32) if old.ndim > 1 else old
        np.testing.assert_array_equal(new, wanted)
        changed += not np.array_equal(old, new)
    assert changed >= 7
    assert {variable.dtype for variable in model.weights} == {"float32"}


@pytest.mark.parametrize("scale", [1e7, 1e-7])
def test_kernel_that_float16_cannot_hold_stays_and_is_told(model, caplog, scale):
    layer = model.get_layer("stem_conv")
    layer.kernel.assign(values(layer)[0] * scale)
    before = values(layer)[0]
    with caplog.at_level(logging.WARNING, "src"):
        halves.round_kernels(model)
    np.testing.assert_array_equal(values(layer)[0], before)
    (record,) = caplog.records
    assert "stem_conv" in record.getMessage()


def test_stored_in_half_and_loaded_as_rounded(model, tmp_path):
    halves.round_kernels(model)
    path = tmp_path / "model.keras"
    model.save(path)
    size = path.stat().st_size
    kernels = sum(array.nbytes for array in stored(path).values() if array.ndim > 1)
    halves.store(path)
    assert size - path.stat().st_size >= 0.45 * kernels
    assert all(a.dtype == np.float16 for a in stored(path).values() if a.ndim > 1)
    loaded = keras.models.load_model(path)
    assert {variable.dtype for variable in loaded.weights} == {"float32"}
    for wanted, found in zip(values(model), values(loaded), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert list(tmp_path.iterdir()) == [path]


def test_what_float16_does_not_hold_is_stored_as_it_is(model, tmp_path):
    """Without rounding nothing may be lost, variances beyond the largest float16 included."""
    model.get_layer("last_bn").moving_variance.assign(np.full(16, 1e6, np.float32))
    model.get_layer("stem_conv").kernel.assign(np.ones((3, 3, 3, 8), np.float32))
    path = tmp_path / "model.keras"
    model.save(path)
    halves.store(path)
    for wanted, found in zip(values(model), values(keras.models.load_model(path)), strict=True):
        np.testing.assert_array_equal(found, wanted)
    kinds = {array.dtype for array in stored(path).values() if array.ndim > 1}
    assert kinds == {np.dtype(np.float16), np.dtype(np.float32)}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_load_the_same(model, tmp_path, python, backend):
    pytest.importorskip(backend)
    halves.round_kernels(model)
    path = tmp_path / "model.keras"
    model.save(path)
    halves.store(path)
    program = (
        "import json, keras, numpy\n"
        f"model = keras.models.load_model({str(path)!r})\n"
        "assert {v.dtype for v in model.weights} == {'float32'}\n"
        "arrays = [keras.ops.convert_to_numpy(v).tolist() for v in model.weights]\n"
        "print(json.dumps([keras.backend.backend(), arrays]))"
    )
    result = python("-c", program, KERAS_BACKEND=backend)
    assert result.returncode == 0, result.stderr
    name, arrays = json.loads(result.stdout.splitlines()[-1])
    assert name == backend
    for wanted, found in zip(values(model), arrays, strict=True):
        np.testing.assert_array_equal(np.array(found, np.float32), wanted)
