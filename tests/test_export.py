"""Files for other runtimes: what they answer, what is refused, what is chosen."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from src import InputError, processor
from src.detector import exports, load
from src.detector.calibration import Unfamiliar, calibrate
from src.detector.card import read_card
from src.detector.engines import reference
from src.detector.engines.choice import choose
from src.export import export
from src.exporting import agreement
from src.files import sha256

FLOAT = ("onnx", "onnx-float16", "openvino", "litert", "saved_model")


@pytest.fixture(scope="module")
def images(tmp_path_factory, make_picture):
    """Return 20 real and 20 fake pictures to check exports on."""
    root = tmp_path_factory.mktemp("images") / "mine"
    for label, name in enumerate(("real", "fake")):
        folder = root / "validation" / name
        folder.mkdir(parents=True)
        for number in range(20):
            picture = make_picture(7000 + 100 * label + number)
            Image.fromarray(picture).save(folder / f"{number:02}.png")
    return root


@pytest.fixture(scope="module")
def exported(familiar_bundle, images, tmp_path_factory):
    """Return a bundle with familiarity and every float export; do not change it."""
    own = shutil.copytree(familiar_bundle, tmp_path_factory.mktemp("exported") / "detector")
    for format in ("onnx", "openvino", "litert", "saved_model"):
        export(own, format, [images])
    return own


@pytest.fixture
def own(exported, tmp_path):
    """Return a copy that may be changed."""
    return shutil.copytree(exported, tmp_path / "own")


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Make this a processor that no card names, with a cache of its own."""
    monkeypatch.setattr(reference.processor, "describe", lambda: "another processor")
    monkeypatch.setenv("DEEPFAKE_CACHE", str(tmp_path / "cache"))


