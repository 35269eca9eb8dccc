"""What is in the layer, for whoever has to know it: an inventory in CycloneDX's form, beside the archive.

It is made of what is really there, and says the same whenever and wherever it is made. What is linked into another
library, such as the codecs in libavif, has no file of its own and is not in it. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from devtools.bundle.archive import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import Distribution
    from pathlib import Path

    from cyclonedx.model.license import License

    from devtools.bundle.target import Target

# By the names of files, where the inventory in a wheel has another name for the same source.
_VENDORS_NAMES: Final[Mapping[str, str]] = {
    "liblcms2": "littlecms2",
    "libopenjp2": "openjpeg",
    "libsharpyuv": "libwebp",
    "libwebpdemux": "libwebp",
    "libwebpmux": "libwebp",
}
# Of what does not tell in its metadata, by what its own sources say.
_LICENCES: Final[Mapping[str, str]] = {
    "libXau": "MIT-open-group",
    "libde265": "LGPL-3.0-or-later",
    "libheif": "LGPL-3.0-or-later",
    "liblzma": "0BSD",
    "libzstd": "BSD-3-Clause OR GPL-2.0-only",
    "pyspng": "BSD-3-Clause AND BSD-2-Clause",  # itself, and the libspng in it
}
_SPDX_NAMES: Final[Mapping[str, str]] = {"Apache License 2.0": "Apache-2.0"}

# libavif-c6062d5f.so.16.4.2: a name, a hash of auditwheel's, and the version of the interface, not of the library.
_LIBRARY = re.compile(r"(.+)-[0-9a-f]{8}\.so[.0-9]*")
_VERSION_IN_DATA = re.compile(rb"\0(\d+\.\d+\.\d+)\0")
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Wheels:
    """What is only known while the wheels are whole."""

    sha256: Mapping[str, str]
    """Of each wheel, by the normal form of its name."""
    told: Mapping[str, Mapping[str, Any]]
    """What the inventories in the wheels say of their parts, by the name in each one's package URL."""

    @classmethod
    def of(cls, packages: Path, report: Mapping[str, Any]) -> Wheels:
        """Of what pip installed into `packages`, and its report about that.

        https://peps.python.org/pep-0770/ and https://pip.pypa.io/en/stable/reference/installation-report/
        """
        return cls(
            {
                _normal(each["metadata"]["name"]): each["download_info"]["archive_info"]["hashes"]["sha256"]
                for each in report["install"]
            },
            {
                source.name: component
                for inventory in sorted(packages.glob("*.dist-info/sboms/*.cdx.json"))
                for component in json.loads(inventory.read_text(encoding="utf-8"))["components"]
                if (source := _source(component))
            },
        )


def path_beside(layer: Path) -> Path:
    """Where the inventory of `layer` is."""
    return layer.with_suffix(".cdx.json")


def write(layer: Path, packages: Path, target: Target, wheels: Wheels) -> None:
    """Write the inventory of the archive `layer`, which was made of `packages`."""
    digest = _sha256(layer)
    itself = Component(
        name="thumbnail-pipeline-imaging",
        version=version("thumbnail-pipeline"),
        type=ComponentType.LIBRARY,
        bom_ref=layer.name,
        description=f"Image libraries for {target}",
        hashes=[digest],
    )
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"sha256:{digest.content}"),
        metadata=BomMetaData(component=itself, timestamp=datetime(*EPOCH, tzinfo=UTC)),
    )
    found = {_normal(each.name): each for each in distributions(path=[str(packages)])}
    components = {name: _distribution(name, each, packages, wheels) for name, each in found.items()}
    bom.components.update(components.values())
    bom.register_dependency(itself, components.values())
    for name, each in found.items():
        required = {_normal(match[0]) for line in each.requires or () if (match := _REQUIRED.match(line))}
        libraries = [_library(file, packages, wheels) for file in packages.glob(f"{_file_name(name)}.libs/*")]
        bom.components.update(libraries)
        bom.register_dependency(
            components[name], [*(components[other] for other in required & found.keys()), *libraries]
        )
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    path_beside(layer).write_text(f"{text}\n", encoding="utf-8")


def _distribution(name: str, found: Distribution, packages: Path, wheels: Wheels) -> Component:
    purl = PackageURL("pypi", name=name, version=found.version)
    stated = found.metadata.json  # in which what is absent is not there
    licence = str(stated.get("license_expression") or stated.get("license") or _LICENCES.get(name, ""))
    return Component(
        name=name,
        version=found.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheels.sha256[name])],
        licenses=_licences([_SPDX_NAMES.get(licence, licence)]),
        evidence=_evidence(packages / f"{_file_name(name)}-{found.version}.dist-info", packages),
    )


def _library(file: Path, packages: Path, wheels: Wheels) -> Component:
    matched = _LIBRARY.fullmatch(file.name)
    name = matched[1] if matched else file.name
    told = wheels.told.get(_VENDORS_NAMES.get(name, name), {})
    source = _source(told) or PackageURL("generic", name=name)
    number = told.get("version") or _version_in(file)
    licences = [each["license"]["id"] for each in told.get("licenses", ())]
    return Component(
        name=name,
        version=number,
        type=ComponentType.LIBRARY,
        bom_ref=file.relative_to(packages).as_posix(),
        purl=PackageURL(source.type, source.namespace, source.name, number),
        hashes=[_sha256(file)],
        licenses=_licences(licences or [_LICENCES.get(name, "")]),
        evidence=_evidence(file, packages),
    )


def _version_in(library: Path) -> str | None:
    """The version that a library names in its data, if it is the only one."""
    versions = set(_VERSION_IN_DATA.findall(library.read_bytes()))
    return versions.pop().decode() if len(versions) == 1 else None


def _source(told: Mapping[str, Any]) -> PackageURL | None:
    """The package URL of a wheel's part. Pillow has it as the reference, and has no version in it."""
    url = told.get("purl") or told.get("bom-ref", "")
    return PackageURL.from_string(url) if url.startswith("pkg:") else None


def _licences(names: Iterable[str]) -> list[License]:
    return [LicenseFactory().make_from_string(name) for name in names if name]


def _evidence(place: Path, packages: Path) -> ComponentEvidence:
    """Where a component is in the archive."""
    return ComponentEvidence(occurrences=[Occurrence(location=place.relative_to(packages.parent).as_posix())])


def _sha256(file: Path) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(file.read_bytes()).hexdigest())


def _normal(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _file_name(name: str) -> str:
    """What the names of a wheel's directories begin with."""
    return name.replace("-", "_")
