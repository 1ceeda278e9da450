"""The GPU's benchmark at toy size, and its baseline held against our network."""

import json
import math

import numpy as np
import pytest
import tiny
from click.testing import CliRunner

from benchmarks import gpu
from src.detector import evidence, network
from src.training import phases
from src.training.settings import SCRATCH, Settings

TRAINING = (phases.WARM_UP, phases.FINE_TUNE, SCRATCH)


def bench(*arguments):
    return CliRunner().invoke(gpu.command, [str(argument) for argument in arguments])


def test_every_task_is_measured_and_written(tmp_path):
    output = tmp_path / "results.json"
    result = bench(
        *("--backbone", tiny.NAME, "--image-size", 32, "--seconds", 0.02),
        *("--batch-sizes", "2", "--output", output),
    )
    assert result.exit_code == 0, result.output
    rows = json.loads(output.read_text())["rows"]
    assert [(row["task"], row["batch"]) for row in rows] == [(task, 2) for task in gpu.TASKS]
    for row in rows:
        assert math.isfinite(row["ours"]) and row["ours"] > 0
        assert row["pytorch"] is None
        if row["task"] == gpu.INFERENCE:
            assert row["fed"] is None
        else:
            assert row["fed_share"] == pytest.approx(row["fed"] / row["ours"])
        assert f"| {row['task']} | {row['batch']} | {row['ours']:.1f} |" in result.output


def test_nothing_starts_that_cannot_end_in_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: now[0])

    class Slow:
        def measure(self, task, batch):
            now[0] += 60.0
            return task, batch

    every = [(task, batch) for batch in (3, 2) for task in gpu.TASKS[:2]]
    assert list(gpu.rows_until(Slow(), gpu.TASKS[:2], [3, 2], deadline=240.0)) == every
    now[0] = 0.0
    # The second would end after 120 seconds.
    assert list(gpu.rows_until(Slow(), gpu.TASKS[:2], [3, 2], deadline=100.0)) == every[:1]


def test_each_side_is_shown_at_its_own_best_batch_size():
    rows = [
        gpu.Row.of(SCRATCH, 64, {gpu.OURS: 100.0, gpu.COMPILED: 120.0}),
        gpu.Row.of(SCRATCH, 128, {gpu.OURS: 150.0, gpu.EAGER: 110.0}),
    ]
    assert rows[1].times_faster == pytest.approx(150 / 110)
    assert gpu.best(rows)[-1] == "| scratch | 150.0 (batch 128) | 120.0 (batch 64) | 1.25 |"


@pytest.mark.parametrize("sizes", ["64,many", "64,²", "64,0"])
def test_sizes_that_are_no_numbers_are_refused(sizes):
    result = bench("--batch-sizes", sizes)
    assert result.exit_code == 2
    assert sizes in result.output


@pytest.fixture(scope="module")
def both():
    """Return our Xception and the baseline with the same weights; 80 pixels give even maps too."""
    pytest.importorskip("torch")
    from benchmarks import torch_xception

    ours = network.build(image_size=80, dropout=0.0)
    tiny.randomise(ours)
    theirs = torch_xception.Xception(dropout=0.0)
    copy_weights(ours, theirs)
    return ours, theirs


def copy_weights(ours, theirs):
    import keras
    import torch

    kinds = torch.nn.Conv2d | torch.nn.BatchNorm2d | torch.nn.Linear
    modules = [(name, m) for name, m in theirs.named_modules() if isinstance(m, kinds)]
    shortcut = [m for name, m in modules if "shortcut" in name]
    straight = [m for name, m in modules if "shortcut" not in name]
    beside = [each for each in network.backbone_layers(ours) if not each.name.startswith("block")]
    # Keras does not keep a shortcut's convolution and its batch norm together.
    beside.sort(key=lambda layer: isinstance(layer, keras.layers.BatchNormalization))
    shortcut.sort(key=lambda module: isinstance(module, torch.nn.BatchNorm2d))
    along = [layer for layer in ours.layers if layer not in beside]
    for layers, into in ((along, straight), (beside, shortcut)):
        arrays = [array for layer in layers for array in as_torch(layer)]
        tensors = [tensor for module in into for tensor in held(module)]
        with torch.no_grad():
            for array, tensor in zip(arrays, tensors, strict=True):
                assert array.shape == tuple(tensor.shape)
                tensor.copy_(torch.tensor(array))


