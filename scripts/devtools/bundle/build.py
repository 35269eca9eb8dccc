"""Collects the files of a function or of the layer and writes its archive."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grimp

from devtools.bundle import archive, bytecode, elf, sbom
from devtools.errors import DevtoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devtools.bundle.target import Target

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "functions"
LIBRARY = "thumbnail_pipeline"
FUNCTIONS = tuple(sorted(handler.parent.name for handler in SOURCES.glob("*/handler.py")))
LAYER = ROOT / "layers" / "imaging"

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LAMBDA_UNZIPPED_LIMIT = 250 * 2**20

# What the renderer's webp_scaled, png_rows and heif_tiles call.
_DECODERS = {
    "pillow.libs/libwebp-*.so*": {"WebPDecode", "WebPInitDecoderConfigInternal"},
    "pyspng/_pyspng_c*.so": {"spng_ctx_new", "spng_decode_image", "spng_decode_row", "spng_set_png_buffer"},
    "pi_heif.libs/libheif-*.so*": {"heif_image_handle_decode_image_tile", "heif_image_handle_get_image_tiling"},
}

# What a wheel carries and a running function never touches. Licences stay. Shared libraries are not listed: those that
# only these modules needed go with them.
_NOT_NEEDED = (
    "**/*.pyi",
    "**/*.c",
    "**/*.cpp",
    "**/py.typed",
    "**/tests",
    "**/__pycache__",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/WHEEL",
    "*.dist-info/top_level.txt",
    "*.dist-info/zip-safe",
    "*.dist-info/sboms",
    "bin",
    # No screen and no desktop in Lambda.
    "PIL/_imagingtk*",
    "PIL/_tkinter_finder.py",
    "PIL/ImageTk.py",
    "PIL/ImageQt.py",
    "PIL/ImageGrab.py",
    "PIL/ImageShow.py",
    # No text is drawn.
    "PIL/_imagingft*",
    "PIL/ImageFont.py",
    # Web frameworks and database drivers that the function does not use.
    "aws_xray_sdk/ext",
)


def build_function(name: str, output: Path, interpreter: str | None) -> None:
    """Write the archive of the function `name` to `output`, with the bytecode that `interpreter` makes.

    It holds what the handler imports, directly or not, and no more of the library: so that a change of what only
    another function uses does not deploy this one anew.
    """
    graph = grimp.build_graph(name, LIBRARY, exclude_type_checking_imports=True, cache_dir=None)
    handler = f"{name}.handler"
    modules = {handler, *graph.find_upstream_modules(handler)}
    with tempfile.TemporaryDirectory() as staging_name:
        staging = Path(staging_name)
        for source in sorted({file for module in modules for file in _needed_to_import(module)}):
            copy = staging / source.relative_to(SOURCES)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
        if interpreter:
            bytecode.compile_all(staging, interpreter)
        archive.write(output, staging, _files(staging))


def _needed_to_import(module: str) -> Iterator[Path]:
    """The file of a module, and those of the packages that it lies in."""
    path = SOURCES.joinpath(*module.split("."))
    if not path.is_dir():
        yield path.with_suffix(".py")
        path = path.parent
    while path != SOURCES:
        yield path / "__init__.py"
        path = path.parent


def build_layer(target: Target, output: Path, interpreter: str | None, *, heif: bool = True) -> None:
    """Write the layer's archive for `target` to `output`: the pinned wheels below `python/`, and their bytecode.

    Beside it goes the inventory of its parts.

    Without `heif`, the layer has no decoder of HEIC and HEIF, and none of its LGPL libraries.

    Raises DevtoolsError when a wheel is missing, a native module does not match the target, or the
    layer would not fit into Lambda.
    """
    with tempfile.TemporaryDirectory() as staging_name:
        staging = Path(staging_name)
        packages = staging / "python"
        requirements = [LAYER / "requirements.txt", *([LAYER / "requirements-heif.txt"] if heif else [])]
        wheels = sbom.Wheels.of(packages, _install(target, packages, requirements))
        _prune(packages)
        _check_native_modules(packages, target)
        _drop_unused_libraries(packages)
        _check_decoders(packages, heif=heif)
        if interpreter:
            bytecode.compile_all(packages, interpreter)
        archive.write(output, staging, _files(staging))
        sbom.write(output, packages, target, wheels)
    unzipped = archive.unzipped_bytes(output)
    if unzipped > LAMBDA_UNZIPPED_LIMIT:
        raise DevtoolsError(f"{output.name} is {unzipped:,} bytes unzipped; Lambda takes {LAMBDA_UNZIPPED_LIMIT:,}")


def _install(target: Target, directory: Path, requirements: Sequence[Path]) -> dict[str, Any]:
    """Install the wheels of `requirements`, and return pip's report about them."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"),
        *("--target", str(directory), "--report", "-"),
        *(argument for file in requirements for argument in ("--requirement", str(file))),
        *target.pip_arguments,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise DevtoolsError(f"pip found no wheels for {target}:\n{finished.stderr.strip()}")
    report: dict[str, Any] = json.loads(finished.stdout)
    return report


def _prune(packages: Path) -> None:
    for pattern in _NOT_NEEDED:
        for path in list(packages.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_native_modules(packages: Path, target: Target) -> None:
    native = sorted(packages.rglob("*.so*"))
    if not any(module.name.startswith("_imaging.") for module in native):
        raise DevtoolsError("the layer has no PIL/_imaging module: Pillow did not come as a binary wheel")
    for module in native:
        reason = target.mismatch(module)
        if reason:
            raise DevtoolsError(f"{module.relative_to(packages)} {reason}, but the layer is for {target}")


def _drop_unused_libraries(packages: Path) -> None:
    """Remove the shared libraries that no remaining native module needs, directly or through another.

    Wheels carry them in a directory beside each package, under names that no other wheel has.
    https://github.com/pypa/auditwheel
    """
    unused = {file.name: file for file in packages.glob("*.libs/*")}
    reached = [module for module in packages.rglob("*.so") if module.name not in unused]
    while reached:
        reached += [unused.pop(name) for name in elf.needed(reached.pop()) & unused.keys()]
    for library in unused.values():
        library.unlink()


def _check_decoders(packages: Path, *, heif: bool) -> None:
    """The renderer calls libraries inside of wheels, and without a word falls back to Pillow where they are missing."""
    for pattern, functions in _DECODERS.items():
        found = list(packages.glob(pattern))
        if not (heif or found) and pattern.startswith("pi_heif"):
            continue
        if len(found) != 1 or not elf.exported(found[0]) >= functions:
            raise DevtoolsError(
                f"the layer has no {pattern} with {', '.join(sorted(functions))}: the wheel has changed"
            )


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())