def test_every_file_gives_what_keras_gives_with_the_evidence(exported, make_picture):
    import onnxruntime
    import openvino
    import tensorflow
    from ai_edge_litert.interpreter import Interpreter

    pictures = np.stack([make_picture(seed, 32, 32) for seed in range(5)])
    wanted = load(exported, "keras").score(pictures)
    floats = pictures.astype(np.float32)
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"))
    names = [output.name for output in session.get_outputs()]
    graph = openvino.Core().compile_model(exported / "openvino" / "model.xml", "CPU",
                                          {"INFERENCE_PRECISION_HINT": "f32"})  # fmt: skip
    saved = tensorflow.saved_model.load(str(exported / "saved_model"))
    answers = {
        "onnx": dict(zip(names, session.run(names, {"image": floats}), strict=True)),
        "openvino": {name: graph(floats)[name] for name in names},
        "litert": Interpreter(str(exported / "model.tflite")).get_signature_runner()(image=floats),
        "saved_model": {name: value.numpy() for name, value in saved.serve(floats).items()},
    }
    for name, got in answers.items():
        assert set(got) == {"logit", "p_fake", "evidence", "bias", "unfamiliarity"}, name
        np.testing.assert_allclose(got["logit"], wanted.logit, atol=2e-4, err_msg=name)
        np.testing.assert_allclose(got["p_fake"], wanted.p_fake, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(got["evidence"], wanted.evidence, atol=2e-4, err_msg=name)
        total = got["evidence"].sum((1, 2)) + got["bias"]
        np.testing.assert_allclose(total, got["logit"], atol=2e-4, err_msg=name)
        assert got["unfamiliarity"].shape == (5,), name
        np.testing.assert_allclose(
            got["unfamiliarity"], wanted.unfamiliarity, rtol=1e-3, err_msg=name
        )


def test_the_card_has_the_hash_of_every_file(exported):
    card = read_card(exported)
    named = dict(card.files)
    for made in card.exports.values():
        named |= made["files"]
    there = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert there - {"card.json"} == named.keys()
    assert named["reference.npz"] == sha256(exported / "reference.npz")


@pytest.mark.parametrize(
    ("engine", "precision"),
    [("openvino", "float32"), ("onnxruntime", "float32"), ("onnxruntime", "float16")],
)
def test_engines_judge_alike_one_by_one_and_in_batches(exported, photos, engine, precision):
    plain, fast = load(exported, "keras"), load(exported, engine, precision)
    assert (fast.engine.name, fast.engine.precision) == (engine, precision)
    tolerance = 1e-4 if precision == "float32" else 0.01
    many = list(fast.predict_files(list(photos) * 5, batch_size=11))
    for path, said in zip(list(photos) * 5, many, strict=True):
        assert said.path == str(path)
        alone = plain.predict(path)
        assert said.p_fake == pytest.approx(alone.p_fake, abs=tolerance)
        assert said.unfamiliarity == pytest.approx(alone.unfamiliarity, rel=10 * tolerance)
    assert fast.predict(photos[0]).p_fake == pytest.approx(many[0].p_fake, abs=tolerance)


def test_the_card_says_what_was_checked(exported):
    card = read_card(exported)
    assert set(FLOAT) <= set(card.exports)
    for name in FLOAT:
        entry = card.exports[name]
        assert entry["processor"] == processor.describe()
        assert "40 images of mine (validation) and 216 variations" in entry["images"]
        for path, digest in entry["files"].items():
            assert sha256(exported / path) == digest
        first = entry["checks"][entry["allowed"][0]]
        limits = exports.LIMITS[entry["allowed"][0]]
        assert first["images"] == 256
        assert first["largest"] <= limits["largest"]
        assert first["unfamiliarity"] <= limits["unfamiliarity"]
        assert entry["familiarity"] == card.familiarity["sha256"]


def test_one_file_of_a_format_is_made_alone(bundle_folder, images, run, tmp_path):
    fresh = shutil.copytree(bundle_folder, tmp_path / "fresh")
    result = run("export", "--model", fresh, "--format", "onnx-float16", "--data-dir", images)
    assert result.exit_code == 0, result.stderr
    assert list(read_card(fresh).exports) == ["onnx-float16"]
    assert sorted(path.name for path in fresh.glob("*.onnx")) == ["model-float16.onnx"]


def test_what_is_there_already_is_left_alone(own, images, run):
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*") if path.is_file()}
    result = run("export", "--model", own, "--format", "litert", "--data-dir", images)
    assert result.exit_code == 0, result.stderr
    assert "litert is there already" in result.stdout
    assert before == {path: path.stat().st_mtime_ns for path in own.rglob("*") if path.is_file()}


def test_another_temperature_makes_an_export_anew(own, images, run):
    assert run("calibrate", "--data-dir", images, "--model", own, "--split", "all").exit_code == 0
    result = run("export", "--model", own, "--format", "litert", "--data-dir", images)
    assert result.exit_code == 0, result.stderr
    assert "already" not in result.stdout
    card = read_card(own)
    assert card.exports["litert"]["temperature"] == card.calibration["temperature"]


def test_an_export_over_its_limit_is_deleted_and_the_command_fails(
    bundle_folder, images, run, tmp_path, monkeypatch
):
    own = shutil.copytree(bundle_folder, tmp_path / "own")
    monkeypatch.setitem(exports.LIMITS["float32"], "largest", -1.0)
    before = sorted(own.rglob("*"))
    result = run("export", "--model", own, "--format", "litert", "--data-dir", images)
    assert result.exit_code == 1
    assert "litert was not accepted (float32: largest difference of p_fake is" in result.stderr
    assert [path for path in sorted(own.rglob("*")) if path.name != "reference.npz"] == before
    assert read_card(own).exports == {}


def test_a_file_that_nothing_can_read_is_rejected_and_the_others_stand(
    bundle_folder, images, run, tmp_path, monkeypatch
):
    from src.exporting import graphs

    own = shutil.copytree(bundle_folder, tmp_path / "own")
    monkeypatch.setattr(graphs, "halve", lambda _, target: target.write_bytes(b"no graph"))
    result = run("export", "--model", own, "--format", "onnx", "--data-dir", images)
    assert result.exit_code == 0, result.stderr
    assert re.search("onnx-float16 was not accepted .*ONNX Runtime cannot run it", result.stdout)
    assert "onnx" in read_card(own).exports
    assert "onnx-float16" not in read_card(own).exports
    assert not (own / "model-float16.onnx").exists()


def test_without_nncf_openvino_is_exported_in_float(
    bundle_folder, images, tmp_path, monkeypatch, run
):
    import src.export

    own = shutil.copytree(bundle_folder, tmp_path / "own")
    known = src.export.find_spec
    monkeypatch.setattr(src.export, "find_spec", lambda n: None if n == "nncf" else known(n))
    result = run("export", "--model", own, "--format", "openvino", "--data-dir", images)
    assert result.exit_code == 0, result.stderr
    assert set(read_card(own).exports) == {"openvino"}
    alone = run("export", "--model", own, "--format", "openvino-int8", "--data-dir", images)
    assert alone.exit_code == 2
    assert "needs nncf: pip install -e '.[export]'" in alone.stderr


def test_a_missing_exporter_is_told_before_anything_is_written(
    bundle_folder, images, tmp_path, monkeypatch, run
):
    from src.exporting import graphs

    own = shutil.copytree(bundle_folder, tmp_path / "own")
    known = graphs.find_spec
    monkeypatch.setattr(graphs, "find_spec", lambda n: None if n == "ai_edge_litert" else known(n))
    before = sorted(own.rglob("*"))
    result = run("export", "--model", own, "--format", "all", "--data-dir", images)
    assert result.exit_code == 2
    assert "pip install -e '.[export]'" in result.stderr
    assert sorted(own.rglob("*")) == before


def test_a_place_that_cannot_be_written_is_told_first(bundle_folder, images, tmp_path, run):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "exports"):
        result = run("export", "--model", bundle_folder, "--format", "onnx", "--data-dir", images,
                     "--output", place, "--overwrite")  # fmt: skip
        assert result.exit_code == 2
        assert "cannot write into" in result.stderr


