"""Pack the browser extension with a bundle, for Chromium browsers and for Firefox.

python -m app.extension.pack --model models/starter --output build/extension
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from src import InputError, __version__, options
from src.cli import Verb
from src.detector.card import FACES_FOLDER, Card, bundle_version, read_card
from src.detector.exports import VARIANTS, Export
from src.detector.location import locate
from src.detector.verdict import REASONS
from src.files import sha256

SOURCE = Path(__file__).parent
WEB = SOURCE.parent / "web"
PACKAGES = SOURCE / "node_modules"
# What is put into pages.
ENTRIES = ("content.js", "badges.js")
# Shared with the page of the service.
SHARED = ("card.js", "heatmap.js", "intake.js", "service.js", "style.css", "verdict.js", "words.js")
# With and without a graphics processor: module, then what it loads.
RUNTIME = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
COLOURS = ("lcms.js", "lcms.wasm")
# What `mtcnn.js` runs.
FACE_NETWORKS = ("pnet", "rnet", "onet")
BROWSERS = ("chromium", "firefox")
# int8 only where it passed its check.
PREFERRED = {"int8": "onnx-int8", "float16": "onnx-float16"}


@click.command(cls=Verb)
@options.model
@click.option("--output", type=options.PATH, default=Path("build/extension"))
@click.option("--precision", type=click.Choice(list(PREFERRED)), help="Of the graph.")
@options.overwrite("Replace what is in the output.")
def command(model: str | None, output: Path, precision: str | None, overwrite: bool) -> None:
    """Pack the extension into a folder and a zip for each browser."""
    for path in pack(locate(model), output, precision=precision, overwrite=overwrite):
        click.echo(path)


def pack(
    bundle: Path, output: Path, *, precision: str | None = None, overwrite: bool = False
) -> list[Path]:
    """Pack the extension with a bundle.

    Args:
        bundle: its folder, with an ONNX graph in float16 or int8.
        output: where a folder and a zip for each browser go.
        precision: of the graph, out of `PREFERRED`; None takes int8 where it passed its check.
        overwrite: replace what is there.

    Returns:
        The two zips.

    Raises:
        InputError: the bundle lacks something or is not whole, the npm packages are not there, or
            the output is.
    """
    if not (PACKAGES / "onnxruntime-web").is_dir():
        raise InputError(f"{PACKAGES}: no npm packages; run `npm ci` in {SOURCE}")
    card = read_card(bundle)
    chosen, export = _graph(bundle, card, precision)
    packed = [output / name for browser in BROWSERS for name in (browser, f"{browser}.zip")]
    for path in packed:
        if path.exists() and not overwrite:
            raise InputError(f"{path} is already there; give --overwrite to replace it")
    output.mkdir(parents=True, exist_ok=True)
    # What was packed before goes only when all of this is there.
    with TemporaryDirectory(dir=output) as made:
        for browser in BROWSERS:
            folder = Path(made) / browser
            _copy_code(folder, browser)
            _copy_bundle(folder / "bundle", bundle, card, chosen, export)
            _zip(folder)
        for path in packed:
            if path.is_dir():
                shutil.rmtree(path)
            (Path(made) / path.name).replace(path)
    return [path for path in packed if path.suffix == ".zip"]


def _graph(bundle: Path, card: Card, precision: str | None) -> tuple[str, Export]:
    """Return the precision of the graph that is packed, and what the card says of it."""
    for name in [precision] if precision else PREFERRED:
        export = Export.of(card.exports, PREFERRED[name])
        if export is not None and name in export.allowed:
            export.require_whole(bundle)
            return name, export
    raise InputError(
        f"{bundle}: no ONNX graph in {precision or 'float16'} that passed its check; run "
        f"`deepfake export --model {bundle} --format onnx-{precision or 'float16'}`"
    )


def _copy_code(folder: Path, browser: str) -> None:
    for name in SHARED:
        _copy(WEB / name, folder / "web" / name)
    for path in SOURCE.iterdir():
        if path.suffix in (".js", ".html", ".css", ".svg") and path.name not in ENTRIES:
            _copy(path, folder / "extension" / path.name)
    for name in RUNTIME:
        _copy(PACKAGES / "onnxruntime-web/dist" / name, folder / "ort" / name)
    _copy(SOURCE / "NOTICES.md", folder / "NOTICES.md")
    _copy(SOURCE.parents[1] / "LICENSE", folder / "LICENSE")
    for name in COLOURS:
        _copy(PACKAGES / "lcms-wasm/dist" / name, folder / "lcms" / name)
    for name in ("icons", "_locales"):
        shutil.copytree(SOURCE / name, folder / name)
    # What is put into pages can have no imports.
    for name in ENTRIES:
        target = folder / "extension" / name
        _run_node("rolldown/bin/cli.mjs", name, "--format", "iife", "--file", str(target.resolve()),
                  "--module-types", ".css=text")  # fmt: skip
    manifest = json.loads((SOURCE / "manifest.json").read_text(encoding="utf-8"))
    for_all, for_one = manifest["all"], manifest[browser]
    (folder / "manifest.json").write_text(
        json.dumps({**for_all, "version": __version__, **for_one}, indent=2) + "\n",
        encoding="utf-8",
    )


def _run_node(script: str, *arguments: str) -> None:
    command = ["node", str(PACKAGES / script), *arguments]
    try:
        done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise InputError("the extension is bundled by Node 20 or later; install it") from error
    if done.returncode:
        raise InputError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")


def _copy_bundle(folder: Path, bundle: Path, card: Card, precision: str, export: Export) -> None:
    variant = VARIANTS[PREFERRED[precision]]
    _copy(bundle / variant.file, folder / "model.onnx")
    hashes = {"model.onnx": export.files[variant.file]}
    if card.framing is not None:
        for network in FACE_NETWORKS:
            name = f"{FACES_FOLDER}/{network}.onnx"
            if not (bundle / name).is_file():
                raise InputError(
                    f"{bundle}/{name} is missing: this bundle looks for faces; copy it whole"
                )
            _copy(bundle / name, folder / name)
            hashes[name] = card.files.get(name) or sha256(bundle / name)
    for name, expected in hashes.items():
        if sha256(folder / name) != expected:
            raise InputError(f"{bundle}/{name} is not the file that the card names; copy it again")
    packed: dict[str, Any] = {
        "card": {
            "name": card.name,
            "created": card.created,
            "backbone": card.backbone,
            "image_size": card.image_size,
            "framing": card.framing,
            "sources": card.data.get("sources", []),
            "drawn_sample": card.data.get("drawn_sample", False),
        },
        "version": bundle_version(bundle)[:12],
        "precision": precision,
        "temperature": export.temperature,
        "calibration": export.calibration or card.calibration,
        "reasons": REASONS,
        "sha256": hashes,
        "bytes": {name: (folder / name).stat().st_size for name in hashes},
        "probe": _probe(folder / "model.onnx", card.image_size),
    }
    (folder / "packed.json").write_text(json.dumps(packed) + "\n", encoding="utf-8")


def probe_picture(side: int) -> np.ndarray:
    """Return the picture by which a browser's runtime is checked, `(side, side, 3)` uint8 RGB."""
    y, x, colour = np.indices((side, side, 3))
    return ((x * x + 3 * x * y + 5 * y + 40 * colour) // 7 % 256).astype(np.uint8)


def _probe(graph: Path, side: int) -> float:
    """Return the logit of the probe."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    (logit,) = session.run(["logit"], {"image": probe_picture(side)[None].astype(np.float32)})
    return float(logit[0])


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _zip(folder: Path) -> None:
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))


if __name__ == "__main__":
    command()
