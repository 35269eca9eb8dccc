"""A history of the world, made of choices: anything that S3, SQS, Lambda and people may do, in any order."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from model.announcing import announce
from model.promises import require_announced, require_kept
from model.world import BAD, CONFIGURATIONS, GOOD, IMAGE, OTHER, World
from support.memory_aws import Lock
from support.pipeline import UPLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model.world import Delivery, Message, Protocol

_T = TypeVar("_T")

_MOST_WORKERS = 3
_MOST_STEPS = 150


class Broken(AssertionError):
    """A promise was broken; the message tells the whole story."""


def play(choose: Callable[[int], int], protocol: Protocol | None = None) -> World:
    """Play one history, drain queue and stream, and hold the promises. `choose(n)` returns a number below n."""
    history = _History(choose, protocol)
    world = history.world
    try:
        history.play()
        world.drain()
        require_kept(world)
        announce(world, choose)
        require_announced(world)
    except AssertionError as error:
        story = "\n  ".join(world.story)
        raise Broken(f"{error}\n  {story}") from error
    finally:
        world.stop()
    return world


def seeded(seed: int) -> Callable[[int], int]:
    """Choices that are always the same for a seed."""
    return random.Random(seed).randrange


class _History:
    def __init__(self, choose: Callable[[int], int], protocol: Protocol | None) -> None:
        self._choose = choose
        # The first of each kind is the plain one, for that is where a failing history shrinks to.
        self._patience = self._one_of((1, 4, 16))
        self._mishaps = self._one_of((0, 1, 1, 2, 4))
        self._doings = 1 + choose(5)
        self._duplicates = choose(3)
        self._deployments = self._one_of((0, 0, 1, 3))
        # How often people deploy and backfill, compared with what else they do.
        self._zeal = self._one_of((1, 1, 12))
        self.world = World(versioned=bool(choose(2)), opaque=bool(choose(2)), protocol=protocol)
        self.world.fragile = choose(8) == 7
        # Whether objects are archived, denied, or encrypted with a key of their own.
        self._locking = choose(4) == 3
        beginning = choose(4)
        if beginning == 1:
            self.world.found(self._body())
        elif beginning > 1:
            self.world.deliver(self.world.upload(self._body())).run()
        self._last: Delivery | None = None
        self._before: int | None = None

    def play(self) -> None:
        for _ in range(_MOST_STEPS):
            world = self.world
            doings: list[tuple[int, Callable[[], object]]] = [
                (4 * self._patience if worker is self._last else 4, partial(self._step, worker))
                for worker in world.at_work
            ]
            if len(world.at_work) < _MOST_WORKERS:
                doings += [(3, partial(self._deliver, each)) for each in world.queue if not each.in_flight]
            if self._doings:
                doings.append((3, self._do_something))
            if self._duplicates and world.recent:
                doings.append((1, self._duplicate))
            if not doings:
                return
            self._weighted(doings)()

    def _step(self, worker: Delivery) -> None:
        self._last = worker
        strand = self._choose(max(1, len(worker.waiting)))
        if self._mishaps and self._choose(8) == 7:
            self._mishaps -= 1
            worker.step(self._one_of(worker.fates(strand)), strand)
        else:
            worker.step(strand=strand)

    def _deliver(self, message: Message) -> None:
        self._last = self.world.deliver(message)

    def _duplicate(self) -> None:
        self._duplicates -= 1
        message = self._one_of(self.world.recent)
        if message.in_flight and len(self.world.at_work) < _MOST_WORKERS:
            self._last = self.world.deliver(message, same_count=bool(self._choose(2)))
        else:
            self.world.duplicate(message)

    def _do_something(self) -> None:
        self._doings -= 1
        world = self.world
        doings: list[tuple[int, Callable[[], object]]] = [(4, lambda: world.upload(self._body()))]
        if world.versions:
            doings.append((3, world.delete))
            doings.append((self._zeal, self._backfill))
        if world.versioned and world.versions:
            doings.append((3, lambda: world.delete_version(self._one_of(world.versions[::-1]))))
        if current := world.s3.buckets[UPLOADS].current(IMAGE.key):
            if self._locking:
                doings.append((3, lambda: world.lock(self._one_of((None, *Lock)))))
                doings.append((3, lambda: world.upload(current.data or b"", self._one_of((*Lock,)))))
            if not world.versioned:
                doings.append((1, world.expire))
        if self._deployments:
            doings.append((2 * self._zeal, self._deploy))
        if not world.queue and not world.at_work:
            row = world.row()
            if row and row["status"] == "DELETED":
                doings.append((6, world.forget))
            elif row is None and world.messages and not world.s3.buckets[UPLOADS].current(IMAGE.key):
                doings.append((4, self._come_back))
        self._weighted(doings)()

    def _come_back(self) -> None:
        """An object whose event was lost, and a backfill that finds it."""
        self.world.found(self._body())
        self.world.backfill()

    def _backfill(self) -> None:
        current = self.world.s3.buckets[UPLOADS].current(IMAGE.key)
        # Whoever lists a bucket knows the bytes that are there now.
        etag = current.etag if current and self._choose(2) else None
        self.world.backfill(etag=etag, forced=bool(self._choose(2)))

    def _deploy(self) -> None:
        self._deployments -= 1
        others = [number for number in range(CONFIGURATIONS) if number != self.world.deployed]
        before, self._before = self._before, self.world.deployed
        # Back to where one came from is what people do when something is wrong.
        self.world.deploy(before if before is not None and self._choose(2) else self._one_of(others))

    def _body(self) -> bytes:
        return self._one_of((GOOD, OTHER, BAD))

    def _one_of(self, options: Sequence[_T]) -> _T:
        return options[self._choose(len(options))]

    def _weighted(self, options: Sequence[tuple[int, _T]]) -> _T:
        number = self._choose(sum(weight for weight, _ in options))
        for weight, option in options:
            number -= weight
            if number < 0:
                return option
        raise AssertionError("the number is below the sum of the weights")