def test_images_that_cannot_be_read_are_an_error_and_no_fault_of_the_export(
    bundle_folder, tmp_path, run
):
    own = shutil.copytree(bundle_folder, tmp_path / "own")
    for name in ("real", "fake"):
        (tmp_path / "broken" / "validation" / name).mkdir(parents=True)
        (tmp_path / "broken" / "validation" / name / "a.png").write_text("no picture")
    result = run("export", "--model", own, "--format", "onnx", "--data-dir", tmp_path / "broken")
    assert result.exit_code == 2
    assert "none of the images to check an export on can be read" in result.stderr


def test_another_measure_of_familiarity_makes_an_export_anew(own, images, run):
    card = read_card(own)
    learnt = np.load(own / "familiarity.npz")
    np.savez(own / "familiarity.npz", **(dict(learnt) | {"center": learnt["center"] + 1}))
    facts = card.familiarity | {"sha256": sha256(own / "familiarity.npz")}
    (own / "card.json").write_text(replace(card, familiarity=facts).to_json())
    assert load(own).engine.name == "keras", "no export may tell another distance"
    result = run("export", "--model", own, "--format", "litert", "--data-dir", images)
    assert "already" not in result.stdout
    assert read_card(own).exports["litert"]["familiarity"] == facts["sha256"]


def test_a_changed_file_is_never_run(own, photos):
    with (own / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        InputError, match=r"model.onnx is not the file that was checked.*--overwrite"
    ):
        load(own, "onnxruntime", "float32")
    (own / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"model.onnx is missing"):
        load(own, "onnxruntime", "float32")


def test_auto_takes_the_fastest_that_was_accepted(own, bundle_folder):
    assert load(bundle_folder).engine.name == "keras"
    card = read_card(own)
    assert choose(own, card).engine.name == "openvino"
    without = {name: entry for name, entry in card.exports.items() if name != "openvino"}
    found = choose(own, replace(card, exports=without)).engine
    assert (found.name, found.precision) == ("onnxruntime", "float32")
    entry = card.exports["openvino"] | {"allowed": ["float32"]}
    found = choose(own, replace(card, exports={"openvino": entry})).engine
    assert (found.name, found.precision) == ("openvino", "float32")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("openvino", "float16"), "by openvino in float16"),
        (("auto", "float64"), "precision: expected one of"),
        (("torch", None), "engine: expected one of"),
    ],
)
def test_what_was_asked_for_by_name_and_is_not_there(exported, asked, message):
    with pytest.raises(InputError, match=message):
        load(exported, *asked)


def test_a_bundle_without_exports_says_how_to_make_them(bundle_folder):
    with pytest.raises(InputError, match=r"no exports.*deepfake export --model"):
        load(bundle_folder, "openvino")


def test_another_processor_is_checked_once(own, elsewhere, tmp_path, photos, monkeypatch):
    assert load(own, "openvino", "float32").engine.name == "openvino"
    (remembered,) = (tmp_path / "cache" / "engines").iterdir()
    facts = json.loads(remembered.read_text())
    assert facts["trusted"] is True
    assert 0 <= facts["difference"] <= 1e-4
    monkeypatch.setattr(reference, "_difference", lambda *_: pytest.fail("checked again"))
    load(own, "openvino", "float32")


