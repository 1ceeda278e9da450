"""The audit as a person runs it: each planted fault is found, and nothing else."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from src.audit import audit
from tests.auditing import planted

REPOSITORY = Path(__file__).parent.parent


def codes(folder, **options):
    return [finding.code for finding in audit([folder], **options).findings]


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    """Return a data set without a fault; do not change it."""
    return planted.data(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def folder(clean, tmp_path) -> Path:
    """Return a copy of the clean data set, to plant a fault in."""
    return Path(shutil.copytree(clean, tmp_path / "set"))


def test_a_clean_set_passes(clean):
    assert codes(clean) == []


def test_the_shipped_sample_passes():
    audited = audit([REPOSITORY / "dataset"])
    assert audited.stops == ()
    assert audited.container.auc.value == audited.container.auc.high == 0.5


@pytest.mark.parametrize(
    ("fault", "cue", "typical"),
    [
        (lambda name, n: {"suffix": ".png"} if name == "fake" else {}, "format", "PNG in 100%"),
        (lambda name, n: {"size": 72} if name == "fake" else {}, "width", "72 px in 100%"),
        (lambda name, n: {"quality": 75} if name == "fake" else {}, "quantisation tables", "a me"),
        (lambda name, n: {"subsampling": 0} if name == "fake" else {}, "chroma subsampling", "4:4"),
        (lambda name, n: {"progressive": True} if name == "fake" else {}, "progressive", "yes"),
        (lambda name, n: {"exif": exif()} if name == "fake" else {}, "EXIF", "yes"),
        (lambda name, n: {"icc_profile": profile()} if name == "fake" else {}, "colour pr", "yes"),
        # A hint that is true of most images only.
        (lambda name, n: {"quality": 75} if (name == "fake") == (n % 6 > 0) else {}, "quant", "a "),
    ],
)
def test_what_the_files_tell_stops(tmp_path, fault, cue, typical):
    audited = audit([planted.data(tmp_path, fault)])
    stops = audited.stops
    assert [finding.code for finding in stops] == ["container_shortcut"]
    assert cue in stops[0].sentence
    assert "--equalize" in stops[0].sentence
    assert audited.container.typical[1].startswith(typical)
    # Size and quality leave traces in the pixels too, which may warn.
    assert {finding.code for finding in audited.findings} <= {
        "container_shortcut",
        "content_shortcut",
    }
    real, fake = audited.container.extremes
    assert all("/real/" in path for path in real) and all("/fake/" in path for path in fake)


def exif() -> bytes:
    data = Image.Exif()
    data[0x010F] = "camera"
    return data.tobytes()


def profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_what_both_classes_have_in_the_same_measure_is_no_shortcut(tmp_path):
    def mixed(name, number):
        return {
            "quality": (60, 75, 90)[number % 3],
            "suffix": ".png" if number % 7 == 0 else ".jpg",
        }

    assert codes(planted.data(tmp_path, mixed)) == []


def test_a_rare_cue_is_no_shortcut(tmp_path):
    def rare(name, number):
        return {"exif": exif()} if name == "fake" and number < 2 else {}

    assert codes(planted.data(tmp_path, rare)) == []


def test_the_gate_is_where_the_person_puts_it(tmp_path):
    def hint(name, number):
        return {"suffix": ".png"} if (name == "fake") == (number % 8 > 0) else {}

    folder = planted.data(tmp_path, hint)
    found = audit([folder])
    assert found.stops[0].code == "container_shortcut"
    assert found.container.auc.low < 0.9
    assert "container_shortcut" not in codes(folder, max_shortcut_auc=0.9)


def test_equalising_levels_the_files(tmp_path):
    folder = planted.data(tmp_path, lambda n, _: {"suffix": ".png"} if n == "fake" else {})
    audited = audit([folder], equalize=True)
    assert audited.stops == ()
    assert audited.container.auc.low == 1.0
    assert audited.equalized.container.auc.high == 0.5
    assert audited.equalized.size == planted.SIZE


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_copy_in_another_split_stops(folder, suffix):
    source = folder / "train" / "real" / "p0003.jpg"
    copy = folder / "test" / "real" / f"copy{suffix}"
    Image.open(source).save(copy) if suffix != ".jpg" else shutil.copy(source, copy)
    (finding,) = audit([folder]).findings
    assert (finding.code, finding.stops) == ("copies_across_splits", True)
    assert finding.examples == ((str(source), str(copy)),)


def test_a_picture_that_is_real_and_fake_stops(folder):
    shutil.copy(folder / "train/real/p0003.jpg", folder / "train/fake/same.jpg")
    (finding,) = audit([folder]).findings
    assert (finding.code, finding.stops) == ("label_conflicts", True)


def test_a_fake_and_its_original_are_no_conflict_and_not_suspicious(folder):
    shutil.copy(folder / "train/real/p0003.jpg", folder / "train/fake/untouched.jpg")
    retouched = Image.open(folder / "train/real/p0004.jpg").point(lambda v: v * 0.9)
    planted.save(retouched, folder / "train/fake/retouched")
    rows = ["train,untouched.jpg,p0003.jpg", "train,retouched.jpg,p0004.jpg"]
    assert set(codes(folder)) == {"label_conflicts", "near_across_classes"}
    (folder / "pairs.csv").write_text("\n".join(["split,fake,original", *rows]))
    assert codes(folder) == []


def test_a_group_in_two_splits_stops(folder):
    rows = ["train/real/p0003.jpg,film", "test/real/p0003.jpg,film", "train/real/p0004.jpg,film"]
    (folder / "groups.csv").write_text("\n".join(["path,group", *rows]))
    (finding,) = audit([folder]).findings
    assert (finding.code, finding.stops) == ("straddling", True)
    assert "more than one split: 1, with 3 images" in finding.sentence


def test_frames_of_one_video_in_two_splits_stop(tmp_path):
    folder = tmp_path / "set"
    for split, videos in (("train", range(12)), ("test", range(11, 16))):
        for video in videos:
            for frame in range(2):
                seed = 1000 * video + 10 * frame + (split == "test")
                planted.save(planted.picture(seed), folder / split / "real" / f"{video:03}_{frame}")
                fake = folder / split / "fake" / f"{video:03}_{video + 100:03}_{frame}"
                planted.save(planted.picture(seed + 5), fake)
    assert [finding.code for finding in audit([folder]).stops] == ["straddling"]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("test/real", "near_across_splits"),
        ("train/fake", "near_across_classes"),
        ("train/real", "near_within"),
    ],
)
def test_a_nearly_equal_picture_warns(folder, place, code):
    image = Image.open(folder / "train" / "real" / "p0003.jpg")
    planted.save(image.resize((48, 48)).point(lambda v: v * 0.9), folder / place / "again")
    (finding,) = audit([folder]).findings
    assert (finding.code, finding.stops) == (code, False)


def test_copies_within_a_class_warn(folder):
    shutil.copy(folder / "train/real/p0003.jpg", folder / "train/real/again.jpg")
    assert codes(folder) == ["copies_within"]


def test_unreadable_files_are_named(folder):
    (folder / "train" / "real" / "p0003.jpg").write_bytes(b"no picture")
    audited = audit([folder])
    (finding,) = audited.findings
    assert finding.code == "unreadable" and "p0003.jpg" in finding.sentence
    assert audited.counts["train"] == {"real": 39, "fake": 40}


def test_a_handful_of_images_is_not_judged(tmp_path):
    for name in ("real", "fake"):
        for number in range(9):
            suffix = ".png" if name == "fake" else ".jpg"
            seed = number + 100 * (name == "fake")
            planted.save(planted.picture(seed), tmp_path / "train" / name / str(number), suffix)
    assert codes(tmp_path) == ["too_few_to_judge"]


def test_classes_from_different_folders_with_different_groups_are_judged(tmp_path):
    """All reals are of one group: leaving that out would leave nothing to learn from."""
    folder = planted.data(tmp_path, lambda n, _: {"suffix": ".png"} if n == "fake" else {})
    names = sorted(path.relative_to(folder) for path in folder.rglob("*/real/*"))
    rows = [f"{path.as_posix()},{path.parts[0]}" for path in names]
    (folder / "groups.csv").write_text("\n".join(["path,group", *rows]))
    assert [finding.code for finding in audit([folder]).stops] == ["container_shortcut"]


def test_the_verb_writes_json_and_a_page_and_exits_by_the_gates(clean, tmp_path, run):
    folder = tmp_path / "set"
    shutil.copytree(clean, folder)
    hostile = "<script>alert(1)</script>&.jpg".replace("/", "")
    shutil.copy(folder / "train/real/p0003.jpg", folder / "test/real" / hostile)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    result = run("audit", "--data-dir", folder, "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "STOP" in result.stdout and "copies_across_splits" in result.stderr
    facts = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert [finding["code"] for finding in facts["findings"]] == ["copies_across_splits"]
    html = (tmp_path / "out" / "audit.html").read_text()
    assert "data:image/jpeg;base64," in html and "viewport" in html
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    again = run("audit", "--data-dir", folder, "--output", tmp_path / "out")
    assert again.exit_code == 2 and "--overwrite" in again.stderr


def test_the_verb_is_content_with_a_clean_set_and_speaks_json(clean, tmp_path, run):
    result = run("audit", "--data-dir", clean, "--output", tmp_path / "out", "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["counts"]["train"] == {"real": 40, "fake": 40}
    assert facts["container"]["auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert run("audit", "--data-dir", tmp_path / "nowhere").exit_code == 2


def test_a_remembered_audit_is_not_made_again_until_a_file_changes(folder, monkeypatch):
    from src import audit as verb

    first = audit([folder], equalize=True, remembered=True)
    made = []
    original = verb.survey
    monkeypatch.setattr(verb, "survey", lambda *a, **k: made.append(1) or original(*a, **k))
    second = audit([folder], equalize=True, remembered=True, max_shortcut_auc=0.7)
    assert not made
    assert second.max_shortcut_auc == 0.7
    assert second.to_dict() | {"max_shortcut_auc": 0.65} == first.to_dict()
    assert second.baseline == first.baseline
    shutil.copy(folder / "train/real/p0003.jpg", folder / "test/real/p0003.jpg")
    assert [f.code for f in audit([folder], equalize=True, remembered=True).stops] == [
        "copies_across_splits"
    ]
    assert made


def test_an_audit_from_before_a_file_could_be_read_is_not_remembered(tmp_path, monkeypatch):
    heif = pytest.importorskip("pillow_heif")
    for name in ("real", "fake"):
        planted.save(planted.picture(len(name) + ord(name[0])), tmp_path / name / "a")
    heif.from_pillow(planted.picture(1)).save(tmp_path / "real" / "b.heic")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pillow_heif", None)
        assert "pip install" in audit([tmp_path], remembered=True).unreadable[0][1]
    assert audit([tmp_path], remembered=True).unreadable == []
