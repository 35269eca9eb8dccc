"""The archives: reproducible, complete in themselves, small, and for the right machine."""

from __future__ import annotations

import base64
import hashlib
import json
import marshal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import boto3
import PIL
import pytest

from devtools.bundle import __main__ as command
from devtools.bundle import archive, build, bytecode, elf
from devtools.bundle.target import Target
from devtools.errors import DevtoolsError
from renderer.pictures import DATA, photograph, saved
from support.front_door import LIMITS
from support.pipeline import RENDITIONS, environment
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Settings

FUNCTIONS = build.ROOT / "functions"
FUNCTION = build.ROOT / "build" / "local" / "thumbnailer.zip"
LAYER = build.ROOT / "build" / "local" / "layer.zip"

HERE = Target.of_this_interpreter()
DEPLOYED = Target.of_lambda("python3.13", "arm64")
NOBODY_HAS = Target.of_lambda("python3.99", "arm64")

# What Amazon Linux 2023 brings: the C library, the C++ runtime and zlib.
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1", "libz.so.1"}
LOADERS = {"ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2"}

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer as it is deployed, but for the bytecode, which not every machine can make."""
    layer = tmp_path_factory.mktemp("deployed") / "layer.zip"
    build.build_layer(DEPLOYED, layer, None)
    return layer


def unpack(root: Path, archive: Path) -> Path:
    """An archive and the layer where Lambda unpacks them, read-only, beside the SDK that the runtime brings."""
    for name, place in ((archive, root / "task"), (LAYER, root / "opt")):
        with zipfile.ZipFile(name) as zipped:
            zipped.extractall(place)
    (root / "runtime").mkdir()
    for package in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"):
        (root / "runtime" / package).symlink_to(Path(boto3.__file__).parents[1] / package)
    for directory in [root / "task", root / "opt", *root.glob("task/**/"), *root.glob("opt/**/")]:
        directory.chmod(0o555)
    return root


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The thumbnailer as Lambda has it."""
    return unpack(tmp_path_factory.mktemp("lambda"), FUNCTION)


def run_unpacked(root: Path, script: str, told: Any = None) -> Any:
    """What `script` prints as JSON, with nothing to import but the archives and the runtime, and nothing written."""
    before = {path for path in root.rglob("*") if "runtime" not in path.parts}
    places = [str(root / "task"), str(root / "opt" / "python"), str(root / "runtime")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = sys.argv[1:]\n{script}", *places],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
        env={
            **environment("arn:aws:sns:us-east-1:123456789012:alerts", RENDITIONS),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "CURSOR_PARAMETER": "/thumbnail-pipeline/thumbs/reconcile",
            "METRICS_FUNCTION": "thumbs-thumbnailer",
            "DEPLOYMENT": "thumbs",
            "DESTINATION": "events",
            "EVENT_BUS_NAME": "thumbs",
            "UPLOADS_BUCKET": "uploads",
            "ASKS_TABLE": "asks",
            "SOURCE_KEYS": "{}",
            "TOPIC_PREFIX": "cameras",
            "IOT_ENDPOINT": "a1b2-ats.iot.us-east-1.amazonaws.com",
            "THING_TYPE": "thumbs-camera",
            "LIMITS": json.dumps(LIMITS),
            "JOBS_TABLE": "jobs",
            "RANGES_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/ranges",
            "BACKFILL_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/backfill",
            "DLQ_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
            "BACKFILL_MAPPING": "mapping",
            "RANGES_AT_A_TIME": "10",
        },
    )
    assert done.returncode == 0, done.stderr
    assert {path for path in root.rglob("*") if "runtime" not in path.parts} == before
    return json.loads(done.stdout)


