"""When the alarms that are deployed go off: stories of an hour, told in metrics, and what each sets off.

The alarms are the emulator's, the arithmetic is that of the local stack's own CloudWatch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devtools.livepage.alarms import decide, watched
from devtools.livepage.metricmath import MetricMathError, Series
from devtools.livepage.metrics import MetricStore, Stat, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

HOUR = 60
NOTHING: tuple[None, ...] = (None,) * HOUR
QUIET: dict[str, Sequence[float | None]] = {}


def throughout(value: float) -> list[float | None]:
    """The same in every minute of the hour."""
    return [value] * HOUR


def at(*minutes: int, value: float = 1) -> list[float | None]:
    """Reported in these minutes of the hour alone."""
    return [value if minute in minutes else None for minute in range(HOUR)]


# By what they are called: a metric's name, after the queue's or function's where that is not the work queue or the
# thumbnailer.
ORDINARY = {
    "Invocations": throughout(3),
    "Errors": throughout(0),
    "Throttles": throughout(0),
    "ConcurrentExecutions": throughout(1),
    "Ready": throughout(5),
    "Failed": throughout(0),
    "Age": throughout(3_000),
    "NumberOfMessagesReceived": throughout(5),
    "NumberOfMessagesDeleted": throughout(5),
    "ApproximateNumberOfMessagesVisible": throughout(0),
    "ApproximateAgeOfOldestMessage": throughout(2),
    "PolledEventCount": throughout(5),
    "publisher IteratorAge": throughout(500),
    "Count": throughout(100),
    "5xx": throughout(0),
    "RequestTime": throughout(40),
    "TopicMatch": throughout(5),
    "device-asks AsyncEventsReceived": throughout(5),
}
# As many as there may be at a time, hundreds of thousands waiting, hours late, and some of it broken.
IMPORT = {
    **ORDINARY,
    "Invocations": throughout(600),
    "ConcurrentExecutions": throughout(2),
    "Ready": throughout(5_900),
    "Failed": throughout(100),
    "Age": throughout(5 * 3_600_000),
    "NumberOfMessagesReceived": throughout(6_000),
    "NumberOfMessagesDeleted": throughout(6_000),
    "ApproximateNumberOfMessagesVisible": throughout(400_000),
    "ApproximateAgeOfOldestMessage": throughout(5 * 3_600),
    "WriteThrottleEvents": throughout(5),
}
# All that a backfill may have, and it has been at it for long.
BACKFILLING = {"backfill NotVisible": throughout(200), "backfill AgeOfOldestMessage": throughout(20 * 3_600)}
BACKFILL = ORDINARY | BACKFILLING | {"ConcurrentExecutions": throughout(3)}
# It comes back after each turn, and its message is days old.
JOB = {
    "ranges Visible": at(3, 9, 21, 30, 44, 59, value=2),
    "ranges AgeOfOldestMessage": throughout(3 * 24 * 3_600),
    "range-worker Invocations": throughout(10),
    "range-worker Errors": throughout(0),
    "range-worker Throttles": throughout(0),
    "TurnsFailed": throughout(0),
}
STORIES = {
    "a quiet night": (QUIET, set()),
    "an ordinary day": (ORDINARY, set()),
    "a bulk import": (IMPORT, set()),
    "an import that takes more than a day": (
        IMPORT | {"ApproximateAgeOfOldestMessage": throughout(30 * 3_600)},
        {"oldest-message"},
    ),
    "an import that takes longer than messages are kept": (
        IMPORT | {"ApproximateAgeOfOldestMessage": throughout(50 * 3_600)},
        {"oldest-message", "oldest-message-critical"},
    ),
    "a bulk import and a backfill": (
        IMPORT | BACKFILLING | {"ConcurrentExecutions": throughout(4)},
        set(),
    ),
    "a backfill": (BACKFILL, set()),
    "a backfill that takes more than a day": (
        BACKFILL | {"backfill AgeOfOldestMessage": throughout(30 * 3_600)},
        {"oldest-message"},
    ),
    "a paused backfill that is about to be forgotten": (
        {"backfill AgeOfOldestMessage": throughout(50 * 3_600), "backfill Visible": throughout(10_000)},
        {"oldest-message", "oldest-message-critical"},
    ),
    "uploads that come late although a backfill leaves them their share": (
        BACKFILL | {"Age": throughout(200_000), "ApproximateAgeOfOldestMessage": throughout(200)},
        {"images-late", "backlog-late"},
    ),
    "a trigger that somebody disabled during a backfill": (
        BACKFILL
        | {
            "ConcurrentExecutions": throughout(2),
            "NumberOfMessagesReceived": NOTHING,
            "NumberOfMessagesDeleted": NOTHING,
            "ApproximateNumberOfMessagesVisible": throughout(40),
            "ApproximateAgeOfOldestMessage": [60.0 * minute for minute in range(HOUR)],
        },
        {"no-output", "backlog-late"},
    ),
    "an import that the table cannot take": (
        IMPORT | {"WriteThrottleEvents": throughout(50)},
        {"catalog-throttles", "failures-index-throttles"},
    ),
    "a lost permission, many images": (
        {
            "Invocations": throughout(10),
            "Errors": throughout(10),
            "Systemic": throughout(10),
            "ConcurrentExecutions": throughout(1),
            "Ready": throughout(0),
            "Failed": throughout(0),
            "NumberOfMessagesReceived": throughout(100),
            "ApproximateNumberOfMessagesVisible": throughout(5_000),
            "ApproximateAgeOfOldestMessage": throughout(1_800),
        },
        {"systemic-errors", "function-errors", "no-output", "backlog-late"},
    ),
    "a lost permission, one image": (
        {
            name: at(41, 47, 53, 59)
            for name in ("Invocations", "Errors", "Systemic", "ConcurrentExecutions", "NumberOfMessagesReceived")
        },
        {"systemic-errors", "function-errors", "no-output"},
    ),
    "one fault that passes": (ORDINARY | {"Errors": at(55), "Systemic": at(55)}, set()),
    "a trigger that somebody disabled": (
        {
            "ApproximateNumberOfMessagesVisible": throughout(40),
            "ApproximateAgeOfOldestMessage": [60.0 * minute for minute in range(HOUR)],
        },
        {"no-output", "backlog-late"},
    ),
    "a function that cannot start": (
        ORDINARY
        | {
            "Errors": throughout(3),
            "Ready": NOTHING,
            "Failed": NOTHING,
            "Age": NOTHING,
            "NumberOfMessagesDeleted": NOTHING,
        },
        {"function-errors", "function-crashes", "no-output"},
    ),
    "workers that run out of memory": (ORDINARY | {"Errors": throughout(1)}, {"function-crashes"}),
    "a worker that died once": (
        ORDINARY
        | {
            "Errors": at(46),
            # Its messages come back after six minutes.
            "ApproximateAgeOfOldestMessage": [*throughout(2)[:46], 60, 120, 180, 240, 300, 360, *throughout(2)[:8]],
        },
        set(),
    ),
    "one message that is tried again and again": (
        {
            "Invocations": at(40, 41, 44, 53),
            "Errors": at(40, 41, 44, 53, value=0),
            "Ready": at(40, 41, 44, 53, value=0),
            "Failed": at(40, 41, 44, 53, value=0),
            "Returned": at(40, 41, 44, 53),
            "ConcurrentExecutions": at(40, 41, 44, 53),
            "NumberOfMessagesReceived": at(40, 41, 44, 53),
            "ApproximateNumberOfMessagesVisible": throughout(0),
        },
        set(),
    ),
    "images that come late": (ORDINARY | {"Age": throughout(200_000)}, {"images-late"}),
    "a backlog that nobody works off": (
        ORDINARY | {"ApproximateAgeOfOldestMessage": throughout(200)},
        {"backlog-late"},
    ),
    "an account without concurrency to spare": (ORDINARY | {"Throttles": throughout(2)}, {"function-throttles"}),
    "a fifth of the images broken": (ORDINARY | {"Ready": throughout(8), "Failed": throughout(2)}, {"failure-ratio"}),
    "most images broken": (
        ORDINARY | {"Ready": throughout(2), "Failed": throughout(8)},
        {"failure-ratio", "failure-ratio-critical"},
    ),
    "one image, and it is broken": (
        {
            "Invocations": at(55),
            "Errors": at(55, value=0),
            "ConcurrentExecutions": at(55),
            "Ready": at(55, value=0),
            "Failed": at(55),
            "PolledEventCount": at(55),
            "NumberOfMessagesReceived": at(55),
            "NumberOfMessagesDeleted": at(55),
            "ApproximateNumberOfMessagesVisible": throughout(0),
        },
        set(),
    ),
    "a dead letter": (ORDINARY | {"dead letters Visible": throughout(1)}, {"dead-letters"}),
    "a dead letter that somebody reads": (
        ORDINARY | {"dead letters Visible": throughout(0), "dead letters NotVisible": throughout(1)},
        {"dead-letters"},
    ),
    "many dead letters": (
        ORDINARY | {"dead letters Visible": throughout(100)},
        {"dead-letters", "dead-letters-critical"},
    ),
    "a pass that found something missing": (ORDINARY | {"Incomplete": throughout(3)}, {"incomplete"}),
    "a pass that fails": (ORDINARY | {"reconciler Errors": throughout(1)}, {"reconciler-errors"}),
    "events that come late": (ORDINARY | {"publisher IteratorAge": throughout(20 * 60_000)}, {"events-late"}),
    "events that are about to be parked": (
        ORDINARY | {"publisher IteratorAge": throughout(4 * 3_600_000), "publisher Errors": throughout(1)},
        {"events-late", "events-late-critical", "events-failing"},
    ),
    "a publisher that somebody paused": (
        ORDINARY | {"PolledEventCount": NOTHING, "publisher IteratorAge": NOTHING},
        {"events-stopped"},
    ),
    "events that a bus refuses": (ORDINARY | {"EventsFailed": throughout(2)}, {"events-failing"}),
    "one event that a bus refuses once": (ORDINARY | {"EventsFailed": at(58)}, set()),
    "events that are parked": (
        ORDINARY | {"DroppedEventCount": at(58), "OnFailureDestinationDeliveredEventCount": at(58)},
        {"events-parked"},
    ),
    "requests of users that fail": (ORDINARY | {"5xx": throughout(60)}, {"api-errors"}),
    "one request that fails where few come": ({"Count": at(57), "5xx": at(57), "RequestTime": at(57)}, set()),
    "an API that cannot start": (
        ORDINARY | {"5xx": throughout(100), "api Errors": throughout(100)},
        {"api-errors", "api-failing"},
    ),
    "more people than are let in": (ORDINARY | {"Count": throughout(3_000)}, {"api-throttles"}),
    "an API without concurrency": (
        ORDINARY | {"api Throttles": throughout(60), "5xx": throughout(60)},
        {"api-throttles", "api-errors"},
    ),
    "asks that take long": (ORDINARY | {"RequestTime": throughout(4_000)}, {"api-slow"}),
    "a request of a device that was given up": (ORDINARY | {"device errors Visible": throughout(1)}, {"device-errors"}),
    "devices that are not answered": (ORDINARY | {"device-asks Errors": throughout(1)}, {"device-failing"}),
    "devices that are told to come again": (
        ORDINARY | {"Requests": throughout(2), "Faults": throughout(2)},
        {"device-failing"},
    ),
    "one device that is told to come again once": (ORDINARY | {"Requests": throughout(9), "Faults": at(58)}, set()),
    "devices that do not hear of their images": (ORDINARY | {"StatusesFailed": throughout(1)}, {"device-failing"}),
    "statuses that wait while a million events are announced anew": (
        ORDINARY | {"device-status Throttles": throughout(600)},
        set(),
    ),
    "devices without concurrency": (ORDINARY | {"device-asks Throttles": throughout(60)}, {"device-throttles"}),
    "requests that AWS IoT drops": (ORDINARY | {"RuleMessageThrottled": throughout(5)}, {"device-throttles"}),
    "requests that reach nobody": (
        ORDINARY | {"device-asks AsyncEventsReceived": NOTHING},
        {"device-throttles"},
    ),
    "a device that does not give up": (
        ORDINARY | {"Requests": throughout(60), "Refused": throughout(60)},
        {"device-refusals"},
    ),
    "a bulk job that goes through its ranges": (ORDINARY | JOB, set()),
    "a bulk job that stopped itself": (ORDINARY | JOB | {"JobsStopped": at(58)}, {"jobs-stopped"}),
    "a bulk job that somebody had go on since": (ORDINARY | JOB | {"JobsStopped": at(20)}, set()),
    "a turn that failed once": (ORDINARY | JOB | {"TurnsFailed": at(58)}, set()),
    "turns that go on failing": (ORDINARY | JOB | {"TurnsFailed": at(45, 51, 58)}, {"jobs-failing"}),
    "range workers that cannot start": (ORDINARY | JOB | {"range-worker Errors": throughout(2)}, {"jobs-failing"}),
    "ranges that nobody takes up": (
        ORDINARY | JOB | {"ranges Visible": throughout(40), "range-worker Invocations": NOTHING},
        {"jobs-stalled"},
    ),
    "range workers without concurrency": (
        ORDINARY | JOB | {"range-worker Throttles": throughout(9)},
        {"jobs-stalled"},
    ),
    "a subscriber that is gone": (ORDINARY | {"NumberOfNotificationsFailed": at(58)}, {"notifications-failed"}),
}


_QUEUES = {
    "thumbs-dead-letters": "dead letters",
    "thumbs-backfill": "backfill",
    "thumbs-device-errors": "device errors",
    "thumbs-ranges": "ranges",
}


class Story(MetricStore):
    """Metrics of the latest hour, minute by minute, as CloudWatch would have them."""

    def __init__(self, minutes: Mapping[str, Sequence[float | None]]) -> None:
        # A queue that is touched reports on itself.
        touched = (
            f"{queue} {which}" for queue in ("dead letters", "device errors") for which in ("Visible", "NotVisible")
        )
        self._minutes = {**dict.fromkeys(touched, throughout(0)), **minutes}

    def fetch(self, stats: Sequence[Stat], window: Window) -> list[Series]:
        """One point for the whole window, or none."""
        return [Series(dict(self._point(stat, window)), stat.period, stat.metric) for stat in stats]

    def _point(self, stat: Stat, window: Window) -> Iterator[tuple[int, float]]:
        name = stat.metric.name
        for queue, called in _QUEUES.items():
            if ("QueueName", queue) in stat.metric.dimensions:
                name = f"{called} {name.removeprefix('Approximate').removeprefix('NumberOfMessages')}"
        for function in ("reconciler", "publisher", "api", "device-asks", "device-status", "range-worker"):
            if ("FunctionName", f"thumbs-{function}") in stat.metric.dimensions:
                name = f"{function} {name}"
        latest = self._minutes.get(name, NOTHING)[window.start // 60 : window.end // 60]
        values = [value for value in latest if value is not None]
        if values:
            yield window.start, sum(values) if stat.name == "Sum" else max(values)


def goes_off(alarm: Mapping[str, Any], story: Story, *, state: Any = "OK") -> bool:
    queries, identifier, period = watched(alarm)  # type: ignore[arg-type]
    breaches: list[bool | None] = []
    for end in range(HOUR * 60, 0, -period):
        result = story.evaluate(queries, Window(end - period, end, as_one=True))[identifier]
        assert not isinstance(result, MetricMathError), result
        (series,) = result
        breaches += [value >= alarm["Threshold"] for value in series.values] or [None]
    latest = breaches[: alarm["EvaluationPeriods"] + 2]
    evaluated, to_alarm = alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]
    missing = alarm["TreatMissingData"]
    return decide(latest, evaluated=evaluated, to_alarm=to_alarm, missing=missing, state=state) == "ALARM"


@pytest.fixture(scope="module")
def alarms(deployment: Deployment) -> dict[str, Any]:
    """Every alarm on metrics, without the deployment's name."""
    answer = deployment.stack.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm"])
    return {alarm["AlarmName"].removeprefix("thumbs-"): alarm for alarm in answer["MetricAlarms"]}


@pytest.mark.parametrize(("minutes", "expected"), STORIES.values(), ids=STORIES)
def test_alarms_go_off(
    alarms: Mapping[str, Any], minutes: Mapping[str, Sequence[float | None]], expected: set[str]
) -> None:
    story = Story(minutes)
    assert {name for name, alarm in alarms.items() if goes_off(alarm, story)} == expected


def test_every_alarm_has_a_story(alarms: Mapping[str, Any]) -> None:
    assert set().union(*(expected for _, expected in STORIES.values())) == set(alarms)


def test_dead_letters_do_not_go_away_by_being_left_alone(alarms: Mapping[str, Any]) -> None:
    untouched = Story({"dead letters Visible": NOTHING, "dead letters NotVisible": NOTHING})
    assert goes_off(alarms["dead-letters"], untouched, state="ALARM")
    assert not goes_off(alarms["dead-letters"], untouched, state="OK")
