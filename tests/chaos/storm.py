"""The storm: concurrent changes, faults, kills, duplicates; then calm; then the books are checked."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devtools.localaws import faults
from support.bulk_jobs import VISIBILITY_SECONDS, DeployedJobs
from support.deployment import eventually
from support.pictures import colour_of, picture
from thumbnail_pipeline.images import Image
from thumbnail_pipeline.jobs.records import SENT, JobState
from thumbnail_pipeline.messages import backfill_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.deployment import Deployment
    from thumbnail_pipeline.jobs.records import KeyRange

COLOURS = {"teal": (0, 128, 128), "red": (255, 0, 0), "gold": (255, 215, 0)}
BAD = b"this is no image"
_SHADES_OFF = 10
_HANDS = 4
_CALM_SECONDS = 240
_STILL = 15
"""Images that nobody changes, so that a job's counts of them are known."""
# Beside that of the queue: one who waits asks every two seconds or so, and a cold start takes its time.
_TAKEN_UP_SECONDS = VISIBILITY_SECONDS + 15

_DENIED = {"code": "AccessDenied", "status": 403}
_BY_THE_BUCKET = "not authorized to perform: s3:GetObject with an explicit deny in a resource-based policy"
_BY_THE_ROLE = "not authorized to perform: s3:GetObject because no identity-based policy allows the s3:GetObject action"

# What fails between the function and AWS, and how often. Everything is in AWS's own words, so the SDK's retries run.
FAULTS: list[dict[str, Any]] = [
    {"service": "s3", "probability": 0.04, "error": {"code": "SlowDown", "status": 503}},
    {"service": "s3", "probability": 0.02, "error": {"code": "InternalError", "status": 500}},
    {"service": "s3", "probability": 0.02, "reset": True},
    {"service": "s3", "operation": "PutObject", "probability": 0.02, "response": {"abort_frac": 0.5}},
    {"service": "s3", "operation": "GetObject", "probability": 0.03, "response": {"abort_frac": 0.5}},
    {"service": "s3", "probability": 0.1, "latency": {"min": 50, "max": 500}},
    # A policy that wants objects scanned first, and a role that has lost its permission.
    {"service": "s3", "operation": "GetObject", "probability": 0.05, "error": _DENIED | {"message": _BY_THE_BUCKET}},
    {"service": "s3", "operation": "GetObject", "probability": 0.02, "error": _DENIED | {"message": _BY_THE_ROLE}},
    {"service": "dynamodb", "probability": 0.04, "error": {"code": "ProvisionedThroughputExceededException"}},
    {"service": "dynamodb", "probability": 0.03, "reset": True},
    {"service": "dynamodb", "probability": 0.1, "latency": {"min": 10, "max": 300}},
    {"service": "sns", "probability": 0.2, "error": {"code": "Throttling"}},
    # Between the publisher and the bus.
    {"service": "events", "probability": 0.2, "error": {"code": "ThrottlingException"}},
    {"service": "events", "probability": 0.1, "reset": True},
    {"service": "events", "probability": 0.2, "latency": {"min": 50, "max": 500}},
]


@dataclass(frozen=True)
class Storm:
    """How bad it gets. The same seed makes the same changes, in an order that the machine decides."""

    seed: int
    keys: int
    changes: int
    seconds_between_kills: float = 1.5


@dataclass
class Books:
    """What was done, and what was found wrong in the end."""

    done: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        done = ", ".join(f"{number} {what}" for what, number in sorted(self.done.items()))
        ended = ", ".join(f"{number} {status}" for status, number in sorted(self.statuses.items()))
        verdict = "\n".join(f"  WRONG {each}" for each in self.wrong) or "  every key is as it should be"
        return f"{self.seconds:.0f} s: {done}\n  ended as {ended}\n{verdict}"


