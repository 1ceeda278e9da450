import math
import re
from dataclasses import asdict

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import inference
from src import InputError
from src.detector import bundle, network
from src.detector.detector import Detector
from src.detector.engines.runtimes import native_bfloat16
from src.detector.exports import VARIANTS, Export
from src.exporting import graphs

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def exported(tiny_model, make_card, tmp_path_factory):
    """Return a bundle with an OpenVINO export that is accepted in float32 alone."""
    folder = tmp_path_factory.mktemp("bench")
    graphs.write(tiny_model, 1.0, folder / VARIANTS["openvino"].file, "openvino")
    export = Export({}, 0, 1.0, ["float32"], {}, "", "")
    card = make_card(framing=0.6, exports={"openvino": asdict(export)})
    bundle.save(folder, network.probability(tiny_model), card)
    return folder


def table(*arguments):
    result = CliRunner().invoke(inference.command, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if line.startswith("| openvino")]
    return result.output, [re.findall(r"[-+]?(?:\d+\.\d+|nan|inf)", row) for row in rows]


@pytest.mark.parametrize(
    ("part", "numbers"),
    [("heatmap", 2), ("throughput", 2), ("evidence", 1), ("folder", 2)],
)
def test_every_precision_is_compared(exported, part, numbers):
    pytest.importorskip("tensorflow")
    options = ("--images", 3, "--runs", 1, "--only", part)
    output, rows = table("--model", exported, *options)
    assert "| openvino float32 |" in output
    assert ("| openvino bfloat16 (not accepted) |" in output) == native_bfloat16()
    assert len(rows) == 1 + native_bfloat16()
    for row in rows:
        assert len(row) == numbers
        assert all(math.isfinite(float(number)) for number in row)


def test_memory_is_shown_along_the_way(exported, test_set):
    options = ("--data-dir", test_set, "--judged", 40, "--only", "memory")
    output, _ = table("--model", exported, *options)
    held = re.findall(r"^\| (\d+) \| (\d+) MiB \|$", output, re.MULTILINE)
    assert [int(count) for count, _ in held] == [4, 8, 20, 40]
    assert all(int(mebibytes) > 0 for _, mebibytes in held)


def test_the_plain_heatmap_is_the_evidence_that_pushes_to_fake(tiny_model, make_picture, make_card):
    """A comparison with something that computes something else would mean nothing."""
    tf = pytest.importorskip("tensorflow")
    images = np.stack([make_picture(seed, 32, 32) for seed in range(2)])
    detector = Detector.in_keras(make_card(), tiny_model)
    plain = inference.plain_grad_cam(tiny_model, detector.card.evidence_layer)
    ours = np.maximum(detector.score(images).evidence, 0)
    # The mean gradient is the whole one divided by the number of cells, as the evidence map is.
    theirs = plain(tf.constant(images, tf.float32)).numpy()
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-4)


def test_folders_without_images_are_refused_and_nothing_is_drawn_instead(tmp_path):
    empty, scratch = tmp_path / "empty", tmp_path / "scratch"
    empty.mkdir()
    scratch.mkdir()
    with pytest.raises(InputError, match="no images in .*empty"):
        inference.pictures([str(empty)], scratch, 2, seed=0)
    assert not list(scratch.iterdir())
