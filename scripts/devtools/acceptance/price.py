"""What a run costs in an account: an hour of all that is on, with what is done in it, by thumbctl's list prices."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from thumbctl.costs import announcing, asking, connecting, ranging
from thumbctl.costs.model import HOURS_A_MONTH, Line, Model, PricedStack, Workload, total
from thumbctl.defaults import DEFAULT

MOST_DOLLARS: Final = 1.0
"""What a run may cost. One that would cost more does not begin."""

HOURS: Final = 1
"""What a run takes at most, begun hours counted as whole ones: without CloudFront it is a quarter of that."""

IMAGES: Final = 100
"""More than a run uploads, each time that one is overwritten counted."""

WORKLOAD: Final = Workload(DEFAULT.renditions, batch=1, trace_rate=1)
"""At the dearest: each image comes alone, and is traced."""

# How the units of what is charged by the month end, beside the kilobytes that are kept.
_METERED: Final = " a month"
_REQUESTS: Final = 100
_USERS: Final = 2
_DEVICES: Final = 2
_PICTURES: Final = 10
_PICTURE_BYTES: Final = 95_000


def lines() -> tuple[Line, ...]:
    """All that a run is charged for, without a free tier. CloudFront, which is an option, costs by the request too."""
    model = Model.load()
    stack = PricedStack()
    standing = (
        *model.idle(stack),
        *model.in_use(stack),
        *model.kept(IMAGES, WORKLOAD),
        *announcing.idle_events(),
        *announcing.idle_changes("provisioned"),
        *asking.idle_api(),
        *connecting.idle_devices(),
        *connecting.connected(_DEVICES),
        *ranging.idle_jobs(),
    )
    done = (
        *model.once(IMAGES, WORKLOAD),
        # There are two publishers, to the bus and to the stream.
        *announcing.events(2 * IMAGES),
        *announcing.changes(IMAGES, "provisioned"),
        *asking.asks(_REQUESTS),
        *asking.users(_USERS),
        ranging.jobs_metrics(),
        *connecting.uploads(_PICTURES, picture_bytes=_PICTURE_BYTES),
    )
    charged = (*map(_share, standing), *(_share(line) if line.price.unit.endswith(_METERED) else line for line in done))
    return tuple(line for line in charged if line.dollars)


def dollars() -> float:
    """The sum."""
    return total(lines())


def _share(line: Line) -> Line:
    """What the hours are charged of a line that is of a month; all such things are metered by the hour.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_billing.html
    https://aws.amazon.com/kms/pricing/
    """
    return replace(line, amount=line.amount * HOURS / HOURS_A_MONTH)
