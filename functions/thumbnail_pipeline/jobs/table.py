"""The table of jobs: each method is one call, and each call has the condition under which it may be made.

A worker that died leaves nothing half written, and one that outlived its turn at a range writes nothing any more.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from thumbnail_pipeline.clients import code_of
from thumbnail_pipeline.jobs.records import (
    EXAMINED,
    JOBS,
    RANGE,
    BulkJob,
    JobBounds,
    JobState,
    KeyRange,
    count_name,
    followed_text,
    range_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from thumbnail_pipeline.jobs.records import Asked

__all__ = ["Granted", "HeldByAnother", "JobTable", "NotRunning", "TurnLost"]

KEPT_SECONDS: Final = 30 * 24 * 3600
"""How long what is over is kept."""

_CONDITION_FAILED: Final = frozenset({"ConditionalCheckFailedException", "ConditionalCheckFailed"})
_ATTEMPTS: Final = 8
_PLAN: Final = "plan"
_BEGINS_TO_RUN: Final = ", ran_since = :now, examined_then = examined"


class TurnLost(Exception):
    """Somebody else works on the range by now: whoever meets this has to stop."""


class HeldByAnother(Exception):
    """Somebody is working on the range; the message says for how many seconds at most."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotRunning(Exception):
    """The job is not running any more, or not yet."""


@dataclass(frozen=True)
class Granted:
    """How many messages may be sent, and how the job is."""

    number: int
    job: BulkJob


