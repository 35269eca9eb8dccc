"""Images a second through the real handler, beside what the processor alone could render.

    python -m bench.throughput [--rounds 7]     build/bench/throughput.json
    python -m bench.throughput --sweep          build/bench/sweep.json: images in flight x images rendered at a time

Every contender is a process of its own, warm, and gets batches of ten photographs; they take turns, and figures are
medians over the rounds. S3 and DynamoDB are `bench.loopback`: real HTTP, real waiting, and no TLS. On one core, the
contender has a core to itself and the loopback AWS the other; on two, the loopback AWS has to share them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.console import Console

from bench import loopback
from bench.contender import Contender
from bench.corpus import ROOT, batch
from bench.figures import WIDTH, Figures, Goal, told
from bench.stage import CORE_MB, Cores, Stage, two_cores
from devtools.localaws import processes, xray
from thumbctl import local

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.stage import Turn

__all__ = [
    "GOAL",
    "HANDLER",
    "LARGER",
    "ROUNDS",
    "SERIAL",
    "TUTORIAL",
    "measured",
    "sweep_figures",
    "tables",
    "verdicts",
]

GOAL: Final = 0.90  # of what the processor alone could render
ROUNDS: Final = 7

HANDLER: Final = "handler"
LARGER: Final = "handler, batches of 20"
SERIAL: Final = "handler, one thing at a time"
TUTORIAL: Final = "tutorial"
_RENDERERS: Final = {1: "renderer alone, one thread", 2: "renderer alone, two threads"}

_ONE_AT_A_TIME: Final = {"IMAGES_AT_ONCE": "1", "RENDERS_AT_ONCE": "1", "WRITES_AT_ONCE": "1"}
_SWEPT_IMAGES, _SWEPT_RENDERS = (1, 2, 4, 6, 10), (1, 2, 3, 4)
_STEPS: Final = {"reads": "GetObject", "writes": "PutObject", "rows": "PutItem"}
_COLUMNS: Final = {
    "CPU ms": "cpu_ms",
    "of it not rendering": "cpu_beside_ms",
    "AWS's CPU ms": "aws_cpu_ms",
    "until the first": "fill_ms",
    "after the last": "drain_ms",
    "peak MB": "rss_mb",
    "connections": "connections_first",
    "later": "connections_later",
    "reads": "reads_overlapped",
    "writes": "writes_overlapped",
    "others": "others",
}
# A round tells how two contenders compare if others take no more than this share of the processors from either.
_CALM: Final = 0.05
# Of some fifty calls: now and then more of them are under way together than ever before.
_NEW_CONNECTIONS: Final = 2
_WARM_UP: Final = "warm-up"
_COLLECTOR_SECONDS: Final = 0.5  # datagrams arrive when they arrive


@dataclass(frozen=True)
class Place:
    """Where contenders are measured."""

    name: str
    cores: Cores
    memory_mb: int
    """The function's memory, at which Lambda gives as many processors."""

    @property
    def reference(self) -> str:
        """What the processor alone can render."""
        return _RENDERERS[len(self.cores.contender)]


def places() -> list[Place]:
    """One core with the loopback AWS beside it, and two cores that they share."""
    first, second = two_cores()
    return [
        Place("one core", Cores({first}, {second}), CORE_MB),
        Place("two cores", Cores({first, second}, {first, second}), 2 * CORE_MB),
    ]


class Player(NamedTuple):
    """A contender who takes part."""

    contender: Contender
    copies: int = 1
    """How often its batches have each photograph."""
    patient: bool = True
    """Whether it begins anew where it was disturbed; not those that are slow, and there for scale."""

    def play(self, stage: Stage, folder: str) -> Turn:
        """Take a turn."""
        return (stage.calm_turn if self.patient else stage.turn)(self.contender, folder, self.copies)


