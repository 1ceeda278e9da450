"""Graphs of the network that ships, which has more in it than convolutions."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import onnx
import pytest

from src import processor
from src.detector import network, residuals
from src.detector.engines import runtimes
from src.detector.engines.runtimes import ONNXRuntimeEngine, OpenVINOEngine
from src.exporting import graphs, quantise


@pytest.fixture(scope="module")
def images(rough_pictures):
    return rough_pictures


@pytest.fixture(scope="module")
def model(residual_network):
    return network.probability(residual_network)


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    graphs.write(model, 1.0, folder / "model.onnx", "onnx")
    graphs.halve(folder / "model.onnx", folder / "model-float16.onnx")
    graphs.write(model, 1.0, folder / "openvino" / "model.xml", "openvino")
    return folder


@pytest.mark.parametrize(
    ("engine", "file", "tolerance"),
    [
        (ONNXRuntimeEngine, "model.onnx", 1e-4),
        (ONNXRuntimeEngine, "model-float16.onnx", 0.01),
        (OpenVINOEngine, "openvino/model.xml", 1e-4),
        (OpenVINOEngine, "model.onnx", 1e-4),
        (OpenVINOEngine, "model-float16.onnx", 0.01),
    ],
)
def test_a_table_of_residuals_answers_as_in_keras(model, files, images, engine, file, tolerance):
    """One by one and side by side, for which OpenVINO compiles the graph apart."""
    wanted = graphs.with_outputs(model, 1.0).predict(images[:3], verbose=0)
    judging = engine(files / file, "float32")
    for shown in (images[:1], images[:3]):
        found = judging.run(shown)
        for name, values in found.items():
            np.testing.assert_allclose(values, wanted[name][: len(shown)], atol=tolerance)


def test_halved_the_file_is_valid_and_the_evidence_still_adds_up_to_the_logit(files, images):
    path = files / "model-float16.onnx"
    onnx.checker.check_model(path, full_check=True)
    found = ONNXRuntimeEngine(path, "float16").run(images[:3])
    total = found["evidence"].sum((1, 2)) + found["bias"]
    np.testing.assert_allclose(total, found["logit"], atol=1e-5)


def test_threads_that_come_first_together_compile_once(files, images, monkeypatch):
    compiled = []

    class Counted(runtimes._Requests):
        def __init__(self, made):
            compiled.append(made)
            super().__init__(made)

    monkeypatch.setattr(runtimes, "_Requests", Counted)
    engine = OpenVINOEngine(files / "openvino" / "model.xml", "float32")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(engine.run, [images[:2]] * 2))
    assert len(compiled) == 1


def test_onnx_runtime_judges_as_many_images_at_once_as_it_may_use_threads(
    files, images, monkeypatch
):
    monkeypatch.setenv(processor.VARIABLE, "1")
    engine = ONNXRuntimeEngine(files / "model.onnx", "float32")
    alone, inside, most = engine._run, [], []

    def counted(session, shown):
        inside.append(len(shown))
        most.append(sum(inside))
        found = alone(session, shown)
        inside.pop()
        return found

    monkeypatch.setattr(engine, "_run", counted)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(engine.run, [images[:3]] * 2))
    assert most == [1] * 6
    # Many of them run on one machine: none holds the network twice.
    assert engine._side_by_side[0] is engine._session


@pytest.mark.slow
def test_int8_leaves_the_table_alone(model, files, images):
    """Whole numbers are counted there, and eight bits of 0 to 255 hold no difference of one."""
    quantise.in_openvino(files / "openvino" / "model.xml", files / "int8" / "model.xml", images)
    whole = keras.Model(model.input, model.get_layer(network.POOLING).output)
    import openvino

    found = {}
    for name in ("openvino", "int8"):
        graph = openvino.Core().read_model(files / name / "model.xml")
        pooled = next(
            o for o in reversed(graph.get_ordered_ops()) if o.get_type_name() == "ReduceMean"
        )
        alone = openvino.Model([pooled.output(0)], graph.get_parameters())
        compiled = openvino.compile_model(alone, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        found[name] = compiled(images[:8].astype(np.float32))[0].reshape(8, -1)
    units = slice(-residuals.UNITS, None)
    np.testing.assert_allclose(found["int8"][:, units], found["openvino"][:, units], atol=1e-4)
    np.testing.assert_allclose(found["openvino"], whole.predict(images[:8], verbose=0), atol=1e-3)
    assert not np.allclose(found["int8"], found["openvino"], atol=1e-6)
