"""One table, whoever judges: this process, or two workers of a Ray cluster on this machine."""

import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from PIL import Image

from src import InputError
from src.predict import find
from src.scanning import workers
from src.scanning.plan import Settings, begin
from src.scanning.scan import scan
from src.scanning.workers import Task

PARTS = 20


def table(folder):
    import pyarrow.parquet as pq

    return pq.read_table(folder).to_pylist()


def lines(run, *arguments):
    """Return what the single process prints, with nulls for what a line does not have."""
    rows = [json.loads(line) for line in run("predict", *arguments, "--json").stdout.splitlines()]
    names = [*dict.fromkeys(name for row in rows for name in row)]
    return [{name: row.get(name) for name in names} for row in rows]


@pytest.fixture
def listed(photos, tmp_path):
    """Return a list with a blank line, a name twice, a missing file and one that is no image."""
    (tmp_path / "text.png").write_text("no image")
    names = [*photos, "", "missing.jpg", tmp_path / "text.png", photos[0]]
    path = tmp_path / "list.txt"
    path.write_text("\n".join(map(str, names)))
    return path


def test_the_table_has_the_rows_of_the_json_lines(run, bundle_folder, listed, tmp_path):
    output = tmp_path / "out.parquet"
    result = run("predict", listed, "--model", bundle_folder, "--output", output)
    assert result.exit_code == 2
    assert "8 files, 2 of them could not be read; 8 judged now" in result.stdout
    assert "no error rate is promised" in result.stderr
    assert table(output) == lines(run, listed, "--model", bundle_folder)


def test_a_second_run_judges_only_what_is_missing(bundle_folder, photos, tmp_path, monkeypatch):
    output = tmp_path / "out.parquet"
    first = scan(photos, output, bundle_folder, part_size=2)
    assert (first.images, first.errors, first.judged) == (5, 0, 5)
    (output / "part-000001.parquet").unlink()
    before = table(output)
    assert scan(photos, output, bundle_folder).judged == 2
    assert [row for row in table(output) if row in before] == before
    assert [row["path"] for row in table(output)] == list(map(str, photos))
    # What is all there is told without a detector.
    monkeypatch.setattr(workers, "load", None)
    assert scan(photos, output, bundle_folder).judged == 0


def test_errors_of_earlier_runs_count(run, bundle_folder, listed, tmp_path):
    asked = ("predict", listed, "--model", bundle_folder, "--output", tmp_path / "out.parquet")
    assert run(*asked).exit_code == 2
    again = run(*asked, "--json")
    assert again.exit_code == 2
    summary = json.loads(again.stdout)
    assert (summary["images"], summary["errors"], summary["judged"]) == (8, 2, 0)