@pytest.mark.parametrize("function", build.FUNCTIONS)
def test_an_archive_needs_nothing_but_the_layer_and_the_runtime(tmp_path: Path, function: str) -> None:
    unpacked = unpack(tmp_path, FUNCTION.with_name(f"{function}.zip"))
    script = f"""
import importlib, json, pkgutil
import PIL.features, PIL.Image, aws_xray_sdk.core, pi_heif, {function}, thumbnail_pipeline
modules = [
    importlib.import_module(found.name)
    for package in ({function}, thumbnail_pipeline)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
PIL.Image.init()
codecs = ["avif", "jpg", "libtiff", "littlecms2", "webp", "zlib"]
print(json.dumps({{
    "task": sorted({{module.__file__ for module in modules}}),
    "opt": [PIL.__file__, aws_xray_sdk.__file__, pi_heif.__file__],
    "codecs": {{codec: bool(PIL.features.check(codec)) for codec in codecs}},
}}))
"""
    told = run_unpacked(unpacked, script)
    carried = {file.relative_to(unpacked / "task") for file in unpacked.glob("task/**/*.py")}
    written = carried - {Path(package) / "__init__.py" for package in (function, "thumbnail_pipeline")}
    assert {Path(file).relative_to(unpacked / "task") for file in told["task"]} == written
    assert all(file.startswith(f"{unpacked / 'opt'}/") for file in told["opt"])
    assert all(told["codecs"].values()), told["codecs"]


