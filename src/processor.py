"""The processor that this runs on, as far as its arithmetic matters."""

from __future__ import annotations

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# Instructions that change how fast, or in which order, sums of products are taken.
MATTERS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "bf16")


def describe() -> str:
    """Name the processor and those of its instructions that matter."""
    fields = _fields()
    kind = fields.get("model name") or f"{platform.machine()} {platform.processor()}".strip()
    return " ".join([kind, *(flag for flag in MATTERS if flag in flags())])


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
