"""Where the files of an export lie."""

import shutil
from pathlib import Path

from src.detector.exports import Variant


def files(folder: Path, variant: Variant) -> list[Path]:
    """List the files of an export in a folder, also those in its folders."""
    found = []
    for name in variant.files:
        path = folder / name
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found


def move(scratch: Path, folder: Path, variant: Variant) -> None:
    """Put the files of an export in the place of an earlier one."""
    for name in variant.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        # Copied, because another export may be made out of it.
        copy = shutil.copytree if (scratch / name).is_dir() else shutil.copyfile
        copy(scratch / name, target)


def remove(folder: Path, variant: Variant) -> None:
    """Remove the files of an earlier export, whose successor was not accepted."""
    for path in files(folder, variant):
        path.unlink(missing_ok=True)