def test_the_archives_render_every_format_as_the_sources_do(unpacked: Path) -> None:
    picture = photograph(size=(96, 64))
    sources = {form.lower(): saved(picture, form) for form in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP")}
    # Compressed, since Pillow reads others without its TIFF library.
    sources["tiff"] = saved(picture, "TIFF", compression="tiff_lzw")
    sources["heif"] = (DATA / "grid.heic").read_bytes()  # which libheif decodes tile by tile
    renditions = [
        {"name": form, "width": 48, "height": 48, "format": form} for form in ("webp", "jpeg", "png", "avif", "gif")
    ]
    settings = json.dumps({"renditions": renditions})
    expected = {form: render(data, Settings.from_json(settings)) for form, data in sources.items()}
    script = """
import base64, hashlib, json
from thumbnail_pipeline.renderer.rendering import render
from thumbnail_pipeline.settings import Settings
told = json.load(sys.stdin)
settings = Settings.from_json(told["settings"])
rendered = {form: render(base64.b64decode(source), settings) for form, source in told["sources"].items()}
print(json.dumps({
    form: [each.facts.format, *(hashlib.sha256(thumbnail.data).hexdigest() for thumbnail in each.thumbnails)]
    for form, each in rendered.items()
}))
"""
    encoded = {form: base64.b64encode(data).decode() for form, data in sources.items()}
    assert run_unpacked(unpacked, script, {"settings": settings, "sources": encoded}) == {
        form: [form, *(hashlib.sha256(thumbnail.data).hexdigest() for thumbnail in each.thumbnails)]
        for form, each in expected.items()
    }


def test_the_function_is_built_the_same_twice(tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    build.build_function("thumbnailer", first, sys.executable)
    build.build_function("thumbnailer", second, sys.executable)
    assert first.read_bytes() == second.read_bytes()


def test_the_layer_is_built_the_same_twice(tmp_path: Path) -> None:
    build.build_layer(HERE, tmp_path / "layer.zip", sys.executable)
    for made in (tmp_path / "layer.zip", tmp_path / "layer.cdx.json"):
        assert made.read_bytes() == (LAYER.parent / made.name).read_bytes()


def test_neither_the_directory_nor_the_environment_changes_what_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.build_function("thumbnailer", tmp_path / "here.zip", sys.executable)
    elsewhere = tmp_path / "quite" / "another" / "directory"
    elsewhere.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    for name, value in {
        "PYTHONHASHSEED": "12345",
        "PYTHONOPTIMIZE": "2",
        "PYTHONPYCACHEPREFIX": str(tmp_path / "cache"),
        "SOURCE_DATE_EPOCH": "1",
    }.items():
        monkeypatch.setenv(name, value)
    build.build_function("thumbnailer", tmp_path / "there.zip", sys.executable)
    assert (tmp_path / "there.zip").read_bytes() == (tmp_path / "here.zip").read_bytes()


@pytest.mark.parametrize(("archived", "below"), [(FUNCTION, ""), (LAYER, "python/")])
def test_every_module_has_bytecode_that_lambda_need_not_check(archived: Path, below: str) -> None:
    unchecked_hash = (1).to_bytes(4, "little")  # PEP 552
    with zipfile.ZipFile(archived) as zipped:
        modules = [Path(name) for name in zipped.namelist() if name.endswith(".py")]
        assert modules
        for module in modules:
            compiled = module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc"
            content = zipped.read(compiled.as_posix())
            assert content[4:8] == unchecked_hash
            code = marshal.loads(content[16:])  # noqa: S302 - compiled here
            assert code.co_filename == f"/{module.as_posix().removeprefix(below)}"


def test_the_layer_holds_what_is_needed_and_nothing_else() -> None:
    with zipfile.ZipFile(LAYER) as layer:
        names = layer.namelist()
        assert names == sorted(names)
        assert {entry.date_time for entry in layer.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not [
        name for name in names if "boto" in name or "/tests/" in name or name.endswith((".c", ".pyi", "RECORD"))
    ]
    tag = f"cpython-{HERE.python[0]}{HERE.python[1]}-{HERE.machine}-linux-gnu"
    assert f"python/PIL/_imaging.{tag}.so" in names


@pytest.mark.parametrize("which", ["local", "deployed"])
def test_the_layer_has_every_library_that_it_needs_and_no_other(which: str, deployed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile({"local": LAYER, "deployed": deployed}[which]) as layer:
        layer.extractall(tmp_path)
    native = [path for path in tmp_path.rglob("*.so*") if path.is_file()]
    libraries = {path.name for path in native if path.parent.suffix == ".libs"}
    needed = set().union(*(elf.needed(path) for path in native))
    assert libraries <= needed
    # They need each other, and only the fonts' module, which is left out, needs any of them.
    assert not [name for name in libraries if name.startswith(("libfreetype", "libharfbuzz", "libpng", "libbrotli"))]
    assert needed - libraries <= SYSTEM | LOADERS


def test_the_deployed_layer_is_for_arm64_whatever_builds_it(deployed: Path) -> None:
    with zipfile.ZipFile(deployed) as layer:
        native = [name for name in layer.namelist() if name.endswith(".so")]
    assert "python/PIL/_imaging.cpython-313-aarch64-linux-gnu.so" in native
    assert all("aarch64" in name for name in native if ".cpython-" in name)


def test_the_layer_can_do_without_what_is_under_the_lgpl(tmp_path: Path) -> None:
    build.build_layer(HERE, tmp_path / "layer.zip", None, heif=False)
    with zipfile.ZipFile(tmp_path / "layer.zip") as layer:
        assert not [name for name in layer.namelist() if "heif" in name or "de265" in name]


@pytest.mark.parametrize("pattern", build._DECODERS)
def test_a_wheel_without_what_the_renderer_calls_is_found_out(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    packages = Path(PIL.__file__).parents[1]
    build._check_decoders(packages, heif=True)
    monkeypatch.setitem(build._DECODERS, pattern, {"no_such_function"})
    with pytest.raises(DevtoolsError, match="no_such_function: the wheel has changed"):
        build._check_decoders(packages, heif=True)


def test_the_archives_are_small(deployed: Path) -> None:
    """A tenth above what they are; bytecode would be 0.8 and 1.7 MiB of the deployed layer."""
    assert archive.unzipped_bytes(LAYER) < 24.9 * MEBIBYTE
    assert archive.unzipped_bytes(deployed) < 22.9 * MEBIBYTE
    assert archive.unzipped_bytes(FUNCTION) < MEBIBYTE


def test_nothing_is_compressed_and_little_is_added() -> None:
    """DEFLATE of another library would give other bytes; 50 MB is what Lambda takes directly."""
    with zipfile.ZipFile(LAYER) as zipped:
        assert {entry.compress_type for entry in zipped.infolist()} == {zipfile.ZIP_STORED}
    assert LAYER.stat().st_size < min(1.05 * archive.unzipped_bytes(LAYER), 50_000_000)


def test_a_native_module_of_another_machine_is_found_out(tmp_path: Path) -> None:
    native = next(build.ROOT.glob(".venv/lib/python3*/site-packages/PIL/_imaging.*.so"))
    assert HERE.mismatch(native) is None
    here, other = {"x86_64": ("x86_64", "arm64"), "aarch64": ("arm64", "x86_64")}[HERE.machine]
    assert "is built for EM_" in str(Target.of_lambda("python3.13", other).mismatch(native))
    assert "is built for Python 3." in str(Target.of_lambda("python3.99", here).mismatch(native))
    (tmp_path / "text.so").write_text("/* GNU ld script */")
    assert HERE.mismatch(tmp_path / "text.so") == "is no ELF file"


@pytest.mark.parametrize(("runtime", "architecture"), [("nodejs22.x", "arm64"), ("python3.13", "sparc")])
def test_a_target_that_lambda_does_not_have_is_refused(runtime: str, architecture: str) -> None:
    with pytest.raises(DevtoolsError, match=architecture):
        Target.of_lambda(runtime, architecture)


def test_where_functions_cannot_run_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(sys, "argv", ["bundle", "api", str(tmp_path / "api.zip")])
    assert command.main() == 1
    said = "error: the local stack runs functions as Lambda does, which Darwin cannot: use Linux, in a virtual machine"
    assert capsys.readouterr().err.startswith(said)
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--runtime", "python3.13", "--interpreter", sys.executable])
    assert command.main() == (0 if HERE.version == "3.13" else 1)
    assert "local stack" not in capsys.readouterr().err


def program(path: Path, script: str) -> Path:
    """A program that others find on PATH."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_this_interpreter_makes_the_bytecode_of_its_own_version() -> None:
    assert bytecode.interpreter(HERE) == sys.executable


def test_an_interpreter_is_found_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(tmp_path / "python3.99", "echo cpython 3.99")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bytecode.interpreter(NOBODY_HAS) == str(found)


def test_uv_is_asked_where_path_has_none_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(tmp_path / "hidden" / "python", "echo cpython 3.99")
    program(tmp_path / "python3.99", "exit 127")  # a version manager's, without the version
    program(tmp_path / "uv", f'test "$*" = "python find --no-project --no-python-downloads 3.99" && echo {found}')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert bytecode.interpreter(NOBODY_HAS) == str(found)


def test_versions_of_pyenv_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    for patch, version in {"3.99.1": "3.99", "3.99.2": "3.99", "3.9.9": "3.9"}.items():
        (tmp_path / "versions" / patch).mkdir(parents=True)
        program(tmp_path / "versions" / patch / "bin" / "python", f"echo cpython {version}")
    assert bytecode.interpreter(NOBODY_HAS) == str(tmp_path / "versions" / "3.99.2" / "bin" / "python")


@pytest.mark.parametrize(
    ("named", "is_it"),
    [(sys.executable, f"which is cpython {HERE.version}"), ("/no/such/python", "which is no interpreter that runs")],
)
def test_a_named_interpreter_must_be_of_the_version(named: str, is_it: str) -> None:
    with pytest.raises(DevtoolsError, match=f"bytecode for Python 3.99 cannot come from {named}, {is_it}: name "):
        bytecode.interpreter(NOBODY_HAS, [named])


def test_a_module_that_does_not_compile_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def")
    with pytest.raises(DevtoolsError, match=r"cannot compile every module:\n[^$]*broken\.py"):
        bytecode.compile_all(tmp_path, sys.executable)


def test_without_an_interpreter_the_archive_goes_without_bytecode_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "thumbnailer.zip"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["bundle", "thumbnailer", str(output), "--runtime", "python3.99"])
    assert command.main() == 0
    with zipfile.ZipFile(output) as zipped:
        assert {Path(name).suffix for name in zipped.namelist()} == {".py"}
    told = capsys.readouterr()
    assert told.err.startswith(f"note: {output} carries no bytecode, for no Python 3.99 is on PATH")
    assert told.out.startswith(f"{output}: thumbnailer for Python 3.99 on aarch64, 0.")


def test_a_wrong_interpreter_ends_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "thumbnailer.zip"
    arguments = ["bundle", "thumbnailer", str(output), "--runtime", "python3.99", "--interpreter", sys.executable]
    monkeypatch.setattr(sys, "argv", arguments)
    assert command.main() == 1
    assert capsys.readouterr().err.startswith("error: bytecode for Python 3.99 cannot come from ")
    assert not output.exists()
