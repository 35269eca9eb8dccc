"""The inventory of the layer: of the standard's form, and no more and no less than what is in the archive."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.schema import SchemaVersion

from devtools.bundle import build, sbom
from devtools.bundle.target import Target

LOCAL = build.ROOT / "build" / "local" / "layer.zip"
PINNED = "\n".join(file.read_text() for file in sorted(build.LAYER.glob("*.txt")))


@dataclass(frozen=True)
class Layer:
    """An archive and its inventory."""

    archive: Path

    @property
    def text(self) -> str:
        return sbom.path_beside(self.archive).read_text(encoding="utf-8")

    @property
    def inventory(self) -> Any:
        return json.loads(self.text)

    @property
    def components(self) -> dict[str, Any]:
        """Each component by where it is in the archive."""
        return {
            occurrence["location"]: component
            for component in self.inventory["components"]
            for occurrence in component["evidence"]["occurrences"]
        }

    def contents(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.archive) as zipped:
            return {name: zipped.read(name) for name in zipped.namelist()}


@pytest.fixture(scope="module")
def without_heif(tmp_path_factory: pytest.TempPathFactory) -> Layer:
    archive = tmp_path_factory.mktemp("without") / "layer.zip"
    build.build_layer(Target.of_lambda("python3.13", "arm64"), archive, None, heif=False)
    return Layer(archive)


@pytest.fixture(params=["local", "deployed without HEIF"])
def layer(request: pytest.FixtureRequest, without_heif: Layer) -> Layer:
    return Layer(LOCAL) if request.param == "local" else without_heif


def test_it_is_of_the_standards_form(layer: Layer) -> None:
    # Takes seconds to import, which every run of any test would wait for.
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(layer.text) is None


def test_it_is_of_this_archive(layer: Layer) -> None:
    itself = layer.inventory["metadata"]["component"]
    assert itself["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(layer.archive.read_bytes()).hexdigest()}]


def test_every_package_and_library_of_the_archive_is_in_it_and_no_other(layer: Layer) -> None:
    contents = layer.contents()
    packages = {match[0] for name in contents if (match := re.match(r"python/[^/]+\.dist-info", name))}
    libraries = {name for name in contents if re.match(r"python/[^/]+\.libs/", name)}
    assert packages
    assert libraries
    assert set(layer.components) == packages | libraries
    for library in libraries:
        digest = hashlib.sha256(contents[library]).hexdigest()
        assert layer.components[library]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_its_packages_are_the_pinned_ones(layer: Layer) -> None:
    pinned = {
        (match[1], match[2]): set(re.findall(r"sha256:([0-9a-f]{64})", match[3]))
        for match in re.finditer(r"^([a-z0-9-]+)==([^ ]+) ((?:.*\\\n)*.*)", PINNED, re.MULTILINE)
    }
    packages = [each for each in layer.inventory["components"] if each["purl"].startswith("pkg:pypi/")]
    for package in packages:
        (digest,) = package["hashes"]
        assert digest["content"] in pinned[package["name"], package["version"]]
    left_out = {"pi-heif"} if layer.archive != LOCAL else set()
    assert {package["name"] for package in packages} == {name for name, _ in pinned} - left_out


def test_every_part_of_it_has_a_version_and_a_licence_by_its_known_name(layer: Layer) -> None:
    for component in layer.inventory["components"]:
        assert re.match(r"\d+\.\d+", component["version"]), component["name"]
        assert component["purl"].endswith(f"@{component['version']}")
        assert component["licenses"], component["name"]
        for licence in component["licenses"]:
            name = licence.get("expression") or licence["license"]["id"]
            known = LicenseFactory().make_from_string(name)
            assert not isinstance(known, DisjunctiveLicense) or known.id == name


def test_it_says_what_needs_what(layer: Layer) -> None:
    needs = {each["ref"]: set(each.get("dependsOn", ())) for each in layer.inventory["dependencies"]}
    components = {each["bom-ref"]: each for each in layer.inventory["components"]}
    reached, waiting = set[str](), [layer.inventory["metadata"]["component"]["bom-ref"]]
    while waiting:
        new = needs[waiting.pop()] - reached
        reached |= new
        waiting += new
    assert reached == set(components)
    (pillow,) = (ref for ref in components if ref.startswith("pkg:pypi/pillow@"))
    assert {components[ref]["name"] for ref in needs[pillow]} >= {"libavif", "libjpeg", "libtiff", "libwebp"}


def test_without_heif_nothing_is_under_the_lgpl(without_heif: Layer) -> None:
    assert "LGPL" in Layer(LOCAL).text
    assert "LGPL" not in without_heif.text


def test_it_names_no_place_that_only_its_maker_has(layer: Layer) -> None:
    addresses = set(re.findall(r"https?://[^\"]+", layer.text))
    assert addresses == {"http://cyclonedx.org/schema/bom-1.6.schema.json"}
    assert str(Path.home()) not in layer.text


def test_what_no_wheel_tells_is_read_from_the_library_or_left_out(tmp_path: Path) -> None:
    def version(data: bytes) -> Any:
        packages = tmp_path / "python"
        metadata = packages / "some_thing-1.dist-info" / "METADATA"
        library = packages / "some_thing.libs" / "libnew-0123abcd.so.3.2.1"
        for file, content in ((metadata, b"Name: Some.Thing\nVersion: 1\n"), (library, data)):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        archive = tmp_path / "layer.zip"
        archive.touch()
        wheels = sbom.Wheels({"some-thing": "0" * 64}, {})
        sbom.write(archive, packages, Target.of_lambda("python3.13", "arm64"), wheels)
        return Layer(archive).components["python/some_thing.libs/libnew-0123abcd.so.3.2.1"].get("version")

    assert version(b"new\x001.20.3\x00") == "1.20.3"
    assert version(b"\x001.20.3\x00 \x001.20.3\x00") == "1.20.3"
    assert version(b"\x001.20.3\x00 \x002.6.18\x00") is None
    assert version(b"needs 1.20.3 or newer\x00") is None
