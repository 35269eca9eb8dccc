"""What the benches measured of one image, as measured.json has it, and how it gets there."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_FILE = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class PerImage:
    """One image that nobody has processed before, with the renditions that the module makes by default.

    calls            AWS calls of the function, by the operation's name
    source_bytes     of the upload
    thumbnail_bytes  of all its thumbnails together
    log_bytes        that the function logs, metrics included, at level INFO
    row_bytes        of its row in the catalog, as DynamoDB counts them
    billed_ms        of an invocation, shared by the images in it, at `model.MEASURED_MEMORY_MB` of memory
    """

    date: str
    by: str
    calls: Mapping[str, float]
    source_bytes: float
    thumbnail_bytes: float
    log_bytes: float
    row_bytes: float
    billed_ms: float


@dataclass(frozen=True)
class AtMemory:
    """How long one image takes at a memory setting; only the ratios of these are used."""

    memory_mb: int
    ms_per_image: float


@dataclass(frozen=True)
class MemorySettings:
    """The settings that were tried, by rising memory."""

    date: str
    by: str
    settings: tuple[AtMemory, ...]


@dataclass(frozen=True)
class Encoding:
    """What it takes to encode one thumbnail in a square box of `box` pixels a side, and how large it gets."""

    format: str
    quality: int
    box: int
    ms: float
    bytes: float


@dataclass(frozen=True)
class Encodings:
    """The encoders, over the same photographs."""

    date: str
    by: str
    encodings: tuple[Encoding, ...]


@dataclass(frozen=True)
class Phones:
    """Processor time of the default renditions of a phone's picture of 12 megapixels, in the two ways it may come."""

    date: str
    by: str
    heic_ms: float
    jpeg_ms: float


@dataclass(frozen=True)
class PerObject:
    """Microseconds of a processor that a worker in the account takes to look at an object, by the kind of the job."""

    date: str
    by: str
    backfill_us: float
    reconcile_us: float

    def seconds(self, kind: Literal["backfill", "reconcile"]) -> float:
        """Of a job of that kind."""
        return (self.backfill_us if kind == "backfill" else self.reconcile_us) / 1e6


@dataclass(frozen=True)
class Measured:
    """All that was measured. `date` and `by` of each part say when, and what did it."""

    per_image: PerImage
    memory: MemorySettings
    encoders: Encodings
    phones: Phones
    per_object: PerObject

    @classmethod
    def load(cls) -> Measured:
        """Read measured.json."""
        document = json.loads(_FILE.read_text(encoding="utf-8"))
        memory, encoders = document["memory"], document["encoders"]
        return cls(
            per_image=PerImage(**document["per_image"]),
            memory=MemorySettings(memory["date"], memory["by"], _at_memories(memory["settings"])),
            encoders=Encodings(
                encoders["date"], encoders["by"], tuple(Encoding(**each) for each in encoders["encodings"])
            ),
            phones=Phones(**document["phones"]),
            per_object=PerObject(**document["per_object"]),
        )


def publish(bench: Path, target: Path = _FILE) -> list[str]:
    """Copy what lies in the folder `bench` to measured.json and name what was copied.

    A part of which there is no file stays as it was. Raises ThumbctlError.
    """
    document: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    parts: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
        "throughput.json": ("per_image", _per_image),
        "memory.json": ("memory", _memory),
        "jobs.json": ("per_object", _per_object),
        "phones.json": ("phones", lambda found: {name: found[name] for name in ("heic_ms", "jpeg_ms")}),
    }
    found = {name: part for name, part in parts.items() if (bench / name).exists()}
    if not found:
        raise ThumbctlError(f"there is neither {' nor '.join(parts)} in {bench}: run the benches first")
    for name, (part, read) in found.items():
        path = bench / name
        try:
            figures = read(json.loads(path.read_text(encoding="utf-8")))
        except KeyError as missing:
            raise ThumbctlError(f"{path} has no {missing}: run the bench of this version again") from None
        measured_on = datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
        document[part] = {"date": measured_on, "by": f"build/bench/{name}", **figures}
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return sorted(found)


def _per_image(document: Any) -> dict[str, Any]:  # noqa: ANN401 - parsed JSON
    names = [field.name for field in fields(PerImage) if field.name not in {"date", "by"}]
    return {name: document["per_image"][name] for name in names}


def _per_object(document: Any) -> dict[str, Any]:  # noqa: ANN401 - parsed JSON
    """Of several runs of a kind, which differ in the number of workers, the median."""
    took: defaultdict[str, list[float]] = defaultdict(list)
    for run in document:
        seconds = sum(worker["cpu_seconds"] for worker in run["workers"])
        took[run["kind"]].append(1e6 * seconds / run["objects"])
    return {f"{kind}_us": round(statistics.median(took[kind]), 1) for kind in took}


def _memory(document: Any) -> dict[str, Any]:  # noqa: ANN401 - parsed JSON
    return {"settings": [asdict(each) for each in _at_memories(document)]}


def _at_memories(rows: Iterable[Mapping[str, Any]]) -> tuple[AtMemory, ...]:
    settings = (AtMemory(row["memory_mb"], row["ms_per_image"]) for row in rows)
    return tuple(sorted(settings, key=lambda each: each.memory_mb))
