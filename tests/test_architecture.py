"""Who may import whom. The lines are drawn here and nowhere else."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "app").rglob("*.py")])
# What each wing may import beside itself and what is open to all.
WINGS = {
    "auditing": {"data"},
    "data": set(),
    "detector": {"data"},
    "training": {"data", "detector", "auditing"},
    "evaluation": {"data", "detector", "auditing", "report"},
    "report": set(),
    "exporting": {"data", "detector"},
    "knowledge": set(),
    "explaining": {"data", "detector"},
    "scanning": {"data", "detector"},
}
OPEN_TO_ALL = {"src", "src.files", "src.intervals", "src.processor", "src.progress"}
SLOW_TO_LOAD = (
    *("tensorflow", "keras", "sklearn", "matplotlib", "cv2"),
    *("onnxruntime", "onnx", "joblib", "faiss", "imagehash", "scipy", "jinja2"),
    *("openvino", "nncf", "tf2onnx", "ai_edge_litert"),
    *("fastapi", "starlette", "pydantic", "uvicorn", "sqlalchemy", "prometheus_client"),
    *("ray", "pyarrow", "pandas"),
    *("bm25s", "pypdf", "sentence_transformers", "c2pa", "openai"),
)
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
VERBS = sorted(
    name
    for name, tree in MODULES.items()
    if name.count(".") == 1
    and any(isinstance(n, ast.FunctionDef) and n.name == "command" for n in tree.body)
)


def imports(name: str) -> set[str]:
    """Return every module that a module imports, at its top or inside a function."""
    package = name if name_of_package(name) else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            # `from src.data import pixels` imports a module, `from src import InputError` none.
            inner = {f"{base}.{alias.name}" for alias in node.names} & set(MODULES)
            plain = len(inner) < len(node.names)
            found |= inner | ({base} if plain else set())
    return found


def name_of_package(name: str) -> bool:
    return (ROOT / Path(*name.split("."))).is_dir()


def wing(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "src" and len(parts) > 1 and parts[1] in WINGS else None


def test_every_folder_of_src_is_a_known_wing():
    folders = {path.parent.name for path in (ROOT / "src").glob("*/__init__.py")}
    assert folders <= set(WINGS)
    assert {"src.train", "src.evaluate", "src.predict", "src.gradcam"} <= set(VERBS)


@pytest.mark.parametrize("name", [name for name in MODULES if wing(name)])
def test_wings_import_only_what_they_may(name):
    allowed = WINGS[wing(name)] | {wing(name)}
    ours = {other for other in imports(name) if other.split(".")[0] in ("src", "app")}
    wrong = {other for other in ours - OPEN_TO_ALL if wing(other) not in allowed}
    assert not wrong, f"{name} must not import {', '.join(sorted(wrong))}"


def test_what_is_open_to_all_imports_nothing_but_the_errors():
    for name in OPEN_TO_ALL - {"src"}:
        assert {other for other in imports(name) if other.startswith("src")} <= {"src"}


def test_nothing_imports_the_app():
    for name in MODULES:
        if not name.startswith("app") and name != "src.cli":
            assert not [o for o in imports(name) if o.split(".")[0] == "app"], name


def test_the_package_itself_imports_nothing():
    assert imports("src") == set()


def test_no_module_is_named_after_nothing():
    assert not [name for name in MODULES if EMPTY_NAMES & set(name.split("."))]


def test_verbs_do_not_go_in_circles():
    def reached(name: str, seen: frozenset[str]) -> None:
        for other in imports(name) & set(VERBS):
            assert other not in seen, f"{name} and {other} import each other"
            reached(other, seen | {other})

    for verb in VERBS:
        reached(verb, frozenset({verb}))


def test_only_plots_knows_matplotlib():
    users = {n for n in MODULES for o in imports(n) if o.split(".")[0] == "matplotlib"}
    # A type that is imported for checking alone costs nothing.
    users -= {n for n in users if only_for_types(n, "matplotlib")}
    assert users
    assert {".".join(name.split(".")[:3]) for name in users} == {"src.report.plots"}


def only_for_types(name: str, package: str) -> bool:
    tree = MODULES[name]
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    return not any(
        id(node) not in guarded
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and package in ast.unparse(node)
    )


def test_verbs_load_nothing_slow(python):
    program = (
        "import importlib, json, sys\n"
        f"for name in {['src.cli', *VERBS]}: importlib.import_module(name)\n"
        f"print(json.dumps([name for name in {SLOW_TO_LOAD} if name in sys.modules]))"
    )
    result = python("-c", program)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []
