"""The scenarios: what breaks, which alarm comes first, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devtools.gameday import breakage

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from devtools.gameday.breakage import Trouble
    from devtools.localaws.stack import LocalStack


@dataclass(frozen=True)
class Scenario:
    """One way in which the stack breaks."""

    name: str
    cause: str
    first_alarm: str
    """Short name of the alarm that comes first, which is that of its section in the runbook."""
    minutes: int
    """After about how many it comes."""
    remedy: str
    on_aws: str
    """What is other than on AWS, or more on AWS than here."""
    broken: Callable[[LocalStack], AbstractContextManager[Trouble]]


_SCENARIOS: Final = (
    Scenario(
        name="lost-permission",
        cause="The function's role has lost a policy.",
        first_alarm="systemic-errors",
        minutes=1,
        remedy="The error names the call, s3:PutObject on the thumbnails bucket, and the role has no policy "
        "write-thumbnails any more. Apply Terraform, which puts it back; the messages come back by themselves.",
        on_aws="The same; IAM takes some seconds to forget a policy, and to learn it again.",
        broken=breakage.lost_permission,
    ),
    Scenario(
        name="disabled-key",
        cause="The key that encrypts everything is disabled.",
        first_alarm="systemic-errors",
        minutes=1,
        remedy="The error is KMS.DisabledException and names the key: enable it again with aws kms enable-key, and "
        "find out in CloudTrail who disabled it.",
        on_aws="The emulator encrypts nothing, so a proxy answers as S3 does. On AWS the queue, the catalog, the log "
        "group and the topics use this key too: uploads are refused, and an alarm may reach nobody.",
        broken=breakage.disabled_key,
    ),
    Scenario(
        name="poison-flood",
        cause="Somebody uploads thousands of files that are no images.",
        first_alarm="failure-ratio",
        minutes=1,
        remedy="All have one reason, unidentified, and one prefix, import-17/: pages of HTML under the names of "
        "pictures. Nothing of ours is broken. Have the sender stop, and send the pictures under the same keys.",
        on_aws="The same; digests are 15 minutes apart by default, and here one.",
        broken=breakage.poison_flood,
    ),
    Scenario(
        name="throttled-table",
        cause="Somebody has given the catalog a fixed capacity, to save money.",
        first_alarm="catalog-throttles",
        minutes=6,
        remedy="The table's billing mode is PROVISIONED, with one write a second. Apply Terraform, or set it back to "
        "PAY_PER_REQUEST with aws dynamodb update-table; then redrive the dead letters.",
        on_aws="The emulator throttles nothing, so a proxy does, and the game publishes DynamoDB's metric.",
        broken=breakage.throttled_table,
    ),
    Scenario(
        name="out-of-memory",
        cause="Somebody has lowered the memory of the function, to save money.",
        first_alarm="failure-ratio",
        minutes=2,
        remedy="The function has 128 MB, and dies of larger pictures. Apply Terraform, or set its memory back with "
        "aws lambda update-function-configuration; then retry what has failed meanwhile.",
        on_aws="The emulator limits no memory, so the game kills what exceeds it, as Lambda does. Lambda's REPORT "
        "line would show as much memory used as there is.",
        broken=breakage.out_of_memory,
    ),
    Scenario(
        name="stopped-consumer",
        cause="Somebody has disabled the function's trigger, and forgot.",
        first_alarm="backlog-late",
        minutes=11,
        remedy="The event source mapping is disabled: enable it, and the backlog drains. Nothing is lost, as long as "
        "no message is older than the queue's retention.",
        on_aws="The same.",
        broken=breakage.stopped_consumer,
    ),
    Scenario(
        name="slow-storage",
        cause="S3 takes a second and more for every call.",
        first_alarm="dead-letters",
        minutes=2,
        remedy="The errors are time-outs of S3 and nothing else, and nothing of ours has changed: see AWS Health. "
        "Pause the consumer, so that no message uses up its tries, and redrive the dead letters when it is over.",
        on_aws="With five tries and longer waits, dead letters come much later, and late images before them.",
        broken=breakage.slow_storage,
    ),
)
SCENARIOS: Final = {scenario.name: scenario for scenario in _SCENARIOS}
