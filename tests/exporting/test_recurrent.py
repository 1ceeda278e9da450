"""The temporal head in other runtimes."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import recurrent
from PIL import Image

from src import InputError
from src.detector import load, temporal
from src.detector.card import read_card
from src.export import export
from src.exporting import recurrent as exporting
from src.exporting.agreement import ClipAgreement

SCHEMA = Path(__file__).parents[2] / "src/detector/card.schema.json"
RUNNERS = {"onnxruntime": "temporal-onnx", "openvino": "temporal-openvino"}


@pytest.fixture(scope="module")
def images(tmp_path_factory, make_picture):
    root = tmp_path_factory.mktemp("images") / "mine"
    for label, name in enumerate(("real", "fake")):
        folder = root / "validation" / name
        folder.mkdir(parents=True)
        for number in range(6):
            picture = make_picture(7000 + 100 * label + number)
            Image.fromarray(picture).save(folder / f"{number:02}.png")
    return root


@pytest.fixture(scope="module")
def exported(headed, images, tmp_path_factory):
    """Return a bundle with a head and its exports; do not change it."""
    own = recurrent.copy(headed, tmp_path_factory.mktemp("exported"))
    for format in ("onnx", "openvino"):
        for name in (format, f"temporal-{format}"):
            export(own, name, [images])
    return own


def test_the_card_has_what_was_checked_and_the_hash_of_every_file(exported):
    written = json.loads((exported / "card.json").read_text())
    jsonschema.validate(written, json.loads(SCHEMA.read_text()))
    for name in RUNNERS.values():
        made = written["exports"][name]
        assert made["allowed"] == ["float32"]
        assert made["checks"]["float32"]["clips"] == 64
        assert made["checks"]["float32"]["largest"] < 1e-5
        assert all((exported / path).is_file() for path in made["files"])
    # What becomes of the frame network's own rounding in the head stands with the frame network.
    assert written["exports"]["onnx"]["checks"]["float32"]["clips"] < 1e-4


@pytest.mark.parametrize("engine", RUNNERS)
def test_persons_get_the_same_logit_without_tensorflow(exported, python, make_picture, engine):
    pictures = np.stack([make_picture(seed, 32, 32) for seed in range(6)])
    np.save(exported.parent / "pictures.npy", pictures)
    plain = load(exported, "keras")
    wanted = plain.head.logit(plain.score(pictures).features)
    program = (
        "import sys, numpy as np\n"
        "from src.detector import load\n"
        f"one = load({str(exported)!r}, {engine!r}, 'float32')\n"
        f"pictures = np.load({str(exported.parent / 'pictures.npy')!r})\n"
        "print(one.head.logit(one.score(pictures).features))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    result = python("-c", program)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("engine", ["keras", *RUNNERS])
def test_several_threads_share_a_head(exported, engine):
    head = load(exported, engine, "float32").head
    clips = np.random.default_rng(0).random((80, 64, 4, 16), np.float32)
    alone = [head.run(one) for one in clips]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(head.run, clips))
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_head_that_answers_otherwise_is_not_accepted(headed, images, tmp_path, monkeypatch):
    own = recurrent.copy(headed, tmp_path)
    order = exporting._onnx_order
    monkeypatch.setattr(exporting, "_onnx_order", lambda layer: [-one for one in order(layer)])
    (outcome,) = export(own, "temporal-onnx", [images])
    assert outcome.export is None and "at most 0.0001" in outcome.faults["float32"]
    assert not (own / "temporal.onnx").exists() and not read_card(own).exports


def test_a_file_that_is_not_the_checked_one_is_not_run(exported, tmp_path):
    own = recurrent.copy(exported, tmp_path)
    (own / "temporal.onnx").write_bytes(b"another")
    with pytest.raises(InputError, match="is not the file that was checked"):
        _ = load(own, "onnxruntime").head


def test_a_file_that_onnx_runtime_cannot_run_is_an_input_error(tmp_path):
    (tmp_path / "temporal.onnx").write_bytes(b"another")
    with pytest.raises(InputError, match=r"temporal\.onnx: ONNX Runtime cannot run it"):
        temporal.LOADERS["onnxruntime"](tmp_path / "temporal.onnx")


def test_without_its_own_file_an_engine_takes_another(exported, tmp_path):
    own = recurrent.copy(exported, tmp_path)
    card = json.loads((own / "card.json").read_text())
    del card["exports"]["temporal-openvino"]
    (own / "card.json").write_text(json.dumps(card))
    clip = np.random.default_rng(0).random((3, 16), np.float32)
    one = load(own, "openvino", "float32")
    assert one.head.model is None
    assert one.head.logit(clip) == pytest.approx(load(own, "keras").head.logit(clip), abs=1e-4)


def test_a_detector_without_a_head_has_none_to_export(bundle_folder, images, run):
    result = run("export", "--model", bundle_folder, "--format", "temporal-onnx",
                 "--data-dir", images)  # fmt: skip
    assert result.exit_code == 2 and "--temporal lstm" in result.stderr


def test_one_frame_is_a_clip_too(tmp_path):
    import onnxruntime

    model = recurrent.head(frames=1)
    onnx = exporting._graph(model).SerializeToString()
    clips = np.random.default_rng(0).random((5, 1, 16), np.float32)
    got = onnxruntime.InferenceSession(onnx).run(None, {"features": clips})[0][:, 0]
    np.testing.assert_allclose(got, temporal.in_keras(model).run(clips), atol=1e-5)


def test_the_limit_is_that_of_the_frame_network():
    assert ClipAgreement(64, 9e-5, 0.0).fault("float32") is None
    assert "0.0002, at most 0.0001" in ClipAgreement(64, 2e-4, 0.0).fault("float32")
    assert ClipAgreement(64, float("nan"), 0.0).fault("float32")
