"""Two bundles on the same images."""

import csv
import json
import shutil

import pytest

from src.detector import bundle, network
from tests import tiny


@pytest.fixture(scope="module")
def other(make_card, tmp_path_factory):
    """Return a bundle that answers otherwise."""
    model = network.build(tiny.NAME, image_size=32)
    tiny.randomise(model, seed=5)
    folder = tmp_path_factory.mktemp("other") / "detector"
    folder.mkdir()
    bundle.save(folder, network.probability(model), make_card())
    return folder


def test_the_ledger_names_every_verdict_that_changed(
    run, bundle_folder, other, detector, test_set, tmp_path
):
    out = tmp_path / "out"
    result = run("compare", bundle_folder, other, "--data-dir", test_set, "--output", out)
    assert result.exit_code == 0, result.stderr
    with (out / "changed.csv").open(newline="") as file:
        changed = list(csv.DictReader(file))
    second = bundle.load(other)
    images = sorted(test_set.rglob("*.png"))
    expected = {
        str(path)
        for path in images
        if detector.predict(path).verdict != second.predict(path).verdict
    }
    assert expected, "the test needs detectors that disagree"
    assert {row["path"] for row in changed} == expected
    facts = json.loads((out / "comparison.json").read_text())
    lost = [row for row in changed if row["before"] == row["label"]]
    assert changed[: len(lost)] == lost
    assert (facts["images"], facts["changed_verdicts"], facts["lost"]) == (
        len(images), len(changed), len(lost),
    )  # fmt: skip
    answers = facts["answers"]
    assert answers["only_first"] == len(lost)
    assert answers["only_second"] == len(changed) - len(lost)
    assert (
        f"{len(changed)} verdicts changed, {len(lost)} of them were right before" in result.stdout
    )


def test_frames_of_one_video_are_no_more_evidence_than_one(
    run, bundle_folder, other, test_set, tmp_path
):
    data, images = shutil.copytree(test_set, tmp_path / "data"), len(list(test_set.rglob("*.png")))

    def compared(*options):
        fixed = ("--data-dir", data, "--output", tmp_path / "out", "--overwrite", "--json")
        return json.loads(run("compare", bundle_folder, other, *fixed, *options).stdout)

    alone = compared()
    for path in [*data.rglob("*.png")]:
        for number in range(5):
            shutil.copy(path, path.with_name(f"{path.stem}_{number}.png"))
        path.unlink()
    names = [path.relative_to(data).as_posix() for path in data.rglob("*.png")]
    lines = [f"{name},{name.rsplit('_', 1)[0]}" for name in names]
    (data / "groups.csv").write_text("\n".join(["path,group", *lines]))
    frames = compared()
    assert (frames["images"], frames["independent"]) == (5 * images, images)
    assert (frames["auc"], frames["answers"]) == (alone["auc"], alone["answers"])
    assert frames["changed_verdicts"] == 5 * alone["changed_verdicts"]


def test_a_detector_compared_with_itself(run, bundle_folder, test_set, tmp_path):
    options = ("--data-dir", test_set, "--output", tmp_path / "out")
    result = run("compare", bundle_folder, bundle_folder, *options, "--json")
    facts = json.loads(result.stdout)
    assert (facts["auc"]["difference"], facts["changed_verdicts"]) == (0, 0)
    again = run("compare", bundle_folder, bundle_folder, *options)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


def test_an_output_that_is_no_folder_is_told_before_the_work(run, tmp_path):
    (tmp_path / "out").write_text("precious")
    options = ("--data-dir", tmp_path / "nothing", "--output", tmp_path / "out")
    result = run("compare", tmp_path / "one", tmp_path / "other", *options)
    assert result.exit_code == 2
    assert "--output" in result.stderr and "is a file" in result.stderr