class JobTable:
    """Jobs and their ranges.

        table = JobTable(dynamodb, "thumbs-jobs")
        table.create(job)
        taken = table.take(job.id, "00003", holder=request_id, seconds=60)

    Moments are in seconds since 1970, and come from `clock`. What the service refuses for other reasons than a
    condition comes as the SDK raises it.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._sleep = sleep

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────

    def create(self, job: BulkJob) -> None:
        """Write a job that is new."""
        self._dynamodb.put_item(
            TableName=self._table, Item=job.as_item(), ConditionExpression="attribute_not_exists(what)"
        )

    def job(self, job_id: str) -> BulkJob:
        """Return a job as it is now. Raises LookupError where there is none."""
        found = self._dynamodb.get_item(TableName=self._table, Key=_job_key(job_id), ConsistentRead=True)
        if "Item" not in found:
            raise LookupError(job_id)
        return BulkJob.decoded(found["Item"])

    def jobs(self) -> Iterator[BulkJob]:
        """Yield all jobs, the newest first."""
        for item in self._query(JOBS, newest_first=True):
            yield BulkJob.decoded(item)

    def conflict(self, asked: Asked, *, but: str = "") -> BulkJob | None:
        """Return a job that is not over and conflicts with what is asked; one that is called `but` does not count."""
        others = (job for job in self.jobs() if not job.state.is_over and job.id != but)
        return next((job for job in others if job.asked.conflicts_with(asked)), None)

    def move(self, job_id: str, to: JobState, *since: JobState, why: str = "") -> bool:
        """Bring a job from one of some states into another, and say whether it was in one of them."""
        values = {f":s{number}": {"S": state.value} for number, state in enumerate(since)}
        values |= {":to": {"S": to.value}, ":why": {"S": why}}
        update = "SET job_state = :to, why = :why"
        if to is JobState.RUNNING:
            update += _BEGINS_TO_RUN
            values |= {":now": _number(self._clock())}
        if to.is_over:
            update += ", finished_at = :now, expires_at = :expires"
            values |= self._end()
        condition = " OR ".join(f"job_state = :s{number}" for number in range(len(since)))
        return self._held(lambda: self._update(_job_key(job_id), update, condition, values)) is not None

    def cancel(self, job_id: str) -> bool:
        """End a job for good, and say whether it was not over."""
        return self.move(job_id, JobState.CANCELLED, *(state for state in JobState if not state.is_over))

    def set_bounds(self, job_id: str, bounds: JobBounds) -> None:
        """Let a job have other bounds from now on."""
        values = {":bounds": {"S": json.dumps(asdict(bounds))}}
        self._update(_job_key(job_id), "SET bounds = :bounds", "attribute_exists(asked)", values)

    # ── planning ─────────────────────────────────────────────────────────────────────────────────────

    def plan(self, job_id: str, ranges: Sequence[KeyRange]) -> Sequence[KeyRange]:
        """Write down how a job is divided, unless that was written before, and return what is written."""
        text = json.dumps([[each.name, each.keys.after, each.keys.until] for each in ranges])
        item = {"job": {"S": job_id}, "what": {"S": _PLAN}, "ranges": {"S": text}}

        written: Mapping[str, Any] = item
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(what)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if code_of(error) not in _CONDITION_FAILED:
                raise
            written = error.response["Item"]  # type: ignore[typeddict-item] # it is there with ALL_OLD
        return [KeyRange.new(job_id, *each) for each in json.loads(written["ranges"]["S"])]

    def add(self, found: KeyRange) -> None:
        """Write a range, unless it is there."""
        self._held(
            lambda: self._dynamodb.put_item(
                TableName=self._table, Item=found.as_item(), ConditionExpression="attribute_not_exists(what)"
            )
        )

    def begin(self, job_id: str, ranges: int) -> None:
        """Let a job run, once its ranges are written and their messages sent."""
        values = {
            ":n": _number(ranges),
            ":from": _text(JobState.PLANNING),
            ":to": _text(JobState.RUNNING),
            ":now": _number(self._clock()),
        }
        update = f"SET job_state = :to, ranges_open = :n{_BEGINS_TO_RUN}"
        self._held(lambda: self._update(_job_key(job_id), update, "job_state = :from", values))

    # ── ranges ───────────────────────────────────────────────────────────────────────────────────────

    def ranges(self, job_id: str) -> Iterator[KeyRange]:
        """Yield the ranges of a job in the order of their names."""
        for item in self._query(job_id, begins=RANGE):
            yield KeyRange.decoded(item)

    def take(self, job_id: str, name: str, *, holder: str, seconds: float) -> KeyRange:
        """Work on a range for so many seconds, and return it; it may be done by now, and is not taken then.

        Raises HeldByAnother, and LookupError where there is no such range.
        """
        now = self._clock()
        values = {
            ":me": _text(holder),
            ":now": _number(now),
            ":until": _number(now + seconds),
            ":zero": _number(0),
            ":one": _number(1),
        }
        try:
            item = self._update(
                range_key(job_id, name),
                "SET holder = :me, held_until = :until, attempts = attempts + :one",
                "finished_at = :zero AND (held_until < :now OR holder = :me)",
                values,
            )
        except ClientError as error:
            if code_of(error) not in _CONDITION_FAILED:
                raise
            before = error.response.get("Item")
            if before is None:
                raise LookupError(name) from None
            found = KeyRange.decoded(before)  # type: ignore[arg-type] # typed as any other error's
            if not found.is_done:
                raise HeldByAnother(max(1.0, found.held_until - now)) from None
            return found
        return KeyRange.decoded(item)

    def record(self, found: KeyRange) -> None:
        """Write down how far a range is, its counts and examples, and what is followed. Raises TurnLost."""
        values = {
            ":me": _text(found.holder),
            ":reached": _text(found.reached),
            ":counts": _text(json.dumps(found.counts)),
            ":followed": _text(followed_text(found.followed)),
            ":ahead": _text(json.dumps(found.ahead)),
            ":examples": _text(json.dumps(found.examples)),
            ":walked": {"BOOL": found.walked},
            ":zero": _number(0),
        }
        update = "SET reached = :reached, walked = :walked, counts = :counts, examples = :examples"
        update += ", ahead = :ahead, followed = :followed, attempts = :zero"
        if self._held(lambda: self._update(_key_of(found), update, "holder = :me", values)) is None:
            raise TurnLost

    def leave(
        self,
        found: KeyRange,
        *,
        milliseconds: int = 0,
        outcomes: Sequence[bool] = (),
        done: bool = False,
        split_at: str | None = None,
    ) -> KeyRange:
        """Let others have a range, add what is new to the counts of its job, and return it.

        It may be done; or what comes after `split_at` becomes a range of its own, whose message it then owes.
        `outcomes` says of images that were followed whether they failed. Raises TurnLost.
        """
        now = self._clock()
        left = replace(found, told=found.counts, held_until=0.0, attempts=0)
        own = {
            ":me": _text(found.holder),
            ":told": _text(json.dumps(found.counts)),
            ":followed": _text(followed_text(found.followed)),
            ":zero": _number(0),
        }
        update = "SET told = :told, followed = :followed, held_until = :zero, attempts = :zero"
        writes: list[dict[str, Any]] = []
        if done:
            left = replace(left, finished_at=now)
            update += ", finished_at = :now, expires_at = :expires"
            own |= self._end()
        elif split_at is not None:
            child = found.divided_at(split_at)
            left = replace(left, owes=child.name, keys=replace(found.keys, until=split_at), depth=child.depth)
            update += ", ends = :ends, owes = :owes, depth = :depth"
            own |= {":ends": _text(split_at), ":owes": _text(child.name), ":depth": _number(child.depth)}
            put = {"TableName": self._table, "Item": child.as_item()}
            writes.append({"Put": {**put, "ConditionExpression": "attribute_not_exists(what)"}})
        writes.insert(0, {"Update": self._request(_key_of(found), update, "holder = :me", own)})
        new = Counter(found.counts)
        new.subtract(found.told)
        change = {
            "ranges_open": int(split_at is not None) - int(done),
            "examined": new.pop(EXAMINED, 0),
            "milliseconds": milliseconds,
            "decided": len(outcomes),
            "failed": sum(outcomes),
            **{count_name(what): number for what, number in new.items()},
        }
        change = {name: number for name, number in change.items() if number}
        if change:
            terms = [f"{name} = if_not_exists({name}, :zero) + :c{n}" for n, name in enumerate(change)]
            values = {f":c{n}": _number(number) for n, number in enumerate(change.values())} | {":zero": _number(0)}
            job = self._request(_job_key(found.job), f"SET {', '.join(terms)}", "attribute_exists(asked)", values)
            writes.append({"Update": job})
        self._transact(writes)
        return left

    def release(self, found: KeyRange, *, failed: bool) -> None:
        """Let others have a range whose turn ended before its time; one that failed counts as an attempt."""
        values = {":me": _text(found.holder), ":zero": _number(0)}
        update = "SET held_until = :zero" if failed else "SET held_until = :zero, attempts = :zero"
        self._held(lambda: self._update(_key_of(found), update, "holder = :me", values))

    def pay(self, found: KeyRange) -> None:
        """The message of the range that was divided off is sent."""
        values = {":owes": _text(found.owes), ":none": _text("")}
        self._held(lambda: self._update(_key_of(found), "SET owes = :none", "owes = :owes", values))

    def finish(self, job_id: str) -> bool:
        """Let a job be done whose ranges all are, and say whether that was now."""
        values = {":zero": _number(0), ":running": _text(JobState.RUNNING), ":done": _text(JobState.DONE)}
        update = "SET job_state = :done, finished_at = :now, expires_at = :expires"
        condition = "job_state = :running AND ranges_open = :zero"
        return (
            self._held(lambda: self._update(_job_key(job_id), update, condition, {**values, **self._end()})) is not None
        )

    # ── the guard ────────────────────────────────────────────────────────────────────────────────────

    def grant(self, job_id: str, wanted: int) -> Granted:
        """Let up to so many messages through; none where there is no room at the moment. Raises NotRunning."""
        values = {":n": _number(wanted), ":running": _text(JobState.RUNNING)}
        update, condition = "SET granted = granted + :n", "job_state = :running AND granted < allowed"
        try:
            job = BulkJob.decoded(self._update(_job_key(job_id), update, condition, values))
        except ClientError as error:
            if code_of(error) not in _CONDITION_FAILED:
                raise
            before = BulkJob.decoded(error.response["Item"])  # type: ignore[typeddict-item] # it is there with ALL_OLD
            if before.state is not JobState.RUNNING:
                raise NotRunning from None
            return Granted(0, before)
        excess = max(0, job.granted - job.allowed)
        if excess:
            # Whoever dies before this has let fewer through than were counted, which does no harm.
            self.give_back(job_id, excess)
        return Granted(wanted - excess, job)

    def give_back(self, job_id: str, number: int) -> None:
        """Let others have what was granted and cannot be used."""
        values = {":n": _number(-number)}
        self._update(_job_key(job_id), "SET granted = granted + :n", "attribute_exists(asked)", values)

    def begin_look(self, job_id: str, *, looker: str, seconds: float) -> BulkJob | None:
        """Be the one who looks at the queues, unless somebody has in the last so many seconds, and return the job."""
        now = self._clock()
        values = {
            ":me": _text(looker),
            ":now": _number(now),
            ":before": _number(now - seconds),
            ":running": _text(JobState.RUNNING),
        }
        update, condition = "SET looked_at = :now, looker = :me", "job_state = :running AND looked_at <= :before"
        item = self._held(lambda: self._update(_job_key(job_id), update, condition, values))
        return BulkJob.decoded(item) if item is not None else None

    def end_look(
        self, job: BulkJob, *, looker: str, allowed: int, given_at: float, in_queue: int, dead: int, rotate: bool
    ) -> None:
        """Write down what a look showed; without effect where it took so long that somebody else has looked since."""
        values = {":me": _text(looker), ":allowed": _number(allowed), ":in_queue": _number(in_queue)}
        values[":given_at"] = _number(given_at)
        update = "SET allowed = :allowed, in_queue = :in_queue, given_at = :given_at"
        if job.dead_before < 0:
            update += ", dead_before = :dead"
            values[":dead"] = _number(dead)
        if rotate:
            update += ", decided_before = :decided, failed_before = :failed"
            update += ", decided = decided + :less_decided, failed = failed + :less_failed"
            values |= {":decided": _number(job.decided), ":failed": _number(job.failed)}
            values |= {":less_decided": _number(-job.decided), ":less_failed": _number(-job.failed)}
        self._held(lambda: self._update(_job_key(job.id), update, "looker = :me", values))

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────

    def _end(self) -> dict[str, Any]:
        now = self._clock()
        return {":now": _number(now), ":expires": _number(int(now) + KEPT_SECONDS)}

    def _request(
        self, key: Mapping[str, Any], update: str, condition: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": key,
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        }

    def _update(
        self, key: Mapping[str, Any], update: str, condition: str, values: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the row after it. A row that is part of somebody's transaction is tried again."""
        request: Any = self._request(key, update, condition, values)
        request |= {"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        for attempt in range(_ATTEMPTS):
            try:
                return self._dynamodb.update_item(**request)["Attributes"]
            except ClientError as error:
                if code_of(error) != "TransactionConflictException" or attempt == _ATTEMPTS - 1:
                    raise
            self._wait(attempt)
        raise AssertionError

    def _transact(self, writes: Sequence[dict[str, Any]]) -> None:
        """All or none of it. Raises TurnLost where the first one's condition, or another's, does not hold.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        for attempt in range(_ATTEMPTS):
            try:
                self._dynamodb.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
            except ClientError as error:
                reasons: Any = error.response.get("CancellationReasons")
                if not reasons:
                    raise
                if _CONDITION_FAILED & {each.get("Code") for each in reasons}:
                    raise TurnLost from None
                if attempt == _ATTEMPTS - 1:
                    raise
                self._wait(attempt)
            else:
                return

    def _held(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the call returns
        """Return what a call does, or None where its condition does not hold."""
        try:
            return call()
        except ClientError as error:
            if code_of(error) not in _CONDITION_FAILED:
                raise
            return None

    def _wait(self, attempt: int) -> None:
        self._sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter

    def _query(self, job: str, *, begins: str = "", newest_first: bool = False) -> Iterator[Mapping[str, Any]]:
        condition, values = "job = :job", {":job": _text(job)}
        if begins:
            condition += " AND begins_with(what, :begins)"
            values[":begins"] = _text(begins)
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=not newest_first,
        )
        for page in pages:
            yield from page["Items"]


def _job_key(job_id: str) -> dict[str, Any]:
    return {"job": {"S": JOBS}, "what": {"S": job_id}}


def _key_of(found: KeyRange) -> dict[str, Any]:
    return range_key(found.job, found.name)


def _text(value: str) -> dict[str, str]:
    return {"S": str(value)}


def _number(value: float) -> dict[str, str]:
    return {"N": str(value)}