def players(stage: Stage, place: Place, stack: contextlib.ExitStack) -> dict[str, Player]:
    """Everybody who is measured at `place`, started but not yet asked anything."""

    def started(name: str, *command: str, **overrides: str) -> Contender:
        environment = stage.environment(f"{place.name} {name}", place.memory_mb) | overrides
        return stack.enter_context(Contender(*command, environment=environment, cores=place.cores.contender))

    files = [str(source.path) for source in batch()]
    return {
        HANDLER: Player(started(HANDLER, "handler")),
        LARGER: Player(started(LARGER, "handler"), copies=2),
        SERIAL: Player(started(SERIAL, "handler", **_ONE_AT_A_TIME), patient=False),
        TUTORIAL: Player(started(TUTORIAL, "tutorial"), patient=False),
        **{
            name: Player(started(name, "render", str(threads), *files))
            for threads, name in _RENDERERS.items()
            if threads <= len(place.cores.contender)
        },
    }


def played(stage: Stage, everybody: Mapping[str, Player], rounds: int, about: str) -> dict[str, list[Turn]]:
    """Warm everybody up, and let them take turns; another one begins each round."""
    turns = {name: [stage.turn(each.contender, _WARM_UP, each.copies)] for name, each in everybody.items()}
    order = list(everybody)
    for number in range(rounds):
        for name in order:
            turns[name].append(everybody[name].play(stage, str(number)))
        order = [*order[1:], order[0]]
        Console(stderr=True).print(f"{about}: round {number + 1} of {rounds}")
    return turns


def figures(turns: list[Turn]) -> dict[str, Any]:
    """Medians over the batches after the first, which was the warm-up."""
    warm, images = turns[1:], turns[0].images
    wall_ms = statistics.median(turn.run.wall_ms for turn in warm)
    return {
        "images_per_second": round(images / wall_ms * 1000, 2),
        "wall_ms": round(wall_ms / images, 1),
        "cpu_ms": round(statistics.median(turn.run.cpu_ms for turn in warm) / images, 1),
        "cpu_beside_ms": round(statistics.median(turn.run.cpu_beside_ms for turn in warm) / images, 1),
        "aws_cpu_ms": round(statistics.median(turn.aws.cpu_ms for turn in warm) / images, 1),
        "rss_mb": round(turns[-1].run.rss_bytes / 2**20),
        "fill_ms": round(statistics.median(_fill_ms(turn) for turn in warm)),
        "drain_ms": round(statistics.median(_drain_ms(turn) for turn in warm)),
        "others": round(statistics.median(turn.others for turn in warm), 3),
        "connections_first": turns[0].aws.connections,
        "connections_later": sum(turn.aws.connections for turn in warm) / len(warm),
        **{f"{name}_overlapped": overlapped(warm, operation) for name, operation in _STEPS.items()},
    }


def _fill_ms(turn: Turn) -> float:
    """From the beginning of the batch until the first image is being rendered."""
    return (min((begun for begun, *_ in turn.run.rendering), default=turn.run.begun) - turn.run.begun) * 1000


def _drain_ms(turn: Turn) -> float:
    """From the last image's rendering to the end of the batch."""
    begun = turn.run.begun
    return turn.run.wall_ms - (max((ended for _, ended, _ in turn.run.rendering), default=begun) - begun) * 1000


def overlapped(turns: list[Turn], operation: str) -> float:
    """The share of the time in which such a call is under way that something is being rendered as well."""
    both = alone = 0.0
    for turn in turns:
        rendering = merged((begun, ended) for begun, ended, _ in turn.run.rendering)
        calling = merged((call.begun, call.ended) for call in turn.calls if call.operation == operation)
        alone += sum(ended - begun for begun, ended in calling)
        both += sum(max(0.0, min(one[1], other[1]) - max(one[0], other[0])) for one in rendering for other in calling)
    return round(both / alone, 2) if alone else 0.0


def merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time, in spans that do not touch each other."""
    found: list[tuple[float, float]] = []
    for begun, ended in sorted(spans):
        if found and begun <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], ended)
        else:
            found.append((begun, ended))
    return found


def ratio(turns: Mapping[str, list[Turn]], name: str, over: str) -> dict[str, Any]:
    """How many times as fast as `over`, an image: the median over the rounds, each with its own noise.

    Of the calm rounds where there are any: what disturbs one of the two turns this into anything.
    """
    pairs = list(zip(turns[name][1:], turns[over][1:], strict=True))
    calm = [pair for pair in pairs if all(turn.others <= _CALM for turn in pair)]
    ratios = [(theirs.run.wall_ms / theirs.images) / (ours.run.wall_ms / ours.images) for ours, theirs in calm or pairs]
    return {"ratio": round(statistics.median(ratios), 3), "calm_rounds": len(calm)}


# ── what an image costs ──────────────────────────────────────────────────────────────────────────────


def per_image(stage: Stage, place: Place, turns: list[Turn]) -> dict[str, Any]:
    """What AWS would bill an image for: calls, bytes and time."""
    turn = turns[-1]
    table = stage.environment(f"{place.name} {HANDLER}", place.memory_mb)["CATALOG_TABLE"]
    rows = [
        stage.aws.row(table, {"source_key": {"S": f"{turn.folder}/0/{name}"}, "source_bucket": {"S": loopback.UPLOADS}})
        for name in stage.photographs
    ]
    thumbnails = [each["M"]["bytes"]["N"] for row in rows for each in row["renditions"]["L"]]
    return {
        "calls": {name: number / stage.images for name, number in sorted(turn.aws.calls.items())},
        "source_bytes": round(sum(size for _, size in stage.photographs.values()) / stage.images),
        "thumbnail_bytes": round(sum(map(int, thumbnails)) / stage.images),
        "log_bytes": round(turn.run.log_bytes / stage.images),
        "row_bytes": round(statistics.mean(map(row_bytes, rows))),
        "billed_ms": figures(turns)["wall_ms"],
        "trace_segments": traced(stage, place) / stage.images,
    }


def row_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """The size of an item as DynamoDB counts it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, plain),) = value.items()
    if kind == "S":
        return len(plain.encode())
    if kind == "N":
        return -(-len(plain.strip("-0.").replace(".", "")) // 2) + 1
    if kind == "L":
        return 3 + sum(1 + _value_bytes(each) for each in plain)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_bytes(each) for name, each in plain.items())
    return 1


def traced(stage: Stage, place: Place) -> int:
    """How many subsegments the function sends to X-Ray of a batch that is traced."""
    directory = ROOT / "xray"
    directory.mkdir(exist_ok=True)
    local.traces_file(directory).unlink(missing_ok=True)
    port = processes.free_port(socket.SOCK_DGRAM)
    collector = xray.start(port, directory)
    environment = stage.environment("traced", place.memory_mb)
    environment["_X_AMZN_TRACE_ID"] = environment["_X_AMZN_TRACE_ID"].replace("Sampled=0", "Sampled=1")
    environment["AWS_XRAY_DAEMON_ADDRESS"] = f"{processes.LOOPBACK}:{port}"
    try:
        with Contender("handler", environment=environment, cores=place.cores.contender) as contender:
            stage.turn(contender, _WARM_UP)
        time.sleep(_COLLECTOR_SECONDS)
    finally:
        collector.stop()
    return sum(map(_subsegments, local.segments(directory)))


def _subsegments(segment: dict[str, Any]) -> int:
    return 1 + sum(map(_subsegments, segment.get("subsegments", [])))


# ── the parts to run ─────────────────────────────────────────────────────────────────────────────────


def measured(rounds: int) -> dict[str, Any]:
    """Everything about throughput."""
    document: dict[str, Any] = {"rounds": rounds, "places": []}
    with Stage.set_up() as stage:
        document["images"] = stage.images
        for place in places():
            stage.aws.run_on(place.cores.aws)
            with contextlib.ExitStack() as stack:
                turns = played(stage, players(stage, place, stack), rounds, place.name)
            found: dict[str, Any] = {"name": place.name, "memory_mb": place.memory_mb, "reference": place.reference}
            found["contenders"] = {name: figures(each) for name, each in turns.items()}
            found["of_reference"] = {name: ratio(turns, name, place.reference) for name in turns}
            document["places"].append(found)
            if place.memory_mb == CORE_MB:  # what the model of costs reckons with
                document["per_image"] = per_image(stage, place, turns[HANDLER])
    (ROOT / "throughput.json").write_text(json.dumps(document, indent=1))
    return document


