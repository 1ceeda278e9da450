"""The notebooks: stored clean, ready for Colab, and good from the first cell to the last."""

from __future__ import annotations

import ast
import copy
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

REPOSITORY = Path(__file__).resolve().parent.parent
PATHS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
NOTEBOOKS = {path.name: nbformat.read(path, as_version=4) for path in PATHS}
EXPLORE, TRAIN, READ = (
    "01_explore_dataset.ipynb",
    "02_train_and_compare.ipynb",
    "03_read_a_verdict.ipynb",
)
# What they may leave in a checkout; git ignores it.
DETECTORS = "models/notebooks/"


def plain(cell: Any) -> str:
    """Return the source of a cell as Python: magics become calls."""
    return TransformerManager().transform_cell(cell.source)


def tree(name: str) -> ast.Module:
    return ast.parse("".join(plain(cell) for cell in code_cells(name)))


def code_cells(name: str) -> list[Any]:
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]


def test_there_are_three():
    assert list(NOTEBOOKS) == [EXPLORE, TRAIN, READ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_they_are_stored_without_output(name):
    nbformat.validate(NOTEBOOKS[name])
    for cell in code_cells(name):
        assert (cell.outputs, cell.execution_count, cell.metadata) == ([], None, {})


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_they_define_nothing_and_use_what_src_has(name):
    nodes = list(ast.walk(tree(name)))
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    assert not [ast.unparse(node) for node in nodes if isinstance(node, definitions)]
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    assert any(module.split(".")[0] == "src" for module in modules)


def test_the_last_reads_the_detector_that_the_second_trains():
    called = [
        {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        for name in (TRAIN, READ)
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Settings"
    ]
    assert called[0] == called[1]


@pytest.fixture
def setup() -> Any:
    """Return a function that runs the first cell and tells what it asked of the shell."""
    asked: list[tuple[str, ...]] = []
    shell = SimpleNamespace(run_line_magic=lambda *words: asked.append(words))

    def call(name: str) -> list[tuple[str, ...]]:
        first = NOTEBOOKS[name].cells[0]
        assert first.cell_type == "code"
        exec(plain(first), {"get_ipython": lambda: shell})
        return asked

    return call


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_first_cell_installs_on_colab(name, setup, monkeypatch):
    visited: list[str] = []
    monkeypatch.setattr(os, "chdir", visited.append)
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    assert setup(name) == [("pip", "install --quiet --editable .")]
    assert visited == ["/content/deepfake-detector"]
    assert visited[0] in "".join(cell.source for cell in NOTEBOOKS[name].cells[1:])


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("start", [".", "notebooks"])
def test_elsewhere_the_first_cell_only_goes_to_the_root(name, start, setup, monkeypatch):
    monkeypatch.chdir(REPOSITORY / start)
    assert setup(name) == []
    assert Path.cwd() == REPOSITORY


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the notebooks use; where the second ran, the third need not train."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("src", "dataset", "notebooks"):
        shutil.copytree(
            REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Return what stands in a folder by path, but for compiled modules."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


# The two that train take minutes.
@pytest.mark.parametrize(
    "name",
    [EXPLORE, *(pytest.param(name, marks=pytest.mark.slow) for name in (TRAIN, READ))],
)
def test_they_run_and_leave_nothing_but_detectors(name, checkout, tmp_path, monkeypatch):
    # Kernels and settings of whoever runs the tests must not take the place of this Python.
    for variable in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    before = contents(checkout)
    client = NotebookClient(
        copy.deepcopy(NOTEBOOKS[name]),
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(checkout / "notebooks")}},
    )
    outputs = [output for cell in client.execute().cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no figure is shown"
    after = contents(checkout)
    assert {path: after.get(path) for path in before} == before
    assert all(path.startswith(DETECTORS) for path in after.keys() - before.keys())
