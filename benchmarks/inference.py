"""How fast images are judged: ours against the plain way, Keras and a gradient tape in float32.

    python -m benchmarks.inference --model models/detector
    python -m benchmarks.inference --model models/detector --data-dir PHOTOS --only folder

Only ratios are judged: what is compared ran by turns in one process on one machine. The bundle
should hold an OpenVINO export; every engine and precision that it holds and this processor computes
itself is measured, those too that were not accepted, since rounding takes no time. The plain way
needs TensorFlow. Without a folder, JPEGs of a portrait from scikit-image are written, varied.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.memory import resident
from src import InputError, install, processor
from src.cli import Verb
from src.data import folders, pixels
from src.detector import load, network
from src.detector.detector import Detector
from src.detector.engines import ENGINES, KERAS, OPENVINO, runtimes
from src.detector.engines.runtimes import native_bfloat16
from src.detector.exports import VARIANTS
from src.detector.location import DEFAULT
from src.gradcam import explain

if TYPE_CHECKING:
    import keras

PARTS = ("heatmap", "throughput", "evidence", "tf-keras-vis", "folder", "memory")
BATCH = 32
# Files that are judged at a stretch: long enough that its start hardly counts.
STRETCH = 8 * BATCH
SIDE = 512


@dataclass(frozen=True)
class Bench:
    """What is measured.

    Attributes:
        detectors: the same network in every engine and precision, by what the tables call it.
        exports: the graph and its precision for each of those that OpenVINO runs.
        files: image files.
        runs: how often everything is timed.
    """

    detectors: Mapping[str, Detector]
    exports: Mapping[str, tuple[Path, str]]
    files: Sequence[Path]
    runs: int

    @property
    def keras(self) -> Detector:
        """The network as it was trained."""
        return self.detectors["keras float32"]

    @property
    def fast(self) -> dict[str, Detector]:
        """Those that the plain way is compared with."""
        return {name: one for name, one in self.detectors.items() if one is not self.keras}

    def images(self, count: int) -> np.ndarray:
        """Return as many decoded images, `(count, S, S, 3)` uint8."""
        size = self.keras.card.image_size
        files = itertools.islice(itertools.cycle(self.files), count)
        return np.stack([pixels.load(path, size) for path in files])


def gather(folder: Path, files: Sequence[Path], runs: int) -> Bench:
    """Load a bundle into every engine that it has an export for."""
    plain = load(folder, KERAS)
    detectors, exports = {"keras float32": plain}, {}
    for name, variant in VARIANTS.items():
        known = plain.card.exports.get(name)
        if known is None or variant.head or variant.runner not in ENGINES:
            continue
        if find_spec(variant.runner) is None:
            continue
        for precision in variant.precisions:
            if precision == "bfloat16" and not native_bfloat16():
                continue
            called = f"{variant.runner} {precision}"
            called += "" if precision in known["allowed"] else " (not accepted)"
            engine = runtimes.make(variant, folder, precision)
            detectors[called] = Detector(
                plain.card, engine, lambda: plain.finder, lambda: plain.model
            )
            if variant.runner == OPENVINO:
                exports[called] = folder / variant.file, precision
    return Bench(detectors, exports, files, runs)


def draw(folder: Path, count: int, seed: int) -> list[Path]:
    """Write JPEGs of one portrait, each shifted, lit and grained in its own way."""
    import skimage.data
    from PIL import Image

    portrait = pixels.resize(skimage.data.astronaut(), SIDE).astype(np.float32)
    rng = np.random.default_rng(seed)
    paths = []
    for number in range(count):
        shifted = np.roll(portrait, rng.integers(-40, 40, 2), axis=(0, 1))
        grain = rng.normal(0, 4, (SIDE, SIDE, 1)).astype(np.float32)
        varied = (shifted * rng.uniform(0.8, 1.1) + grain).clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{number:05}.jpg")
        Image.fromarray(varied).save(paths[-1], quality=90)
    return paths


def by_turns(
    calls: Mapping[str, Callable[[], object]], runs: int, warm: bool = True
) -> dict[str, np.ndarray]:
    """Time calls by turns, after one each that warms up: seconds of each run, by name."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values() if warm else ():
        call()
    for _ in range(runs):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: np.array(seconds) for name, seconds in taken.items()}


def ratio(first: np.ndarray, second: np.ndarray) -> float:
    """Return how many times longer the first takes than the second, by their medians."""
    return float(np.median(first) / np.median(second))


