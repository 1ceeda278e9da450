"""Starting several processes: what each is told, which GPUs it takes, how they end."""

import itertools
import os
import sys
import time
from pathlib import Path

import pytest

from src import InputError
from src.training import launching, processes


@pytest.fixture(autouse=True)
def _no_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def note(arguments):
    Path(arguments[0], arguments[2]).write_text(" ".join(arguments[1:]))


def fail_second(arguments):
    number = int(arguments[2])
    print(f"heard {number}", file=sys.stderr, flush=True)
    if number:
        sys.exit(2)
    time.sleep(60)


def kill_first(arguments):
    if arguments[2] == "0":
        os.kill(os.getpid(), 9)
    time.sleep(60)


def test_every_process_is_told_its_number_and_the_address_of_the_first(tmp_path):
    assert launching.launch(note, [str(tmp_path)], 2) == 0
    said = [(tmp_path / str(number)).read_text().split() for number in range(2)]
    assert [words[:3] for words in said] == [
        ["--process", str(number), "--coordinator"] for number in range(2)
    ]
    assert len({words[3] for words in said}) == 1
    assert said[0][3].startswith("127.0.0.1:")


def test_one_that_fails_ends_the_others_and_is_heard(tmp_path, capfd):
    began = time.monotonic()
    assert launching.launch(fail_second, [str(tmp_path)], 2) == 2
    assert time.monotonic() - began < 50
    heard = capfd.readouterr().err
    assert "heard 1" in heard
    assert "process 1 of 2 failed" in heard


def test_one_that_is_killed_ends_the_others(tmp_path, capfd):
    assert launching.launch(kill_first, [str(tmp_path)], 2) == 1
    assert "killed by signal 9" in capfd.readouterr().err


class DiesAtOnce:
    """A command that ends the second process before it has a place to speak."""

    numbers = itertools.count()

    def __reduce__(self):
        return (os._exit, (3,)) if next(self.numbers) else (time.sleep, (60,))


def test_one_that_dies_before_it_can_speak_ends_the_others(tmp_path, capfd):
    assert launching.launch(DiesAtOnce(), [str(tmp_path)], 2) == 3
    assert "process 1 of 2 failed" in capfd.readouterr().err


def test_gpus_are_dealt_out(monkeypatch):
    assert launching.gpus_each(2) == [None, None]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert launching.gpus_each(2) == [None, None]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4")
    assert launching.gpus_each(2) == ["0,1", "2,3"]
    with pytest.raises(InputError, match="JAX_PLATFORMS=cpu"):
        launching.gpus_each(6)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert launching.gpus_each(6) == [None] * 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((2, 0, None), "go together"),
        ((1, None, "a:1"), "go together"),
        ((2, 2, "a:1"), "the last one is 1"),
        ((2, 0, "a"), "HOST:PORT"),
    ],
)
def test_options_that_do_not_go_together(given, said, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(InputError, match=said):
        processes.chosen(*given)


def test_another_backend_is_told_why(run, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    result = run("train", "--data-dir", tmp_path, "--processes", 2)
    assert result.exit_code == 2
    assert "KERAS_BACKEND=jax" in result.stderr


def test_features_of_one_process_are_refused(run, tmp_path, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    result = run("train", "--data-dir", tmp_path, "--processes", 2, "--views", 1)
    assert result.exit_code == 2
    assert "--views 0" in result.stderr


def test_padding_is_cut_off_before_a_step():
    class Model:
        def train_step(self, state, data):
            return state, [None if part is None else part.tolist() for part in data]

        test_step = train_step

    class Padded:
        shard = processes.Shard(0, 2, 2)

        def padding(self):
            return {4: 3}

    import numpy as np

    model = Model()
    for _ in range(2):
        processes.cut_padding(model, Padded(), Padded())
    rows = np.arange(4)
    assert model.train_step("state", (rows, rows, None)) == ("state", [[0, 1, 2], [0, 1, 2], None])
    assert model.test_step("state", (rows, None)) == ("state", [[0, 1, 2], None])
