import os
from dataclasses import asdict, fields

import pytest

from src import InputError
from src.detector.prediction import FacePrediction, Failure, Prediction
from src.scanning import table

FACE = FacePrediction(
    box=(1.0, 2.0, 30.5, 40.0),
    score=0.99,
    landmarks=((3.0, 4.0), (5.0, 6.0)),
    verdict="fake",
    p_fake=0.9,
    logit=2.2,
    reasons=("unstable",),
    unfamiliarity=1.5,
)
RESULTS = [
    Prediction("a.jpg", "ab" * 32, "fake", 0.9, 2.2, ("unstable",), (FACE, FACE), 1.5),
    Failure("missing.jpg", "missing.jpg: No such file"),
    Prediction("b.jpg", "cd" * 32, "real", 0.1, -2.2),
]


def plain(value):
    """Return a value as Parquet and JSON have it: lists for tuples."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def test_rows_are_the_json_lines_with_nulls_for_what_they_do_not_have(tmp_path):
    import pyarrow.parquet as pq

    table.write(tmp_path / "part.parquet", RESULTS)
    names = [field.name for field in fields(Prediction)] + ["error"]
    rows = pq.read_table(tmp_path / "part.parquet").to_pylist()
    assert rows == [dict.fromkeys(names) | plain(asdict(result)) for result in RESULTS]
    assert list(rows[0]) == names
    assert list(rows[0]["faces"][0]) == [field.name for field in fields(FacePrediction)]


def test_parts_without_faces_or_errors_have_the_same_columns(tmp_path):
    import pyarrow.parquet as pq

    for number, result in enumerate(RESULTS):
        table.write(tmp_path / f"{number}.parquet", [result])
        assert pq.read_schema(tmp_path / f"{number}.parquet").equals(table.schema())
    assert pq.read_table(tmp_path).num_rows == 3


def test_errors_are_counted(tmp_path):
    for number, results in enumerate([RESULTS, RESULTS[1:2] * 5, RESULTS[:1]]):
        table.write(tmp_path / f"{number}.parquet", results)
    assert [table.errors(tmp_path / f"{number}.parquet") for number in range(3)] == [1, 5, 0]


def test_what_is_no_part_is_told(tmp_path):
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"cut\.parquet.*delete it"):
        table.errors(tmp_path / "cut.parquet")


def test_names_that_are_not_utf_8_stand_as_in_json(tmp_path):
    import pyarrow.parquet as pq

    name = os.fsdecode(b"caf\xe9.png")
    table.write(tmp_path / "part.parquet", [Failure(name, f"{name}: nothing there")])
    assert pq.read_table(tmp_path / "part.parquet")["path"].to_pylist() == ["caf\\udce9.png"]