def as_torch(layer):
    """Return a Keras layer's weights in the order and the layout of PyTorch's."""
    weights = [np.asarray(each) for each in layer.get_weights()]
    if "sepconv" in layer.name and len(weights) == 2:
        return [weights[0].transpose(2, 3, 0, 1), weights[1].transpose(3, 2, 0, 1)]
    return [w.transpose(3, 2, 0, 1) if w.ndim == 4 else w.T for w in weights]


def held(module):
    tensors = [module.weight, module.bias, *module.buffers()]
    return [tensor for tensor in tensors if tensor is not None and tensor.ndim]


def test_the_baseline_has_as_many_weights_and_trains_as_many(both):
    from benchmarks import torch_xception

    ours, theirs = both
    tensors = [t for m in theirs.modules() if not list(m.children()) for t in every_tensor(m)]
    assert sum(t.numel() for t in tensors) == ours.count_params() == 20_861_480 + 524_801
    settings = Settings((), image_size=80)
    for name in TRAINING:
        phases.set_trainable(ours, phases.Phase(name, 1), settings)
        torch_xception.set_trainable(theirs, name)
        trained = sum(p.numel() for p in theirs.parameters() if p.requires_grad)
        assert trained == sum(math.prod(v.shape) for v in ours.trainable_variables)
        # Only from scratch do batch norms learn from the batch.
        norms = [m.training for m in theirs.features.modules() if hasattr(m, "running_mean")]
        assert set(norms) == {name == SCRATCH}


def every_tensor(module):
    return held(module) if hasattr(module, "weight") else []


def test_the_baseline_gives_our_logits_and_our_heatmaps(both):
    import torch

    from benchmarks import torch_xception

    ours, theirs = both
    images = np.random.default_rng(0).integers(0, 256, (3, 80, 80, 3), np.uint8)
    expected = evidence.with_evidence(ours).predict_on_batch(images)
    theirs.eval()
    x = torch.from_numpy(images).permute(0, 3, 1, 2)
    logits, maps = torch_xception.explain(theirs.features, theirs.head, x)
    np.testing.assert_allclose(logits.numpy(), expected["logit"], rtol=1e-3, atol=1e-3)
    scale = np.abs(expected["evidence"]).max()
    np.testing.assert_allclose(maps.numpy(), expected["evidence"], atol=1e-3 * scale)


@pytest.mark.parametrize("phase", TRAINING)
def test_a_step_of_the_baseline_learns(phase):
    torch = pytest.importorskip("torch")
    from benchmarks import torch_xception

    torch.manual_seed(0)  # Dropout may hide what four steps have learnt.
    images = np.random.default_rng(0).integers(0, 256, (2, 71, 71, 3), np.uint8)
    labels = np.array([[0.0], [1.0]], np.float32)
    step = torch_xception.train_step(phase, images, labels, "cpu", compiled=False)
    losses = [float(step().detach()) for _ in range(4)]
    assert np.isfinite(losses).all() and min(losses[1:]) < losses[0]


def test_without_compilation_the_baseline_runs_eagerly(caplog):
    pytest.importorskip("torch")
    from torch._dynamo.exc import TorchDynamoException

    from benchmarks import torch_xception

    def make(*, compiled):
        def step():
            if compiled:
                raise TorchDynamoException("no compiler")

        return step

    step, compiled = torch_xception.warmed(make, compiled=True)
    assert step() is None and not compiled
    assert "no compiler" in caplog.text
