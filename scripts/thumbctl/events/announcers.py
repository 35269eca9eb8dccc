"""Who announces on a stack what becomes of images, and the same done by the tool: same events, same ids."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from thumbctl.backfill.enqueue import patient
from thumbctl.bulk.pace import Pace
from thumbctl.errors import ThumbctlError
from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.sending import ChangeStream, EventBus, send

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mypy_boto3_lambda import LambdaClient

    from thumbctl.stack import Stack
    from thumbnail_pipeline.completion import CompletionEvent
    from thumbnail_pipeline.sending import Destination

EVENTS: Final = "events"
"""The destination that is a bus of EventBridge."""
CHANGES: Final = "changes"
"""The destination that is a Kinesis stream."""


@dataclass(frozen=True)
class DeployedPublisher:
    """A function that announces, and the mapping from the catalog's stream to it."""

    destination: str
    """events or changes."""
    where: str
    """The ARN of the bus or of the stream."""
    function_name: str
    state: str
    """Of the mapping: https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html"""
    last_result: str | None
    """What Lambda says of the last batch."""
    wants_backfills: bool
    """Whether what a backfill made is announced too."""
    mapping_uuid: str

    @property
    def enabled(self) -> bool:
        return self.state not in {"Disabled", "Disabling", "Deleting"}


def publishers(stack: Stack) -> list[DeployedPublisher]:
    """All of a stack's. Raises ThumbctlError where it has none."""
    named = stack.outputs.get("publishers") or {}
    if not named:
        raise ThumbctlError(
            "The stack announces nothing: set the module's input events, or changes, and apply. What became of images"
            " until then, 'thumbctl events republish' announces."
        )
    return [_publisher(stack, destination, outputs) for destination, outputs in sorted(named.items(), reverse=True)]


def _publisher(stack: Stack, destination: str, outputs: Mapping[str, str]) -> DeployedPublisher:
    functions: LambdaClient = stack.client("lambda")
    mapping = functions.get_event_source_mapping(UUID=outputs["event_source_mapping_uuid"])
    where = stack.outputs["event_bus_arn"] if destination == EVENTS else stack.outputs["change_stream"]["arn"]
    return DeployedPublisher(
        destination=destination,
        where=where,
        function_name=outputs["function_name"],
        state=mapping["State"],
        last_result=mapping.get("LastProcessingResult"),
        # The module's modules/publisher writes the filter.
        wants_backfills="backfilled" not in json.dumps(mapping.get("FilterCriteria", {})),
        mapping_uuid=outputs["event_source_mapping_uuid"],
    )


class Announcer:
    """Sends events to one destination; any number of threads may use it, and share its pace."""

    def __init__(self, stack: Stack, publisher: DeployedPublisher, pace: Pace) -> None:
        self.publisher = publisher
        self._pace = pace
        functions: LambdaClient = stack.client("lambda")
        told = functions.get_function_configuration(FunctionName=publisher.function_name)
        self.deployment = told["Environment"]["Variables"]["DEPLOYMENT"]
        """What its events say that they are of."""
        self._destination: Destination = (
            EventBus(patient(stack, "events"), publisher.where)
            if publisher.destination == EVENTS
            else ChangeStream(patient(stack, "kinesis"), publisher.where)
        )

    def announce(self, events: Sequence[CompletionEvent]) -> dict[str, str]:
        """Send `events`, and return those that were not taken: why, by their keys.

        Raises ClientError or ThumbctlError where none can be sent until somebody acts.
        """
        refused: dict[str, str] = {}
        for begin in range(0, len(events), self._destination.most_entries):
            some = events[begin : begin + self._destination.most_entries]
            self._pace.take(len(some))
            try:
                unsent = send(self._destination, some, left=lambda: math.inf, sent=lambda _: None)
            except Systemic as error:
                if isinstance(error.__cause__, ClientError):
                    raise error.__cause__ from None
                raise ThumbctlError(f"{error}: mend that, and start again; what was sent stays sent.") from None
            refused |= {some[position].image.key: why for position, why in unsent.items()}
        return refused


def announcers(stack: Stack, destinations: Collection[str], rate: float) -> list[Announcer]:
    """Those of the destinations, empty for all; each sends at most `rate` events a second."""
    found = publishers(stack)
    if missing := set(destinations) - {each.destination for each in found}:
        has = " and ".join(each.destination for each in found)
        raise ThumbctlError(f"The stack does not announce to {', '.join(sorted(missing))}, only to {has}: leave --to out.")
    return [
        Announcer(stack, each, Pace(rate)) for each in found if not destinations or each.destination in destinations
    ]


class AnnouncedTally:
    """How many events were taken by which destination, and what was refused."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.refused: dict[str, str] = {}
        """Why, by key."""

    def announce(self, announcer: Announcer, events: Sequence[CompletionEvent]) -> bool:
        """Have events announced, count what becomes of them, and say whether all were taken."""
        refused = announcer.announce(events)
        self.sent[announcer.publisher.destination] += len(events) - len(refused)
        self.refused |= refused
        return not refused
