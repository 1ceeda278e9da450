"""Int8 files: what stays float, what they answer, how they are accepted and calibrated."""

import logging
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from src.calibrate import calibrate
from src.data import folders
from src.detector import exports, load
from src.detector.card import CARD_FILE, read_card
from src.detector.engines.runtimes import ONNXRuntimeEngine, OpenVINOEngine
from src.export import export
from src.exporting import agreement, graphs, quantise

SIZE = 32
# The stem's kernel is the first 21 % of the tiny backbone's weights.
STEM = 0.25
QUANTISERS = {
    "onnx": ("model.onnx", quantise.in_onnx, ONNXRuntimeEngine),
    "openvino": ("model.xml", quantise.in_openvino, OpenVINOEngine),
}


@pytest.fixture(scope="module")
def pictures(make_picture):
    return np.stack([make_picture(seed, SIZE, SIZE) for seed in range(48)])


@pytest.fixture(scope="module")
def floats(tiny_model, tmp_path_factory):
    """Return a folder with the float32 files."""
    folder = tmp_path_factory.mktemp("floats")
    for format, (file, _, _) in QUANTISERS.items():
        graphs.write(tiny_model, 1.0, folder / file, format)
    return folder


@pytest.fixture(scope="module")
def int8(floats, pictures, tmp_path_factory):
    """Return a folder with the int8 files."""
    folder = tmp_path_factory.mktemp("int8")
    for file, by, _ in QUANTISERS.values():
        by(floats / file, folder / file, pictures)
    return folder


def onnx_nodes(path):
    """Return the nodes of an ONNX graph as (kind, types of weights, behind the pooling)."""
    import onnx

    graph = onnx.load(path).graph
    types = {one.name: onnx.TensorProto.DataType.Name(one.data_type) for one in graph.initializer}
    by_output = {output: node for node in graph.node for output in node.output}
    behind: set[str] = set()
    found = []
    for node in graph.node:
        pooled = node.op_type == "GlobalAveragePool" or bool(behind & set(node.input))
        behind |= set(node.output) if pooled else set()
        given = [by_output[name] for name in node.input if name in by_output]
        through = [name for one in given if one.op_type == "DequantizeLinear" for name in one.input]
        weights = {types[name] for name in [*node.input, *through] if name in types}
        found.append((node.op_type, weights, pooled))
    return found


def openvino_nodes(path):
    """Return the operations of an OpenVINO graph as (kind, types of constants, behind pooling)."""
    import openvino

    behind: set[str] = set()
    found = []
    for one in openvino.Core().read_model(path).get_ordered_ops():
        given = [put.get_source_output().get_node() for put in one.inputs()]
        kind = one.get_type_name()
        pooled = kind == "ReduceMean" or any(node.get_friendly_name() in behind for node in given)
        behind |= {one.get_friendly_name()} if pooled else set()
        found.append((kind, constants(given), pooled))
    return found


def constants(nodes, depth=4):
    """Return the types of the constants that are scaled into what these nodes give."""
    found = set()
    for node in nodes:
        if node.get_type_name() == "Constant":
            found.add(node.get_element_type().get_type_name())
        elif depth and node.get_type_name() in ("Convert", "Multiply", "Subtract", "Reshape"):
            found |= constants(
                [one.get_source_output().get_node() for one in node.inputs()], depth - 1
            )
    return found


def test_convolutions_are_int8_and_the_head_and_the_evidence_are_not(int8):
    nodes = onnx_nodes(int8 / "model.onnx")
    weights = [types for kind, types, _ in nodes if kind == "Conv"]
    assert len(weights) == 8
    assert all("INT8" in types for types in weights)
    behind = [(kind, types) for kind, types, pooled in nodes if pooled]
    assert {"Sigmoid", "Greater"} <= {kind for kind, _ in behind}
    assert not [kind for kind, types in behind if "Linear" in kind or "INT8" in types]

    operations = openvino_nodes(int8 / "model.xml")
    weights = [types for kind, types, _ in operations if kind.endswith("Convolution")]
    assert len(weights) == 8
    assert all("i8" in types for types in weights)
    behind = [(kind, types) for kind, types, pooled in operations if pooled]
    assert {"Sigmoid", "Greater"} <= {kind for kind, _ in behind}
    assert not [kind for kind, types in behind if kind == "FakeQuantize" or "i8" in types]


