"""How much memory a process holds, and how its peak grows with the number of images; on Linux."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

COUNTS = (2_000, 20_000)


def resident(process: int | str = "self") -> int:
    """Return how many bytes of memory a process holds."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    """Return the most memory that this process has held, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def growth(what: str, module: str, *arguments: str) -> list[str]:
    """Compare the peaks of a module that is given `COUNTS` images and prints its own.

    Args:
        what: the heading of the counts.
        module: run with `--images` and a count, in a process of its own for each.
        arguments: more of them.
    """
    peaks = {}
    for count in COUNTS:
        command = [sys.executable, "-m", module, *arguments, "--images", str(count)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[count] = int(result.stdout.split()[-1])
    small, large = peaks.values()
    return [
        f"| {what} | peak memory |",
        "|---|---|",
        *(f"| {count:,} | {kib / 1024:.0f} MiB |" for count, kib in peaks.items()),
        f"| ratio | {large / small:.2f} |",
    ]
