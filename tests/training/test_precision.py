import random

import keras
import numpy as np
import pytest
import tiny

from src import processor
from src.detector import network
from src.training import precision


@pytest.fixture
def cpu(monkeypatch, tmp_path):
    """Return a function that pretends to have a processor with certain flags, and no GPU."""
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPUINFO", cpuinfo)
    monkeypatch.setattr(precision, "_tensorflow_gpu", lambda: None)
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    return lambda flags: cpuinfo.write_text(f"processor : 0\nflags\t\t: fpu sse2 {flags}\n")


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ("avx512f avx512_bf16", "bfloat16"),
        ("amx_tile amx_bf16", "bfloat16"),
        ("avx2 avx512_vnni", "float32"),
        ("", "float32"),
    ],
)
def test_auto_follows_the_processor(cpu, flags, wanted):
    cpu(flags)
    assert precision.choose("auto") == wanted


def test_auto_where_nothing_is_known_of_the_processor(cpu):
    assert precision.choose("auto") == "float32"


@pytest.mark.parametrize("gpu", ["bfloat16", "float16", "float32"])
def test_a_gpu_goes_before_the_processor(cpu, monkeypatch, gpu):
    cpu("amx_bf16")
    monkeypatch.setattr(precision, "_tensorflow_gpu", lambda: gpu)
    assert precision.choose("auto") == gpu


@pytest.mark.parametrize("wanted", ["float32", "bfloat16", "float16"])
def test_what_is_asked_for_is_used(cpu, wanted):
    cpu("amx_bf16")
    assert precision.choose(wanted) == wanted


def test_half_precision_keeps_float32_where_it_matters(make_picture):
    before = keras.config.dtype_policy().name
    with precision.computing_in("bfloat16"):
        model = network.build(tiny.NAME, image_size=32)
    assert keras.config.dtype_policy().name == before
    # All but the counters of dropout's random states.
    assert {str(w.dtype) for w in model.weights} == {"float32"}
    assert model.get_layer("last_conv").compute_dtype == "bfloat16"
    assert model.get_layer(network.HIDDEN).compute_dtype == "bfloat16"
    logit = model.predict_on_batch(make_picture(0, 32, 32)[None])
    assert logit.dtype == np.float32


def test_float32_is_plain():
    with precision.computing_in("float32"):
        assert keras.config.dtype_policy().name == "float32"


def test_policy_is_restored_after_an_error():
    before = keras.config.dtype_policy().name
    with pytest.raises(KeyboardInterrupt), precision.computing_in("bfloat16"):
        raise KeyboardInterrupt
    assert keras.config.dtype_policy().name == before


def test_a_seed_gives_the_same_network_twice():
    drawn = []
    for _ in range(2):
        precision.seed_everything(5, deterministic=False)
        kernel = network.build(tiny.NAME, image_size=32).get_layer(network.HIDDEN).kernel
        drawn.append((np.array(kernel.numpy()), random.random(), np.random.random()))
    np.testing.assert_array_equal(drawn[0][0], drawn[1][0])
    assert drawn[0][1:] == drawn[1][1:]