def test_a_run_that_is_cut_off_leaves_whole_parts_that_the_next_one_keeps(
    bundle_folder, photos, tmp_path, monkeypatch
):
    import pyarrow.parquet as pq

    output, whole = tmp_path / "out.parquet", pq.write_table

    def cut_off(rows, path, **options):
        whole(rows, path, **options)
        if path.name.endswith("part-000001.parquet"):
            shutil.copyfile(path, output / ".1.part-000001.parquet")
            raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", cut_off)
    with pytest.raises(KeyboardInterrupt):
        scan(photos, output, bundle_folder, part_size=2)
    assert [row["path"] for row in table(output)] == list(map(str, photos[:2]))
    monkeypatch.undo()
    assert scan(photos, output, bundle_folder).judged == 3
    assert [row["path"] for row in table(output)] == list(map(str, photos))
    assert not list(output.glob(".*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--output", "x.parquet", "--workers", "dask"), "--workers: expected ray"),
        (("--output", "x.parquet", "--workers", "ray:0"), "--workers: expected ray"),
        (("--workers", "ray"), "--workers: of no effect without --output"),
        (("--output", "x.parquet", "--worker-cpus", "2"), "no effect without --workers"),
        (("--overwrite",), "--output"),
        (("--output", "x.jsonl"), r"ends in .parquet"),
    ],
)
def test_usage(run, bundle_folder, photos, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    result = run("predict", photos[0], "--model", bundle_folder, *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_the_images_are_only_read(run, bundle_folder, test_set):
    result = run("predict", test_set, "--model", bundle_folder, "--output", test_set / "x.parquet")
    assert result.exit_code == 2
    assert "apart" in result.stderr
    assert not (test_set / "x.parquet").exists()


@pytest.mark.parametrize(
    ("ray", "name", "extra"), [(True, "ray", "ray"), (False, "pyarrow", "table")]
)
def test_a_missing_package_is_told_first(
    bundle_folder, photos, tmp_path, monkeypatch, ray, name, extra
):
    found = workers.find_spec
    monkeypatch.setattr(workers, "find_spec", lambda asked: None if asked == name else found(asked))
    with pytest.raises(InputError, match=rf"{name}.*pip install -e '\.\[{extra}\]'"):
        scan(photos, tmp_path / "out.parquet", bundle_folder, ray=ray)
    assert list(tmp_path.iterdir()) == []


def test_a_host_with_another_bundle_does_not_judge(bundle_folder, photos, tmp_path):
    settings = Settings("0" * 64)
    plan = begin(tmp_path / "out.parquet", photos, settings)
    task = Task(str(bundle_folder), settings, str(tmp_path))
    with pytest.raises(InputError, match="another model here"):
        list(workers.here(plan, task, plan.waiting()))
    assert plan.waiting() == [0]


@pytest.mark.parametrize("listed_first", [False, True])
def test_lists_of_what_is_missing(run, bundle_folder, tmp_path, listed_first):
    path = tmp_path / "list.txt"
    if listed_first:
        path.write_text("\n \n")
    for options in ((), ("--output", tmp_path / "out.parquet")):
        result = run("predict", path, "--model", bundle_folder, *options)
        assert result.exit_code == 2 or (listed_first and not options)
    assert ("empty" if listed_first else "expected a list") in result.stderr


def test_lines_of_a_list_are_files_and_lines_of_standard_input_are_no_lists(photos, tmp_path):
    (tmp_path / "a.txt").write_text(f"{tmp_path}\n{tmp_path / 'a.txt'}\n")
    assert list(find([tmp_path / "a.txt"])) == [str(tmp_path), str(tmp_path / "a.txt")]
    folder = tmp_path / "folder.txt"
    folder.mkdir()
    shutil.copyfile(photos[0], folder / "a.png")
    assert list(find([folder])) == [folder / "a.png"]


def test_an_address_without_a_cluster_is_told(run, bundle_folder, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    output = tmp_path / "out.parquet"
    asked = ("predict", photos[0], "--model", bundle_folder, "--output", output)
    result = run(*asked, "--workers", "ray")
    assert result.exit_code == 2
    assert "RAY_ADDRESS=127.0.0.1:1: no Ray cluster there" in result.stderr


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Yield Ray on this machine, with two processors of its own."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=workers.OBJECT_STORE,
    )
    yield ray
    ray.shutdown()


def judges():
    """Return the processes that judge."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "_OnRay" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            pass
    return found


@pytest.mark.slow
def test_two_workers_of_whom_one_is_killed_give_the_rows_of_one_process(
    cluster, run, bundle_folder, make_picture, tmp_path, monkeypatch
):
    # Paths that start where this process stands, which the workers do not.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    names = []
    for seed in range(4 * PARTS - 3):
        names.append(f"photos/{seed}.png")
        Image.fromarray(make_picture(seed, 400, 300)).save(names[-1])
    names[7:7] = ["missing.jpg", names[0], "photos"]
    output = tmp_path / "out.parquet"

    def kill_one_in_the_middle() -> tuple[psutil.Process, int]:
        while len(done := list(output.glob("part-*"))) < 2:
            time.sleep(0.002)
        busiest = max(judges(), key=lambda process: process.cpu_times().user)
        busiest.send_signal(signal.SIGKILL)
        return busiest, len(done)

    with ThreadPoolExecutor(1) as killer:
        killing = killer.submit(kill_one_in_the_middle)
        summary = scan(names, output, bundle_folder, stability=9, ray=True, workers=2, part_size=4)
        killed, done = killing.result()
    assert not killed.is_running()
    assert 2 <= done < PARTS
    assert (summary.images, summary.errors, summary.judged) == (4 * PARTS, 2, 4 * PARTS)

    (tmp_path / "list.txt").write_text("\n".join(names))
    wanted = lines(run, "list.txt", "--model", bundle_folder, "--stability", 9)
    rows = table(output)
    assert [row["path"] for row in rows] == names
    for row, one in zip(rows, wanted, strict=True):
        for name in ("p_fake", "logit"):
            assert row.pop(name) == pytest.approx(one.pop(name), abs=1e-3)
    assert rows == wanted


@pytest.mark.slow
def test_what_a_worker_cannot_do_is_one_sentence(
    cluster, run, bundle_folder, photos, tmp_path, monkeypatch
):
    asked = ("predict", *photos, "--model", bundle_folder, "--output", tmp_path / "out.parquet")
    result = run(*asked, "--workers", "ray", "--engine", "onnxruntime")
    assert result.exit_code == 2
    assert "Error: a worker cannot go on" in result.stderr
    assert "deepfake export" in result.stderr
    result = run(*asked, "--workers", "ray", "--worker-cpus", 64)
    assert result.exit_code == 2
    assert "64 processors: the cluster has 2" in result.stderr
