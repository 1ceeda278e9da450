"""The temporal head: what it is, what it makes of a person's frames, where it is loaded from."""

import numpy as np
import pytest
import recurrent

from src import InputError
from src.detector import load, temporal
from src.detector.engines.runtimes import OpenVINOEngine


def test_it_has_the_layers_and_weights_that_it_is_said_to_have():
    model = temporal.build(16, 2048)
    assert model.input_shape == (None, 16, 2048)
    first, second = (model.get_layer(name) for name in temporal.LAYERS)
    assert (first.forward_layer.units, second.backward_layer.units) == (512, 512)
    assert model.get_layer("dropout").rate == 0.3
    # 4 gates × 2 directions × ((2048 or 1024) + 512 + 1) × 512, and 1024 + 1 for the logit.
    assert model.count_params() == 16_786_433


def test_keras_loads_it_without_our_code(python, headed, tmp_path):
    clip = np.arange(4 * 16, dtype=np.float32).reshape(1, 4, 16) / 50
    np.save(tmp_path / "clip.npy", clip)
    program = (
        "import sys, keras, numpy as np\n"
        f"model = keras.models.load_model({str(headed / temporal.FILE)!r})\n"
        f"print(float(model(np.load({str(tmp_path / 'clip.npy')!r}))[0, 0]))\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'src']"
    )
    result = python("-c", program, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) == pytest.approx(load(headed).head.run(clip)[0], abs=1e-5)


def test_order_counts_and_few_frames_are_repeated(headed):
    head = load(headed).head
    frames = np.random.default_rng(0).random((8, 16), np.float32)
    assert head.logit(frames) == pytest.approx(head.run(frames[None, 1::2])[0], abs=1e-5)
    assert abs(head.logit(frames) - head.logit(frames[::-1])) > 1e-3
    assert head.logit(frames[:2]) == pytest.approx(
        head.run(frames[None, [0, 0, 1, 1]])[0], abs=1e-5
    )
    assert head.logit(frames[:1]) == pytest.approx(head.run(frames[None, [0] * 4])[0], abs=1e-5)


def test_the_frame_network_gives_what_the_head_takes_and_a_plain_one_does_not(
    headed, bundle_folder, make_picture
):
    pictures = np.stack([make_picture(seed, 32, 32) for seed in range(3)])
    scores = load(headed).score(pictures)
    assert scores.features.shape == (3, 16)
    plain = load(bundle_folder)
    assert plain.score(pictures).features is None and plain.head is None
    np.testing.assert_allclose(scores.logit, plain.score(pictures).logit, atol=1e-5)


def test_a_head_of_another_bundle_is_refused(headed, tmp_path):
    own = recurrent.copy(headed, tmp_path)
    temporal.build(4, 16, units=8).save(own / temporal.FILE)
    with pytest.raises(InputError, match="is not the file that its card names"):
        _ = load(own).head
    (own / temporal.FILE).unlink()
    with pytest.raises(InputError, match="is missing"):
        _ = load(own).head


@pytest.mark.parametrize(
    "load_graph", [temporal.LOADERS["openvino"], lambda path: OpenVINOEngine(path, "float32")]
)
def test_a_graph_that_openvino_cannot_read_is_one_line(tmp_path, load_graph):
    path = tmp_path / "temporal.xml"
    path.write_text("<net")
    with pytest.raises(InputError, match=r"temporal\.xml: OpenVINO cannot read it: .") as told:
        load_graph(path)
    assert "\n" not in str(told.value)
