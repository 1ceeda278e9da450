"""The processor that this runs on: its arithmetic, and how much of it a process may take."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from src import InputError

CPUINFO = Path("/proc/cpuinfo")
# Instructions that change how fast, or in which order, sums of products are taken.
MATTERS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "bf16")

# Names how many threads a process may compute on; where it is not set, every library decides.
VARIABLE = "DEEPFAKE_THREADS"
# What libraries read when they first compute.
OF_LIBRARIES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENCV_FOR_THREADS_NUM")


def limit_threads(count: int) -> None:
    """Let this process compute on so many threads, 1 or more; before an engine is loaded."""
    for name in (VARIABLE, *OF_LIBRARIES):
        os.environ[name] = str(count)


def thread_limit() -> int:
    """Return how many threads this process may compute on; 0 where nobody said.

    Raises:
        InputError: the variable holds no such number.
    """
    said = os.environ.get(VARIABLE) or "0"
    if not said.isdecimal():
        raise InputError(f"{VARIABLE}: expected a number of threads, got {said!r}")
    return int(said)


def threads() -> int:
    """Return how many threads this process may compute on: the limit, or one a core it may use."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return thread_limit() or len(os.sched_getaffinity(0))
    return thread_limit() or os.cpu_count() or 4


def describe() -> str:
    """Name the processor and those of its instructions that matter."""
    fields, known = _fields(), flags()
    kind = fields.get("model name") or f"{platform.machine()} {platform.processor()}".strip()
    return " ".join([kind, *(flag for flag in MATTERS if flag in known)])


def flags() -> frozenset[str]:
    """Return the names of its instruction sets; empty where they are not known (not on Linux)."""
    fields = _fields()
    return frozenset(fields.get("flags", fields.get("Features", "")).split())


def _fields() -> dict[str, str]:
    if not CPUINFO.is_file():
        return {}
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    parts = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in parts}
