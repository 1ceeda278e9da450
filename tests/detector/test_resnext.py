"""ResNeXt-50: torchvision's network, its weights, and its fast grouped convolutions."""

import keras
import numpy as np
import pytest

from src import InputError
from src.detector import network, resnext

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
    torch = pytest.importorskip("torch")
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
def test_the_onnx_file_runs_and_agrees(model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from src.detector.evidence import with_evidence

    path = tmp_path / "model.onnx"
    whole = with_evidence(model)
    image = np.random.default_rng(5).uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    whole(image)
    whole.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    found = session.run(None, {session.get_inputs()[0].name: image})
    wanted = keras.tree.flatten(whole.predict(image, verbose=0))
    assert sorted(one.shape for one in found) == sorted(one.shape for one in wanted)
    for one in wanted:
        alike = [other for other in found if other.shape == one.shape]
        assert any(np.allclose(other, one, rtol=1e-3, atol=1e-3) for other in alike)
