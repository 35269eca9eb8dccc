"""The archives: reproducible, complete in themselves, and for the right machine."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import botocore
import pytest

from bundle import archive, build
from bundle.target import BundleError, Target

FUNCTION = build.ROOT / "build" / "local" / "function.zip"
LAYER = build.ROOT / "build" / "local" / "layer.zip"


def test_the_function_is_built_the_same_twice(tmp_path: Path) -> None:
    target = Target.of_this_interpreter()
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    build.build_function(target, first)
    build.build_function(target, second)
    assert first.read_bytes() == second.read_bytes()


def test_the_layer_is_built_the_same_twice(tmp_path: Path) -> None:
    build.build_layer(Target.of_this_interpreter(), tmp_path / "layer.zip")
    assert (tmp_path / "layer.zip").read_bytes() == LAYER.read_bytes()


def test_the_deployed_layer_is_for_arm64_whatever_builds_it(tmp_path: Path) -> None:
    target = Target.of_lambda("python3.13", "arm64")
    build.build_layer(target, tmp_path / "layer.zip")
    with zipfile.ZipFile(tmp_path / "layer.zip") as layer:
        native = [name for name in layer.namelist() if name.endswith(".so")]
    assert "python/PIL/_imaging.cpython-313-aarch64-linux-gnu.so" in native
    assert all("aarch64" in name for name in native if ".cpython-" in name)


def test_the_layer_holds_what_is_needed_and_nothing_else() -> None:
    with zipfile.ZipFile(LAYER) as layer:
        names = layer.namelist()
        assert names == sorted(names)
        assert {entry.date_time for entry in layer.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not [
        name for name in names if "boto" in name or "/tests/" in name or name.endswith((".c", ".pyi", "RECORD"))
    ]
    target = Target.of_this_interpreter()
    tag = f"cpython-{target.python[0]}{target.python[1]}-{target.machine}-linux-gnu"
    assert f"python/PIL/_imaging.{tag}.so" in names


def test_the_archives_are_small() -> None:
    zipped, unzipped = archive.sizes(LAYER)
    assert zipped < 10 * 2**20
    assert unzipped < 25 * 2**20
    assert archive.sizes(FUNCTION)[1] < 2**20


def test_the_archives_need_nothing_but_the_runtime(tmp_path: Path) -> None:
    """Import the handler with the two archives and boto3 alone, from a read-only place, as Lambda does."""
    for name, unpacked in ((FUNCTION, tmp_path / "task"), (LAYER, tmp_path / "opt")):
        with zipfile.ZipFile(name) as zipped:
            zipped.extractall(unpacked)
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    site_packages = Path(boto3.__file__).parents[1]
    for package in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"):
        (runtime / package).symlink_to(site_packages / package)
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]; "
        "import thumbnailer.handler, PIL, aws_xray_sdk, json, pi_heif, PIL.features; PIL.Image.init(); "
        "assert all(map(PIL.features.check, ['avif', 'jpg', 'libtiff', 'littlecms2', 'webp', 'zlib'])); "
        "print(json.dumps([thumbnailer.handler.__file__, PIL.__file__, aws_xray_sdk.__file__]))"
    )
    settings = json.dumps({"renditions": [{"name": "one", "width": 8, "height": 8}]})
    printed = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            script,
            str(tmp_path / "task"),
            str(tmp_path / "opt" / "python"),
            str(runtime),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={
            "SETTINGS": settings,
            "SOURCE_BUCKET": "uploads",
            "THUMBNAILS_BUCKET": "thumbnails",
            "CATALOG_TABLE": "catalog",
            "ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts",
            "TOMBSTONE_DAYS": "30",
            "RETRY_FIRST_SECONDS": "20",
            "TIMEOUT_SECONDS": "60",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
    )
    assert printed.returncode == 0, printed.stderr
    handler, pillow, sdk = json.loads(printed.stdout)
    assert handler.startswith(str(tmp_path / "task"))
    assert pillow.startswith(str(tmp_path / "opt"))
    assert sdk.startswith(str(tmp_path / "opt"))
    assert botocore.__file__.startswith(str(site_packages))


def test_a_native_module_of_another_machine_is_found_out() -> None:
    native = next(build.ROOT.glob(".venv/lib/python3*/site-packages/PIL/_imaging.*.so"))
    assert Target.of_this_interpreter().mismatch(native) is None
    other = "arm64" if Target.of_this_interpreter().machine == "x86_64" else "x86_64"
    assert Target.of_lambda("python3.13", other).mismatch(native) is not None
    assert Target.of_lambda(
        "python3.99", {"x86_64": "x86_64", "aarch64": "arm64"}[Target.of_this_interpreter().machine]
    ).mismatch(native)


@pytest.mark.parametrize(("runtime", "architecture"), [("nodejs22.x", "arm64"), ("python3.13", "sparc")])
def test_a_target_that_lambda_does_not_have_is_refused(runtime: str, architecture: str) -> None:
    with pytest.raises(BundleError, match=architecture):
        Target.of_lambda(runtime, architecture)