def plain_grad_cam(model: keras.Model, layer: str) -> Callable[[Any], Any]:
    """Return the Grad-CAM that Keras' guides show, `(N, S, S, 3)` to `(N, h, w)`."""
    import keras
    import tensorflow as tf

    both = keras.Model(
        model.input, [model.get_layer(layer).output, model.get_layer(network.LOGIT).output]
    )

    def grad_cam(images: Any) -> Any:
        with tf.GradientTape() as tape:
            activation, logit = both(images, training=False)
        weights = tf.reduce_mean(tape.gradient(logit, activation), (1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(activation * weights, -1))

    return grad_cam


def heatmap(bench: Bench) -> list[str]:
    """Compare the way from a JPEG to a verdict and a heatmap, one image at a time."""
    import tensorflow as tf

    model, card, path = bench.keras.model, bench.keras.card, bench.files[0]
    eager = plain_grad_cam(model, card.evidence_layer)
    signature = [tf.TensorSpec((1, card.image_size, card.image_size, 3), tf.float32)]
    compiled = tf.function(eager, input_signature=signature)

    def plain(grad_cam: Callable[[Any], Any]) -> tuple[bool, np.ndarray]:
        image = pixels.load(path, card.image_size)[None].astype(np.float32)
        p_fake = model.predict(image, verbose=0)
        return p_fake[0, 0] >= 0.5, grad_cam(tf.constant(image)).numpy()

    def fast(one: Detector) -> list[np.ndarray]:
        return explain(path, one, faces="off").heats()

    ours = {name: partial(fast, one) for name, one in bench.fast.items()}
    taken = by_turns(
        {"eager": partial(plain, eager), "compiled": partial(plain, compiled), **ours}, bench.runs
    )
    lines = ["| JPEG to verdict and heatmap: times faster than | predict + eager tape | compiled |"]
    return [*lines, "|---|---|---|"] + [
        f"| {name} | {ratio(taken['eager'], taken[name]):.1f} "
        f"| {ratio(taken['compiled'], taken[name]):.1f} |"
        for name in ours
    ]


def throughput(bench: Bench) -> list[str]:
    """Compare images a second with `predict` on decoded images in batches of 32."""
    images = bench.images(2 * BATCH)
    files = list(itertools.islice(itertools.cycle(bench.files), len(images)))
    model = bench.keras.model
    calls: dict[str, Callable[[], object]] = {
        "plain": lambda: model.predict(images, batch_size=BATCH, verbose=0)
    }
    for name, one in bench.fast.items():
        calls[name] = partial(one.outputs, images, BATCH)
        calls[f"{name}, files"] = partial(_judge, one, files, "off")
    taken = by_turns(calls, bench.runs)
    lines = ["| throughput: times that of `predict` | decoded images | files, decoding included |"]
    return [*lines, "|---|---|---|"] + [
        f"| {name} | {ratio(taken['plain'], taken[name]):.2f} "
        f"| {ratio(taken['plain'], taken[f'{name}, files']):.2f} |"
        for name in bench.fast
    ]


def evidence(bench: Bench) -> list[str]:
    """Compare the prediction with its evidence map with the bare prediction, in OpenVINO."""
    image = bench.images(1).astype(np.float32)
    lines = ["| one prediction | evidence map costs |", "|---|---|"]
    for name, (path, precision) in bench.exports.items():
        requests = [openvino_request(path, precision, bare) for bare in (True, False)]
        calls = {
            kind: partial(request.infer, {"image": image})
            for kind, request in zip(("bare", "whole"), requests, strict=True)
        }
        taken = by_turns(calls, 3 * bench.runs)
        lines.append(f"| {name} | {ratio(taken['whole'], taken['bare']) - 1:+.1%} |")
    return lines


def openvino_request(path: Path, precision: str, bare: bool) -> Any:
    """Compile a graph for one image, `bare` with the logit as its only output."""
    import openvino

    from src.detector.engines.runtimes import HINTS

    core = openvino.Core()
    graph = core.read_model(path)
    graph.reshape([1, *list(graph.input().partial_shape)[1:]])
    if bare:
        logit = graph.output("logit").get_node()
        graph = openvino.Model([logit], graph.get_parameters(), "bare")
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": HINTS[precision]}
    return core.compile_model(graph, "CPU", hints).create_infer_request()


def keras_vis(bench: Bench) -> list[str]:
    """Compare the heatmap of one decoded image with the one of tf-keras-vis."""
    if find_spec("tf_keras_vis") is None:
        return [f"tf-keras-vis is not installed: {install('bench')}"]
    from tf_keras_vis.gradcam import Gradcam

    image, layer = bench.images(1), bench.keras.card.evidence_layer
    gradcam = Gradcam(network.logits(bench.keras.model))
    calls: dict[str, Callable[[], object]] = {
        "theirs": lambda: gradcam(
            lambda logit: logit[:, 0],
            image.astype(np.float32),
            penultimate_layer=layer,
            seek_penultimate_conv_layer=False,
            expand_cam=False,
        )
    }
    calls |= {name: partial(one.score, image) for name, one in bench.fast.items()}
    taken = by_turns(calls, bench.runs)
    lines = ["| heatmap of one decoded image | times faster than tf-keras-vis |", "|---|---|"]
    return lines + [
        f"| {name} | {ratio(taken['theirs'], taken[name]):.1f} |" for name in bench.fast
    ]


def folder(bench: Bench) -> list[str]:
    """Tell which share of an engine's throughput is kept from files to predictions.

    The files are gone over in stretches, each by all ways in turn.
    """
    ways = ("off", "largest") if bench.keras.card.framing is not None else ("off",)
    lines = [f"| share of the engine's throughput kept, {len(bench.files):,} files | "]
    lines[0] += " | ".join(f"--faces {way}" for way in ways) + " |"
    lines.append("|---" * (1 + len(ways)) + "|")
    decoded = bench.images(STRETCH)
    for name, one in bench.fast.items():
        seconds: dict[str, list[float]] = {way: [] for way in ("engine", *ways)}
        for start in range(0, len(bench.files), STRETCH):
            files = bench.files[start : start + STRETCH]
            calls: dict[str, Callable[[], object]] = {
                "engine": partial(_run, one, decoded[: len(files)])
            }
            calls |= {way: partial(_judge, one, files, way) for way in ways}
            # What is done once only, at the start, is no part of any share.
            taken = by_turns(calls, 1, warm=start == 0)
            for way, found in taken.items():
                seconds[way].append(found[0] / len(files))
        shares = [ratio(np.array(seconds["engine"]), np.array(seconds[way])) for way in ways]
        lines.append(f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return lines


def _run(one: Detector, images: np.ndarray) -> None:
    for start in range(0, len(images), BATCH):
        one.engine.run(images[start : start + BATCH])


def _judge(one: Detector, files: Sequence[Path], faces: str) -> None:
    for _ in one.predict_files(files, BATCH, faces):
        pass


def memory(bench: Bench, count: int) -> list[str]:
    """Show how much memory this process holds while it judges so many files, by the last engine."""
    name, one = list(bench.fast.items())[-1]
    files = list(itertools.islice(itertools.cycle(bench.files), count))
    marks = {max(1, count * tenth // 10) for tenth in (1, 2, 5, 10)}
    lines = [f"| files judged by {name} | memory held |", "|---|---|"]
    for number, _ in enumerate(one.predict_files(files, BATCH, "off"), 1):
        if number in marks:
            lines.append(f"| {number:,} | {resident() / 2**20:.0f} MiB |")
    return lines


def pictures(data_dirs: Sequence[str], folder: Path, count: int, seed: int) -> list[Path]:
    """List the images of data folders; where none is given, draw so many into a folder.

    Raises:
        InputError: the data folders hold no images.
    """
    if not data_dirs:
        return draw(folder, count, seed)
    found = [path for name in data_dirs for path in folders.images(Path(name))]
    if not found:
        raise InputError(f"no images in {', '.join(data_dirs)}: give another --data-dir")
    return found


@click.command(cls=Verb)
@click.option("--model", type=click.Path(path_type=Path), default=DEFAULT, help="Bundle.")
@click.option("--data-dir", "data_dirs", multiple=True, help="Images to judge; repeatable.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Some of the tables.")
@click.option("--images", type=click.IntRange(1), default=2_000, help="How many are drawn.")
@click.option("--judged", type=click.IntRange(1), default=100_000, help="How many for memory.")
@click.option("--runs", type=click.IntRange(1), default=10, help="How often all is timed.")
@click.option("--seed", type=click.IntRange(0), default=0)
def command(
    model: Path,
    data_dirs: tuple[str, ...],
    only: tuple[str, ...],
    images: int,
    judged: int,
    runs: int,
    seed: int,
) -> None:
    """Print tables of ratios against the plain way."""
    click.echo(f"{processor.describe()}\n")
    with tempfile.TemporaryDirectory() as scratch:
        bench = gather(model, pictures(data_dirs, Path(scratch), images, seed), runs)
        parts: dict[str, Callable[[], list[str]]] = {
            "heatmap": partial(heatmap, bench),
            "throughput": partial(throughput, bench),
            "evidence": partial(evidence, bench),
            "tf-keras-vis": partial(keras_vis, bench),
            "folder": partial(folder, bench),
            "memory": partial(memory, bench, judged),
        }
        for name, measure in parts.items():
            if not only or name in only:
                click.echo("\n".join(measure()) + "\n")


if __name__ == "__main__":
    command()