def test_the_first_layers_stay_float(floats, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(quantise, "FIRST", STEM)
    for file, by, _ in QUANTISERS.values():
        by(floats / file, tmp_path / file, pictures[:8])
    onnx = [types for kind, types, _ in onnx_nodes(tmp_path / "model.onnx") if kind == "Conv"]
    assert ["INT8" in types for types in onnx] == [False] + 7 * [True]
    openvino = [types for kind, types, _ in openvino_nodes(tmp_path / "model.xml")
                if kind.endswith("Convolution")]  # fmt: skip
    assert ["i8" in types for types in openvino] == [False] + 7 * [True]


@pytest.mark.parametrize("format", QUANTISERS)
def test_outputs_come_by_name_for_any_batch_and_add_up(floats, int8, pictures, format):
    file, _, engine = QUANTISERS[format]
    quantised, plain = engine(int8 / file, "int8"), engine(floats / file, "float32")
    many, wanted = quantised.run(pictures), plain.run(pictures)
    assert {name: value.shape for name, value in many.items()} == {
        "logit": (48,), "evidence": (48, 4, 4), "bias": (48,)}  # fmt: skip
    one, few = quantised.run(pictures[5:6]), quantised.run(pictures[:11])
    np.testing.assert_allclose(one["logit"], many["logit"][5:6], atol=1e-4)
    np.testing.assert_allclose(few["evidence"], many["evidence"][:11], atol=1e-4)
    np.testing.assert_allclose(
        many["evidence"].sum((1, 2)) + many["bias"], many["logit"], atol=1e-4
    )
    # Another file than the float one, and yet the same detector.
    assert np.abs(many["logit"] - wanted["logit"]).max() > 1e-3
    assert np.corrcoef(many["logit"], wanted["logit"])[0, 1] > 0.99
    assert np.corrcoef(many["evidence"].ravel(), wanted["evidence"].ravel())[0, 1] > 0.99


@pytest.fixture(scope="module")
def images(tmp_path_factory, make_picture):
    """Return 10 real and 10 fake pictures to learn from, and 20 of each to validate."""
    root = tmp_path_factory.mktemp("images") / "mine"
    for split, count in (("train", 10), ("validation", 20)):
        for label, name in enumerate(("real", "fake")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                picture = make_picture(9000 + 1000 * count + 100 * label + number)
                Image.fromarray(picture).save(folder / f"{number:02}.png")
    return root


@pytest.fixture(scope="module")
def calibrated(familiar_bundle, images, tmp_path_factory):
    own = shutil.copytree(familiar_bundle, tmp_path_factory.mktemp("calibrated") / "detector")
    calibrate([images], own)
    return own


@pytest.fixture(scope="module")
def exported(calibrated, images):
    """Return the calibrated bundle with its ONNX files, int8 among them, whatever it answers."""
    with pytest.MonkeyPatch.context() as patch:
        # Random weights need not survive eight bits.
        patch.setattr(agreement.Agreement, "fault", lambda *_: None)
        export(calibrated, "onnx", [images])
    return calibrated


def test_a_rejected_int8_leaves_no_file_and_the_others_stand(
    bundle_folder, images, tmp_path, monkeypatch
):
    own = shutil.copytree(bundle_folder, tmp_path / "own")
    monkeypatch.setitem(exports.LIMITS["int8"], "mean", -1.0)
    outcomes = {one.name: one for one in export(own, "onnx", [images])}
    said = outcomes["onnx-int8"].sentence()
    assert re.match("onnx-int8 was not accepted .*mean difference of p_fake", said)
    assert set(read_card(own).exports) == {"onnx", "onnx-float16"}
    assert sorted(path.name for path in own.glob("*.onnx")) == ["model-float16.onnx", "model.onnx"]


def test_an_int8_that_is_rejected_later_takes_the_earlier_one_away(
    exported, images, tmp_path, monkeypatch
):
    own = shutil.copytree(exported, tmp_path / "own")
    assert (own / "model-int8.onnx").is_file()
    monkeypatch.setitem(exports.LIMITS["int8"], "mean", -1.0)
    export(own, "onnx", [images], overwrite=True)
    assert "onnx-int8" not in read_card(own).exports
    assert not (own / "model-int8.onnx").exists()
    assert (own / "model.onnx").is_file()


def test_with_all_a_rejected_int8_is_only_reported(bundle_folder, images, tmp_path, monkeypatch):
    own = shutil.copytree(bundle_folder, tmp_path / "own")
    monkeypatch.setitem(exports.LIMITS["int8"], "mean", -1.0)
    for name in set(exports.VARIANTS) - {"openvino", "openvino-int8"}:
        monkeypatch.delitem(exports.VARIANTS, name)
    float32, int8 = export(own, "all", [images])
    assert float32.export is not None
    assert int8.export is None
    assert "openvino-int8 was not accepted" in int8.sentence()
    assert set(read_card(own).exports) == {"openvino"}
    assert not (own / "openvino-int8").exists()


def test_int8_is_calibrated_by_its_own_scores(exported, images):
    entry = read_card(exported).exports["onnx-int8"]
    assert "quantised by 20 images of mine (train) and 236 variations" in entry["images"]
    detector = load(exported, "onnxruntime", "int8")
    own, of_the_card = detector.calibration, load(exported, "keras").calibration
    assert own.scores != of_the_card.scores
    assert own.temperature != of_the_card.temperature
    assert own.unfamiliar.threshold != of_the_card.unfamiliar.threshold
    paths = [sample.path for sample in folders.scan([images]) if sample.split == "validation"]
    judged = {round(detector.predict(path).logit, 3) for path in paths}
    kept = [score for sources in own.scores.values() for score in sources["mine"]]
    assert len(kept) == 20
    assert {round(score, 3) for score in kept} <= judged


def test_where_the_calibration_images_are_gone_the_card_decides_and_says_so(
    calibrated, test_set, tmp_path, monkeypatch
):
    own = shutil.copytree(calibrated, tmp_path / "own")
    monkeypatch.setattr(agreement.Agreement, "fault", lambda *_: None)
    export(own, "onnx", [test_set], overwrite=True)
    entry = read_card(own).exports["onnx-int8"]
    assert entry["calibration"] is None
    assert "with the card's calibration, because" in entry["images"]
    assert load(own, "onnxruntime", "int8").calibration == load(own, "keras").calibration


def test_int8_runs_by_name_alone(exported, tmp_path):
    assert load(exported, precision="int8").engine.precision == "int8"
    for engine in ("auto", "onnxruntime"):
        assert load(exported, engine).engine.precision == "float32"
    # Where int8 is the one export, Keras runs.
    own = shutil.copytree(exported, tmp_path / "own")
    card = read_card(own)
    left = {"onnx-int8": card.exports["onnx-int8"]}
    (own / CARD_FILE).write_text(replace(card, exports=left).to_json(), encoding="utf-8")
    assert load(own).engine.name == "keras"
    assert load(own, "onnxruntime", "int8").engine.precision == "int8"


def test_messages_of_others_are_still_heard_after_quantising(floats, pictures, tmp_path, caplog):
    quantise.in_openvino(floats / "model.xml", tmp_path / "model.xml", pictures)
    logging.getLogger("src.somebody").warning("hear me")
    assert "hear me" in caplog.text
