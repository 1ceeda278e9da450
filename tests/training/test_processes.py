"""One network trained by two processes, as a person starts them, and as the only one does it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from src.detector import bundle
from tests.test_train import REPOSITORY, SIZE, history_of, make_data

pytestmark = pytest.mark.slow

# Notes which image files each process decodes. A file, because what `--processes` starts loads the
# main module again.
SCRIPT = """
import os, sys
from tests import tiny
tiny.register()
from src.data.cache import ImageCache
from src.train import command

def noted(self, index, decode=ImageCache._hash_and_hold):
    with open(os.environ["NOTES"], "a") as notes:
        print(self._shard.number, self.paths[index].name, self.paths[index].parent, file=notes)
    return decode(self, index)

ImageCache._hash_and_hold = noted
if __name__ == "__main__":
    command(sys.argv[1:])
"""
IMAGES = {"train": 15, "validation": 10}
EPOCHS = 3


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a training; 7 images a batch do not divide by two."""
    pytest.importorskip("jax")
    data = make_data(tmp_path / "data", IMAGES)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    started = []

    def start(output: str, *more: object) -> subprocess.Popen:
        arguments = [
            "--data-dir", data, "--output", tmp_path / output, "--backbone", "tiny",
            "--image-size", SIZE, "--weights", "none", "--warmup-epochs", 1,
            "--finetune-epochs", EPOCHS - 1, "--batch-size", 7, "--augment", "full",
            "--precision", "float32", "--faces", "off", "--no-export", *more,
        ]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, script, *map(str, arguments)],
            env=os.environ
            | {
                "PYTHONPATH": str(REPOSITORY),
                "KERAS_BACKEND": "jax",
                "JAX_PLATFORMS": "cpu",
                "NOTES": str(tmp_path / f"{output}.notes"),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def ended_well(*processes: subprocess.Popen) -> None:
    for process in processes:
        _, said = process.communicate(timeout=900)
        assert process.returncode == 0, said


def test_two_processes_repeat_the_only_one_even_if_they_are_killed(start, tmp_path):
    ended_well(start("alone"))

    # On one host; killed with all that it started.
    pair, state = start("pair", "--processes", 2), tmp_path / "pair.partial"
    deadline = time.monotonic() + 900
    while not (state / "epoch-0001").exists() and time.monotonic() < deadline:
        assert pair.poll() is None, pair.stderr.read()
        time.sleep(0.01)
    pair.send_signal(signal.SIGKILL)
    pair.communicate(timeout=60)
    assert not (tmp_path / "pair").exists()
    decoded = [line.split(maxsplit=1) for line in (tmp_path / "pair.notes").open()]
    shares = [{name for number, name in decoded if number == one} for one in "01"]
    assert [len(share) for share in shares] == [sum(IMAGES.values())] * 2
    assert not shares[0] & shares[1]
    assert len(decoded) == len(shares[0] | shares[1])

    # Resumed as two hosts would.
    place = ("--resume", "--processes", 2, "--coordinator", "127.0.0.1:29871", "--process")
    ended_well(*[start("pair", *place, number) for number in range(2)])
    rows = [history_of(tmp_path / output) for output in ("alone", "pair")]
    assert len(rows[0]) == len(rows[1]) == EPOCHS
    for expected, found in zip(*rows, strict=True):
        for name in ("loss", "val_loss", "auc", "val_auc", "learning_rate"):
            assert float(found[name]) == pytest.approx(float(expected[name]), abs=1e-4), name
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"data", "script.py", "alone", "pair", "alone.notes", "pair.notes"}
    assert bundle.load(tmp_path / "pair").card.training["epochs"] == EPOCHS
