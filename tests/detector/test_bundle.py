import dataclasses
import hashlib
import json
import shutil
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import tiny

from src import InputError
from src.detector import bundle, load, network
from src.detector.card import bundle_version, read_card


@pytest.fixture
def copy(bundle_folder, tmp_path):
    """Return a bundle that a test may spoil."""
    return shutil.copytree(bundle_folder, tmp_path / "detector")


def change(folder, **fields):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_card_survives_the_way_to_disk(tmp_path, tiny_model, make_card):
    card = make_card(
        calibration={"temperature": 1.5}, framing=0.4, metrics={"validation": {"auc": 0.75}}
    )
    bundle.save(tmp_path, network.probability(tiny_model), card)
    written = read_card(tmp_path)
    assert dataclasses.replace(written, files={}) == card
    assert written.files == {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("model.keras", "faces/onet.onnx", "faces/pnet.onnx", "faces/rnet.onnx")
    }
    assert json.loads((tmp_path / "card.json").read_text())["classes"] == ["real", "fake"]


def test_persons_are_not_judged_in_int8_by_what_was_calibrated_in_float(copy, monkeypatch):
    change(copy, tracks={"calibration": {}})
    engine = SimpleNamespace(name="onnxruntime", precision="int8")
    chosen = SimpleNamespace(engine=engine, calibration=None)
    monkeypatch.setattr(bundle, "choose", lambda *_: chosen)
    found = load(copy)
    assert (found.card.tracks, found.tracks) == (None, None)
    assert found.card.calibration == read_card(copy).calibration


def test_version_changes_with_card_and_weights(copy):
    versions = [bundle_version(copy)]
    change(copy, name="another")
    versions.append(bundle_version(copy))
    with (copy / "model.keras").open("ab") as file:
        file.write(b"more")
    versions.append(bundle_version(copy))
    assert len(set(versions)) == 3
    (copy / "model.keras").unlink()
    with pytest.raises(InputError, match=r"model\.keras is missing: copy the bundle whole"):
        bundle_version(copy)


def test_model_loads_with_plain_keras(bundle_folder, detector, make_picture, python, tmp_path):
    """Whoever gets only `model.keras` gets the probability of fake out of raw pixels."""
    images = np.stack([make_picture(seed, 32, 32) for seed in range(3)])
    np.save(tmp_path / "images.npy", images)
    program = (
        "import json, keras, numpy, sys\n"
        f"model = keras.models.load_model({str(bundle_folder / 'model.keras')!r})\n"
        "p_fake = model.predict(numpy.load('images.npy'), verbose=0)\n"
        "ours = [name for name in sys.modules if name.split('.')[0] in ('src', 'tests', 'tiny')]\n"
        "print(json.dumps([p_fake.tolist(), ours]))"
    )
    result = python("-I", "-c", program, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    p_fake, ours = json.loads(result.stdout.splitlines()[-1])
    assert ours == []
    scores = detector.score(images)
    assert np.shape(p_fake) == (3, 1)
    assert np.ptp(scores.p_fake) > 0.02, "equal scores would agree by chance"
    np.testing.assert_allclose(np.array(p_fake)[:, 0], scores.p_fake, atol=1e-6)
    np.testing.assert_allclose(scores.p_fake, 1 / (1 + np.exp(-scores.logit)), atol=1e-6)


def test_no_bundle_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"no detector here.*deepfake train.*--model"):
        load(tmp_path / "nowhere")


def test_bundle_without_its_model(copy):
    (copy / "model.keras").unlink()
    with pytest.raises(InputError, match="model.keras is missing"):
        load(copy)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"format": 2}', '{"format": 9}', '{"format": 2, "x": 2}']
)
def test_spoiled_card(copy, text):
    (copy / "card.json").write_text(text)
    with pytest.raises(InputError, match="card.json"):
        load(copy)


