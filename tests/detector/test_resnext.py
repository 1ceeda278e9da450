"""ResNeXt-50: torchvision's network, its weights, and its fast grouped convolutions."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from src import InputError
from src.detector import network, resnext
from src.exporting import graphs
from src.training import weights

SIZE = 64


@pytest.fixture(scope="module")
def model():
    return network.build(resnext.NAME, image_size=SIZE)


def grouped(model):
    return [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1
    ]


def test_the_network_has_the_sizes_of_the_paper(model):
    below = network.backbone_layers(model)
    weights = [w for layer in below for w in layer.trainable_weights]
    assert sum(int(np.prod(w.shape)) for w in weights) == 22_979_904
    assert below[-1].name == network.backbone(resnext.NAME).evidence_layer
    assert below[-1].output.shape == (None, 2, 2, 2048)
    assert len(grouped(model)) == 16


def test_pixels_are_normalised_inside_the_network(model):
    scaling = keras.Model(model.input, model.get_layer("scaling").output)
    image = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3))
    found = scaling.predict(image.astype(np.float32), verbose=0)
    np.testing.assert_allclose(
        found, (image / 255 - resnext.MEAN) / resnext.DEVIATION, rtol=1e-4, atol=1e-5
    )


def test_fast_groups_compute_what_keras_computes_and_are_not_saved(model, tmp_path):
    image = np.random.default_rng(1).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    model.save(tmp_path / "model.keras")
    plain = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert all("convolution_op" not in vars(layer) for layer in grouped(plain))
    np.testing.assert_allclose(
        plain.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-4
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others use Keras' own")
def test_groups_are_fast_in_every_network_that_is_built(model):
    for one in (model, network.of_any_size(model)):
        assert all("convolution_op" in vars(layer) for layer in grouped(one))


def torchvision_tensors(model, rng):
    """Random tensors under torchvision's names."""
    tensors = {"fc.weight": np.zeros((1000, 2048), np.float32)}
    for layer in network.backbone_layers(model):
        name = layer.name.replace("_", ".")
        if isinstance(layer, keras.layers.Conv2D):
            height, width, inside, outside = layer.kernel.shape
            scale = (2 / (height * width * inside)) ** 0.5
            kernel = rng.normal(0, scale, (outside, inside, height, width))
            tensors[f"{name}.weight"] = kernel.astype(np.float32)
        elif isinstance(layer, keras.layers.BatchNormalization):
            for kind in ("weight", "bias", "running_mean", "running_var"):
                values = rng.uniform(0.5, 1, layer.gamma.shape).astype(np.float32)
                tensors[f"{name}.{kind}"] = values
    return tensors


@pytest.mark.slow
def test_what_is_saved_loads_without_this_package(model, tmp_path):
    path, image = tmp_path / "model.keras", np.full((1, SIZE, SIZE, 3), 99, np.float32)
    network.probability(model).save(path)
    program = (
        "import sys, keras, numpy; model = keras.models.load_model(sys.argv[1], compile=False); "
        f"print(float(model(numpy.full((1, {SIZE}, {SIZE}, 3), 99, 'float32'))[0, 0])); "
        "assert 'src' not in sys.modules"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, path],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=280,
    )  # fmt: skip
    wanted = float(network.probability(model).predict(image, verbose=0)[0, 0])
    assert float(found.stdout.split()[-1]) == pytest.approx(wanted, abs=1e-4)


def test_keras_has_no_weights_for_it_and_it_is_said_where_they_are(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert weights.initial_weights("auto", resnext.NAME) == (None, {"kind": "random"})
    assert "NO PRETRAINED WEIGHTS" in caplog.text
    where = re.escape(network.backbone(resnext.NAME).weights_url)
    assert re.search(where, caplog.text)
    with pytest.raises(InputError, match=f"Keras has none to download; fetch {where}"):
        weights.initial_weights("imagenet", resnext.NAME)


def test_tensors_of_another_network_are_refused(model):
    tensors = torchvision_tensors(model, np.random.default_rng(2))
    del tensors["layer3.5.bn2.running_var"]
    with pytest.raises(ValueError, match="layer3.5.bn2.running_var"):
        resnext.set_torch_weights(model, tensors)


def test_a_file_that_does_not_fit_says_so(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="weights.pth"):
        network.build(resnext.NAME, image_size=SIZE, weights=path)


@pytest.mark.slow
def test_weights_from_pytorch_give_its_activations(model, tmp_path):
    """To 1e-4 where they are of order one, and to 1e-4 of the largest where that is larger."""
    torch = pytest.importorskip("torch", reason="pip install torch to compare with PyTorch itself")
    from tests.detector.torch_resnext import ResNeXt

    theirs = ResNeXt()
    tensors = torchvision_tensors(model, np.random.default_rng(3))
    state = {name: torch.from_numpy(value) for name, value in tensors.items()}
    theirs.load_state_dict(state, strict=False)
    path = tmp_path / "resnext50.pth"
    torch.save(theirs.state_dict() | {"fc.bias": torch.zeros(1000)}, path)
    ours = network.build(resnext.NAME, image_size=96, weights=path)
    image = np.random.default_rng(4).uniform(0, 255, (2, 96, 96, 3)).astype(np.float32)
    spec = network.backbone(resnext.NAME)
    scaled = (image / 255 - resnext.MEAN) / resnext.DEVIATION
    with torch.no_grad():
        wanted = theirs.eval()(torch.from_numpy(scaled.astype(np.float32)).permute(0, 3, 1, 2))
    features = keras.Model(ours.input, ours.get_layer(spec.evidence_layer).output)
    found = features.predict(image, verbose=0).transpose(0, 3, 1, 2)
    assert np.abs(found - wanted.numpy()).max() < 1e-4 * max(1.0, np.abs(found).max())


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_the_exported_file_runs_and_agrees(model, tmp_path, format):
    runtime = pytest.importorskip({"onnx": "onnxruntime"}.get(format, format))
    path = tmp_path / {"onnx": "model.onnx", "openvino": "model.xml"}[format]
    image = np.random.default_rng(5).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    graphs.write(model, 1.0, path, format)
    if format == "onnx":
        session = runtime.InferenceSession(path)
        names = [one.name for one in session.get_outputs()]
        found = dict(
            zip(names, session.run(None, {session.get_inputs()[0].name: image}), strict=True)
        )
    else:
        exact = {"INFERENCE_PRECISION_HINT": "f32"}
        said = runtime.Core().compile_model(path, "CPU", exact)(image)
        found = {name: said[name] for name in ("logit", "p_fake", "evidence", "bias")}
    wanted = graphs.with_outputs(model, 1.0).predict(image, verbose=0)
    assert wanted.keys() == found.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-3, err_msg=name)
