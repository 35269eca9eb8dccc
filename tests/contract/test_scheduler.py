"""What Terraform takes for granted of EventBridge Scheduler, and the emulator has from `devtools.localaws`."""

from __future__ import annotations

from typing import Any, Final

import boto3
import pytest

from devtools.localaws import emulator

pytestmark = pytest.mark.e2e

SCHEDULE: Final[dict[str, Any]] = {
    "Name": "nightly",
    "ScheduleExpression": "rate(1 day)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": "arn:aws:lambda:us-east-1:000000000000:function:any",
        "RoleArn": "arn:aws:iam::000000000000:role/any",
    },
}


# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html: a client token makes it idempotent,
# and a client sends the request again whose answer was lost.
def test_a_repeated_request_makes_one_schedule_and_another_one_is_refused(emulator_url: str) -> None:
    session = boto3.session.Session("test", "test", region_name=emulator.REGION)
    scheduler = session.client("scheduler", endpoint_url=emulator_url)
    first = scheduler.create_schedule(**SCHEDULE, ClientToken="one")
    assert scheduler.create_schedule(**SCHEDULE, ClientToken="one")["ScheduleArn"] == first["ScheduleArn"]
    with pytest.raises(scheduler.exceptions.ConflictException):
        scheduler.create_schedule(**SCHEDULE, ClientToken="two")