def swept(rounds: int) -> list[dict[str, Any]]:
    """Images a second for numbers of images in flight and of images rendered at a time."""
    pairs = [(images, renders) for images in _SWEPT_IMAGES for renders in _SWEPT_RENDERS if renders <= images]
    lines: list[dict[str, Any]] = []
    with Stage.set_up() as stage:
        for place in places():
            stage.aws.run_on(place.cores.aws)
            with contextlib.ExitStack() as stack:
                everybody = {}
                for images, renders in pairs:
                    name = f"{images} {renders}"
                    environment = stage.environment(f"sweep {place.name} {name}", place.memory_mb)
                    environment |= {"IMAGES_AT_ONCE": str(images), "RENDERS_AT_ONCE": str(renders)}
                    contender = Contender("handler", environment=environment, cores=place.cores.contender)
                    everybody[name] = Player(stack.enter_context(contender))
                turns = played(stage, everybody, rounds, place.name)
            for (images, renders), each in zip(pairs, turns.values(), strict=True):
                line = {"place": place.name, "images": images, "renders": renders}
                lines.append(line | figures(each))
    (ROOT / "sweep.json").write_text(json.dumps(lines, indent=1))
    return lines


def sweep_figures(lines: list[dict[str, Any]]) -> Figures:
    """One line a combination."""
    rows = [
        (
            line["place"],
            str(line["images"]),
            str(line["renders"]),
            f"{line['images_per_second']:.2f}",
            f"{line['cpu_ms']:g}",
            str(line["rss_mb"]),
        )
        for line in lines
    ]
    columns = ("", "images in flight", "rendered at a time", "images/s", "CPU ms an image", "peak MB")
    return Figures("sweep", "What is done at a time", columns, rows)


def tables(document: dict[str, Any]) -> list[Figures]:
    """One table a place, and what an image costs."""
    found = []
    for place in document["places"]:
        rows = [
            (
                name,
                f"{each['images_per_second']:.2f}",
                f"{place['of_reference'][name]['ratio']:.2f}",
                *(f"{each[key]:g}" for key in _COLUMNS.values()),
            )
            for name, each in place["contenders"].items()
        ]
        title = f"{place['name'].capitalize()}, {place['memory_mb']} MB, batches of {document['images']}"
        columns = ("", "images/s", "of reference", *_COLUMNS)
        found.append(Figures(place["name"].replace(" ", "-"), title, columns, rows))
    costs = document["per_image"]
    calls = ", ".join(f"{number:g} {name}" for name, number in costs["calls"].items())
    rows = [("calls", calls), *((name, f"{value:,.0f}") for name, value in costs.items() if name != "calls")]
    return [*found, Figures("per-image", "One image", ("", "on one core"), rows)]


def verdicts(document: dict[str, Any]) -> list[Goal]:
    """The goal, on each place, and that no connection is made anew."""
    found = []
    for place in document["places"]:
        share, calm = place["of_reference"][HANDLER].values()
        what = f"{place['name']}: handler over {place['reference']}"
        measured = f"{share:.2f}, {calm} of {document['rounds']} rounds calm"
        found.append(Goal(what, measured, f"≥ {GOAL:.2f}", share >= GOAL if calm else None))
        share, calm = place["of_reference"][LARGER].values()
        measured = f"{share:.2f}, {calm} of {document['rounds']} rounds calm"
        found.append(Goal(f"{place['name']}: the same in batches of 20", measured))
        opened = place["contenders"][HANDLER]["connections_later"]
        what = f"{place['name']}: connections opened by a warm batch"
        found.append(Goal(what, f"{opened:g}", f"≤ {_NEW_CONNECTIONS}", opened <= _NEW_CONNECTIONS))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.throughput", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sweep", action="store_true", help="find out how much should be done at a time instead")
    given = parser.parse_args()
    if given.sweep:
        Console(width=WIDTH).print(sweep_figures(swept(given.rounds)).rich())
        return 0
    return told(given.rounds, measured, tables, verdicts)


if __name__ == "__main__":
    sys.exit(main())