def test_an_engine_that_answers_otherwise_there_is_not_used(own, elsewhere, caplog):
    with np.load(own / "reference.npz") as known:
        images, logit = known["images"], known["logit"]
    np.savez_compressed(own / "reference.npz", images=images, logit=logit + 1)
    with pytest.raises(InputError, match="not accepted"):
        load(own, "openvino", "float32")
    assert "is not used on this processor (another processor)" in caplog.text
    assert load(own).engine.name == "keras"


def test_without_reference_scores_another_processor_is_told(own, elsewhere):
    (own / "reference.npz").unlink()
    with pytest.raises(InputError, match="export the bundle again"):
        load(own, "openvino", "float32")


def test_predict_with_an_engine_loads_no_framework(exported, photos, python):
    call = ["predict", str(photos[0]), "--model", str(exported), "--precision", "float32"]
    heavy = ("tensorflow", "keras", "scipy", "sklearn")
    program = (
        "import sys\n"
        "from src.cli import main\n"
        f"main([*{call}, '--engine', sys.argv[1]], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    for engine in ("openvino", "onnxruntime"):
        result = python("-c", program, engine)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == "[]"


def test_gradients_come_from_keras_whatever_judges(exported, photos, run, tmp_path):
    picture = tmp_path / "x.png"
    result = run("gradcam", photos[0], "--model", exported, "--layer", "block1_conv",
                 "--output", picture)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert picture.is_file()


def compared(wanted, got, **options):
    def outputs(logit):
        logit = np.array(logit, float)
        half = np.stack([logit, logit], axis=1)[:, None] / 4
        return {"logit": logit, "evidence": half, "bias": logit / 2}

    labels = np.array(options.pop("labels", [-1] * len(wanted)))
    return agreement.compare(outputs(wanted), outputs(got), labels, None, **options)


def test_agreement_counts_what_a_person_would_miss():
    same = compared([-2.0, 0.5, 3.0], [-2.0, 0.5, 3.0], precision="float32")
    assert (same.largest, same.verdicts, same.far) == (0.0, 0, 0)
    assert same.evidence == pytest.approx(1)
    assert same.fault("float32") is None
    near = compared([-2.0, -0.001, 3.0], [-2.0, 0.001, 3.0], precision="float16")
    assert (near.verdicts, near.far) == (1, 0)
    assert near.fault("float16") is None
    far = compared([-2.0, -1.0, 3.0], [-2.0, 1.0, 3.0], precision="int8", labels=[0, 0, 1])
    assert (far.verdicts, far.far) == (1, 1)
    assert "mean difference" in far.fault("int8")
    assert "1 verdicts changed away from the thresholds" in far.fault("int8")
    order = compared([0.0, 1.0], [1.0, 0.0], precision="float32", labels=[0, 1])
    assert order.auc_loss == 1.0
    broken = compared([0.0], [np.nan], precision="float32")
    assert broken.fault("float32")


def distances(before, after, threshold, precision):
    def outputs(values):
        values = np.array(values)
        same = np.arange(len(values)) + 1.0
        return {"logit": same, "evidence": np.stack([same] * 2, 1)[:, None] / 4, "bias": same / 2,
                "unfamiliarity": values}  # fmt: skip

    labels = np.repeat([0, 1], 10)
    found = calibrate(np.arange(20.0), labels, ["set"] * 20, list(map(str, range(20))))
    found = replace(found, unfamiliar=Unfamiliar(threshold, 0.99, 20))
    nobody = np.array([-1] * len(before))
    return agreement.compare(outputs(before), outputs(after), nobody, found, precision)


def test_agreement_is_about_familiarity_too():
    same = distances([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 2.5, "float32")
    assert (same.unfamiliarity, same.unfamiliarity_tail, same.unfamiliar) == (0.0, 0.0, 0)
    near = distances([1.0, 2.0, 2.99], [1.0, 2.0, 3.01], 3.0, "float16")
    assert near.unfamiliar == 0
    assert near.fault("float16") is None
    assert "largest relative difference of the unfamiliarity" in near.fault("float32")
    far = distances([1.0, 2.0, 4.0], [1.0, 2.0, 2.0], 3.0, "int8")
    assert far.unfamiliar == 1
    assert "1 images became familiar, or no longer are" in far.fault("int8")
    # A training face has no distance to itself, and any other is infinitely far from that.
    assert distances([0.0, 2.0, 3.0], [1e-4, 2.0, 3.0], 2.5, "float32").unfamiliarity < 1e-3
    broken = distances([1.0, 2.0, 3.0], [np.nan, 2.0, 3.0], 2.5, "float32")
    assert broken.fault("float32")