@pytest.mark.parametrize(
    "fields",
    [
        {"training": None},
        {"exports": []},
        {"exports": {"onnx": {"files": 3}}},
        {"calibration": "none"},
        {"calibration": {}},
        {"calibration": [1]},
        {"calibration": {"temperature": "warm", "t_fake": 1, "t_real": 0}},
        {"tracks": {}},
        {"tracks": {"calibration": {"new": 1}}},
    ],
    ids=str,
)
def test_a_card_of_another_hand_is_one_line(copy, fields):
    change(copy, **fields)
    with pytest.raises(InputError, match=r"card\.json") as caught:
        load(copy)
    assert "\n" not in str(caught.value)


def test_card_with_bytes_that_are_no_text(copy):
    (copy / "card.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="card.json"):
        load(copy)


def test_card_of_another_format_asks_for_new_training(copy):
    change(copy, format=2)
    with pytest.raises(InputError, match=r"format 3.*found 2.*train"):
        load(copy)


def test_a_model_of_another_bundle_is_refused(copy):
    other = network.build(tiny.NAME, image_size=32)
    network.probability(other).save(copy / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras is not the file that its card names"):
        load(copy)


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_a_finder_of_another_bundle_is_refused(tmp_path, tiny_model, make_card, name):
    bundle.save(tmp_path, network.probability(tiny_model), make_card(framing=0.4))
    with (tmp_path / "faces" / f"{name}.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(InputError, match=rf"{name}\.onnx is not the file that its card names"):
        _ = load(tmp_path).finder


def test_a_card_that_names_no_files_is_taken_at_its_word(copy, detector, make_picture):
    change(copy, files={})
    images = make_picture(0, 32, 32)[None]
    np.testing.assert_allclose(load(copy).score(images).logit, detector.score(images).logit)


@pytest.mark.parametrize(
    "spoil", ["empty", "text", "half", "rotten", "packed strangely", "zip without a model"]
)
def test_spoiled_model_is_one_sentence(copy, spoil):
    change(copy, files={})
    path = copy / "model.keras"
    data = path.read_bytes()
    if spoil == "zip without a model":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", "{}")
    else:
        rotten = bytearray(data)
        rotten[-len(data) // 3] ^= 255
        half = data[: len(data) // 2]
        packed = bytearray(data)
        packed[data.rindex(b"PK\1\2") + 10] = 99  # of the last file: how it is compressed
        spoilt = {"empty": b"", "text": b"no", "half": half, "rotten": rotten}
        path.write_bytes((spoilt | {"packed strangely": packed})[spoil])
    with pytest.raises(InputError, match="model.keras") as caught:
        load(copy)
    assert "\n" not in str(caught.value)


def test_model_that_is_no_detector(copy):
    import keras

    stranger = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    stranger.save(copy / "model.keras")
    change(copy, files={})
    with pytest.raises(InputError, match="not a detector of ours"):
        load(copy)


def test_card_and_model_of_different_bundles(copy):
    change(copy, image_size=48)
    with pytest.raises(InputError, match="different bundles"):
        load(copy)


def test_a_precision_that_keras_does_not_compute_in_is_told(bundle_folder):
    with pytest.raises(InputError, match="keras computes in float32, not in int8: give no"):
        load(bundle_folder, "keras", "int8")


def test_temperature_of_the_card_is_used(copy, detector, make_picture):
    images = make_picture(0, 32, 32)[None]
    promise = {"asked": 0.1, "rate": 0.1, "bound": 0.2, "count": 9, "source": "a", "too_small": {}}
    change(
        copy,
        calibration={
            "temperature": 4.0, "t_fake": 1.0, "t_real": -1.0, "false_fake": promise,
            "false_real": promise, "scores": {"real": {}, "fake": {}},
            "smallest_side": 0, "resolutions": [],
        },
    )  # fmt: skip
    cooler, plain = load(copy).score(images), detector.score(images)
    np.testing.assert_allclose(cooler.logit, plain.logit, atol=1e-6)
    np.testing.assert_allclose(cooler.p_fake, 1 / (1 + np.exp(-plain.logit / 4)), atol=1e-6)


def test_card_cannot_be_changed_by_accident(make_card):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_card().image_size = 64
