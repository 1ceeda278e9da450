"""The table of answers: a folder of Parquet files with the columns of the JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src import InputError
from src.detector.prediction import Failure, Prediction
from src.files import atomic_file

if TYPE_CHECKING:
    import pyarrow


def schema() -> pyarrow.Schema:
    """Return the columns: those of `Prediction` in its order, then the `error` of `Failure`."""
    import pyarrow as pa

    numbers, words = pa.list_(pa.float64()), pa.list_(pa.string())
    face = {
        "box": numbers,
        "score": pa.float64(),
        "landmarks": pa.list_(numbers),
        "verdict": pa.string(),
        "p_fake": pa.float64(),
        "logit": pa.float64(),
        "reasons": words,
        "unfamiliarity": pa.float64(),
    }
    columns = {
        "path": pa.string(),
        "sha256": pa.string(),
        "verdict": pa.string(),
        "p_fake": pa.float64(),
        "logit": pa.float64(),
        "reasons": words,
        "faces": pa.list_(pa.struct(list(face.items()))),
        "unfamiliarity": pa.float64(),
        "error": pa.string(),
    }
    return pa.schema(list(columns.items()))


def write(path: Path, results: Sequence[Prediction | Failure]) -> None:
    """Write answers as one Parquet file, whole or not at all.

    What an answer does not have is null. A byte of a file name that is not UTF-8, which no text of
    Parquet can hold, stands as the JSON lines have it, such as `\\udce9`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_row(result) for result in results]
    with atomic_file(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema()), temporary, compression="zstd")


def errors(path: Path) -> int:
    """Count the files of a part that could not be read, by its footer alone.

    Raises:
        InputError: it is no whole part.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path)
        column = footer.schema.names.index("error")
        groups = [footer.row_group(i).column(column) for i in range(footer.num_row_groups)]
        return sum(group.num_values - group.statistics.null_count for group in groups)
    except (OSError, ValueError, AttributeError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: no part of a table of ours ({error}); delete it, and it is made anew"
        ) from error


def _row(result: Prediction | Failure) -> dict[str, Any]:
    row = asdict(result)
    texts = {name: row[name] for name in ("path", "error") if name in row}
    return row | {
        name: text.encode("utf-8", "backslashreplace").decode() for name, text in texts.items()
    }