def rage(storm: Storm, deployment: Deployment) -> Books:
    """Let `storm` rage over `deployment`, wait for calm, and check every key."""
    books, started = Books(), time.monotonic()
    keys = [f"storm-{storm.seed}/{number:03d} ü+%.png" for number in range(storm.keys)]
    proxy = faults.start(deployment.stack.endpoint_url, deployment.stack.directory)
    try:
        changed = {"AWS_ENDPOINT_URL": proxy.endpoint_url, "RETRY_DENIED_SECONDS": "5"}
        jobs = BulkStorm(deployment, f"storm-{storm.seed}", books)
        with contextlib.ExitStack() as through_the_proxy:
            for function in (deployment.publisher, jobs.there.worker):
                through_the_proxy.enter_context(deployment.environment(function, AWS_ENDPOINT_URL=proxy.endpoint_url))
            through_the_proxy.enter_context(deployment.environment(**changed))
            through_the_proxy.enter_context(deployment.visibility(5))
            proxy.fail(FAULTS)
            with _deaths_of_the_publisher(storm, deployment, books), jobs.under_way():
                _all_at_once(storm, deployment, keys, books)
                proxy.fail([])
                _wait_for_calm(deployment, books)
                jobs.wait()
            _retry_what_was_denied(deployment, keys, books)
    finally:
        proxy.process.stop()
    jobs.check()
    keys += jobs.still
    _check(deployment, keys, books)
    _check_announced(deployment, keys, books)
    books.seconds = time.monotonic() - started
    return books


def _all_at_once(storm: Storm, deployment: Deployment, keys: list[str], books: Books) -> None:
    over = threading.Event()

    def until_over(act: Callable[[random.Random], None], pause: float, salt: int) -> None:
        chance = random.Random(storm.seed + salt)
        while not over.wait(pause * chance.uniform(0.5, 1.5)):
            act(chance)

    mischief = [
        threading.Thread(
            target=until_over, args=(lambda chance: _kill(deployment, chance, books), storm.seconds_between_kills, 1)
        ),
        threading.Thread(target=until_over, args=(lambda chance: _shuffle(deployment, chance, books), 0.7, 2)),
    ]
    for thread in mischief:
        thread.start()
    try:
        with ThreadPoolExecutor(_HANDS) as hands:
            shares = [range(hand, storm.changes, _HANDS) for hand in range(_HANDS)]
            list(hands.map(lambda share: _change(storm, deployment, keys, share, books), shares))
        time.sleep(2 * storm.seconds_between_kills)
    finally:
        over.set()
        for thread in mischief:
            thread.join()


def _change(storm: Storm, deployment: Deployment, keys: list[str], share: range, books: Books) -> None:
    chance = random.Random(storm.seed * 1000 + share.start)
    for _ in share:
        key = chance.choice(keys)
        what = chance.choices(["upload", "bad upload", "delete"], [6, 1, 2])[0]
        if what == "delete":
            deployment.delete(key)
        else:
            body = BAD if what == "bad upload" else picture(chance.choice(list(COLOURS)))
            deployment.upload(key, body, "image/png")
        books.done[what] += 1
        time.sleep(chance.uniform(0, 0.25))


def _kill(deployment: Deployment, chance: random.Random, books: Books) -> None:
    if workers := deployment.workers():
        chance.choice(workers).kill()
        books.done["kill"] += 1


@contextlib.contextmanager
def _deaths_of_the_publisher(storm: Storm, deployment: Deployment, books: Books) -> Iterator[None]:
    """Kill it again and again, also when the storm is over: it begins when there is something to announce."""
    over = threading.Event()
    chance = random.Random(storm.seed + 3)

    def kill() -> None:
        while not over.wait(storm.seconds_between_kills * chance.uniform(0.5, 1.5)):
            if workers := deployment.workers(deployment.publisher):
                chance.choice(workers).kill()
                books.done["kill of the publisher"] += 1

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


class BulkStorm:
    """Two jobs in the account beside the storm: over its keys, and over others that stay as they are."""

    def __init__(self, deployment: Deployment, name: str, books: Books) -> None:
        self.there = DeployedJobs(deployment)
        self.still = [f"{name}-still/{number:03d}.png" for number in range(_STILL)]
        self._deployment = deployment
        self._prefixes = (f"{name}/", f"{name}-still/")
        self._books = books
        self._jobs: list[str] = []
        etags = {key: deployment.upload(key, picture(), "image/png") for key in self.still}
        self._made = {key: deployment.row_when(key, "READY", etag=etags[key])["processed_at"] for key in self.still}
        self._met: set[tuple[str, str]] = set()
        # Of ranges whose workers were killed and that are nobody else's yet: who held them, and when that ended.
        self._orphans: dict[tuple[str, str], tuple[str, float]] = {}

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Begin the jobs, and kill whoever is the first to work on a range of theirs, in the middle of a turn."""
        # What the storm ruins is no reason to stop, and there is not room for all messages at once.
        bounds = ("--max-failed", "100", "--max-dead", "100000", "--in-queue", "10")
        self._jobs = [self.there.begin(prefix, *bounds) for prefix in self._prefixes]
        over = threading.Event()

        def kill() -> None:
            while not over.wait(0.1):
                self._look()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            yield
        finally:
            over.set()
            killer.join()

    def wait(self) -> None:
        """Wait for the jobs to end."""
        for job in self._jobs:
            with contextlib.suppress(AssertionError):  # `check` tells of it
                self.there.when(job, JobState.DONE, within=_CALM_SECONDS)

    def check(self) -> None:
        """Of every image, a message was sent; no range is left; what was killed is in good hands."""
        self._see()
        wrong = self._books.wrong
        for job in self._jobs:
            found, ranges = self.there.job(job), self.there.ranges(job)
            if found.state is not JobState.DONE:
                wrong.append(f"{job}: {found.state} {found.why}")
            if found.ranges_open or not ranges or not all(each.is_done and not each.owes for each in ranges):
                wrong.append(f"{job}: ranges are left")
        still = self.there.job(self._jobs[-1])
        if (still.examined, still.counts[SENT]) != (_STILL, _STILL):
            wrong.append(f"{still.id}: has looked at {still.examined}, and sent {still.counts[SENT]}")
        wrong += [f"{key}: was not made anew" for key in self.still if self._is_as_before(key)]
        wrong += [f"{name}: nobody has taken it up" for name in self._orphans]

    def _is_as_before(self, key: str) -> bool:
        return bool((self._deployment.row(key) or {})["processed_at"] == self._made[key])

    def _look(self) -> None:
        """Kill where a range is worked on for the first time, and see who takes up what was killed."""
        if any(name not in self._met for name, _ in self._held()):
            for worker in self._deployment.workers(self.there.worker):
                worker.kill()
            time.sleep(1)  # What they have sent still arrives.
            for name, found in self._held():
                self._met.add(name)
                self._orphans[name] = found.holder, time.monotonic()
                self._books.done["kill of a range's worker"] += 1
        self._see()

    def _see(self) -> None:
        for (job, name), (holder, since) in list(self._orphans.items()):
            if any(each.name == name and each.holder != holder for each in self.there.ranges(job)):
                del self._orphans[job, name]
                seconds = time.monotonic() - since
                if seconds > _TAKEN_UP_SECONDS:
                    self._books.wrong.append(f"{job} {name}: taken up after {seconds:.0f} s")

    def _held(self) -> list[tuple[tuple[str, str], KeyRange]]:
        """The ranges that somebody is working on."""
        return [
            ((job, each.name), each)
            for job in self._jobs
            for each in self.there.ranges(job)
            if each.held_until > time.time()
        ]


def _shuffle(deployment: Deployment, chance: random.Random, books: Books) -> None:
    """Take messages out, so that they come back later, and send some of them twice."""
    for message in deployment.take(visibility=chance.randint(1, 4)):
        books.done["delay"] += 1
        if chance.random() < 0.5:
            deployment.send(message["Body"])
            books.done["duplicate"] += 1


def _wait_for_calm(deployment: Deployment, books: Books) -> None:
    """Wait until every message is decided; dead letters are redriven, as an operator does when a storm is over."""
    quiet_since = [time.monotonic()]

    def calm() -> bool:
        redriven = deployment.redrive()
        books.done["redrive"] += redriven
        if redriven or deployment.backlog(deployment.outputs["queue_url"]):
            quiet_since[0] = time.monotonic()
        return time.monotonic() - quiet_since[0] > 3

    eventually("the queue is empty", calm, within=_CALM_SECONDS)


def _retry_what_was_denied(deployment: Deployment, keys: list[str], books: Books) -> None:
    """Send again what was denied until it was given up, as an operator does once it can be read."""
    denied = [key for key in keys if (deployment.row(key) or {}).get("reason") == "access-denied"]
    for key in denied:
        deployment.send(backfill_body(Image(deployment.outputs["source_bucket"], key)))
    books.done["retry"] += len(denied)
    _wait_for_calm(deployment, books)


def _check(deployment: Deployment, keys: list[str], books: Books) -> None:
    owned: set[str] = set()
    for key in keys:
        body, etag = deployment.source(key)
        row = deployment.row(key) or {}
        thumbnails = {each["key"]: each["etag"] for each in row.get("renditions", [])}
        owned |= set(thumbnails)
        expected = "DELETED" if body is None else "FAILED" if body == BAD else "READY"
        if body is None and not row and not deployment.was_uploaded(key):
            continue
        books.statuses[str(row.get("status"))] += 1
        books.done["attempts beyond the first"] += max(0, int(row.get("attempts", 1)) - 1)
        if row.get("status") != expected:
            books.wrong.append(f"{key}: {row.get('status')}, not {expected}")
        elif expected == "READY":
            if row["etag"] != etag:
                books.wrong.append(f"{key}: made from {row['etag']}, not from {etag}")
            for thumbnail, stored_etag in thumbnails.items():
                problem = _problem(deployment, thumbnail, stored_etag, colour_of(body or b""))
                if problem:
                    books.wrong.append(f"{key}: {thumbnail} {problem}")
            if len(thumbnails) != len(deployment.renditions()):
                books.wrong.append(f"{key}: has {len(thumbnails)} thumbnails")
        elif thumbnails:
            books.wrong.append(f"{key}: {expected} with thumbnails")
        if row.get("obsolete"):
            books.wrong.append(f"{key}: obsolete thumbnails on record")
    prefix = keys[0].split("/")[0]
    orphans = {key for key in deployment.all_thumbnails() if f"/{prefix}/" in key} - owned
    books.wrong += [f"{orphan}: belongs to nothing" for orphan in sorted(orphans)]


def _check_announced(deployment: Deployment, keys: list[str], books: Books) -> None:
    """Of each key, the newest event by its sequence says what the row says."""

    def untrue() -> dict[str, str]:
        found = {}
        for key in keys:
            row = deployment.row(key) or {}
            if "status" not in row:
                continue
            said = deployment.newest_announced(key)
            data = said["data"] if said else {}
            told = data.get("status"), data.get("version"), data.get("etag"), data.get("reason")
            thumbnails = {each["key"]: each["etag"] for each in data.get("renditions") or []}
            if not said or int(said["sequence"]) != deployment.revision(key):
                found[key] = f"announced {said and said['sequence']}, and the row is {deployment.revision(key)}"
            elif told != _said_of(row):
                found[key] = f"announced as {told}, not as {_said_of(row)}"
            elif thumbnails != {each["key"]: each["etag"] for each in row.get("renditions", [])}:
                found[key] = f"announced with the thumbnails {thumbnails}"
        return found

    with contextlib.suppress(AssertionError):  # what is still untrue then is told below
        eventually("all is announced", lambda: not untrue(), within=_CALM_SECONDS)
    books.wrong += [f"{key}: {how}" for key, how in sorted(untrue().items())]
    books.done["event"] = sum(len(deployment.announced(key)) for key in keys)


def _said_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """Status, version, ETag and reason, as an event has them."""
    of_what = (None, None) if row["status"] == "DELETED" else (row.get("version_id"), row.get("etag"))
    return row["status"], *of_what, row.get("reason") if row["status"] == "FAILED" else None


def _problem(deployment: Deployment, key: str, etag: str, colour: tuple[int, int, int]) -> str | None:
    data, found = deployment.thumbnail_and_etag(key)
    if data is None:
        return "is missing"
    if found != etag:
        return f"has the ETag {found}, not {etag}"
    seen = colour_of(data)
    if any(abs(one - other) > _SHADES_OFF for one, other in zip(seen, colour, strict=True)):
        return f"shows {seen}, not {colour}"
    return None
