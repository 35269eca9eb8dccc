"""The ways to break a local stack. The end of each `with` block puts back what it changed."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psutil
from PIL import Image

from devtools.localaws import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from devtools.localaws.faults import FaultyProxy
    from devtools.localaws.stack import LocalStack

# What `with broken(stack) as lasts` yields. The game calls it every second: it keeps the fault going, and returns
# whether it is still there.
Trouble: TypeAlias = "Callable[[], bool]"

_POISON: Final = 3000
_UPLOADS_AT_ONCE: Final = 8
_TOO_LITTLE_MB: Final = 128
# Rendering the large picture takes several of these.
_SECONDS_BETWEEN_LOOKS: Final = 0.1


@contextlib.contextmanager
def lost_permission(stack: LocalStack) -> Iterator[Trouble]:
    """Take the policy that lets the function write thumbnails from its role."""
    iam, role, policy = stack.client("iam"), stack.outputs["function_role_name"], "write-thumbnails"
    document = json.dumps(iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"])
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    try:
        yield lambda: policy not in iam.list_role_policies(RoleName=role)["PolicyNames"]
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=document)


@contextlib.contextmanager
def disabled_key(stack: LocalStack) -> Iterator[Trouble]:
    """Disable the key, and answer for S3 as it does then: the emulator encrypts nothing."""
    kms, key = stack.client("kms"), stack.outputs["kms_key_arn"]
    refusal = {"code": "KMS.DisabledException", "status": 400, "message": f"{key} is disabled."}
    kms.disable_key(KeyId=key)
    try:
        with _faulty(stack, [{"service": "s3", "error": refusal}]):
            yield lambda: bool(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "Enabled")
    finally:
        kms.enable_key(KeyId=key)


@contextlib.contextmanager
def poison_flood(stack: LocalStack) -> Iterator[Trouble]:
    """Upload thousands of files that are no images, as fast as the stack takes them."""
    s3, sqs, bucket = stack.client("s3"), stack.client("sqs"), stack.outputs["source_bucket"]
    over = threading.Event()

    def upload(number: int) -> None:
        if not over.is_set():
            s3.put_object(Bucket=bucket, Key=f"import-17/{number:05d}.jpg", Body=b"<html>504 Gateway Time-out</html>")

    def lasts() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        waiting = sqs.get_queue_attributes(QueueUrl=stack.outputs["queue_url"], AttributeNames=names)["Attributes"]
        return not all(upload.done() for upload in uploads) or any(int(number) for number in waiting.values())

    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        uploads = [pool.submit(upload, number) for number in range(_POISON)]
        try:
            yield lasts
        finally:
            over.set()


@contextlib.contextmanager
def throttled_table(stack: LocalStack) -> Iterator[Trouble]:
    """Give the catalog a capacity of next to nothing, and throttle as DynamoDB would, its metric included."""
    dynamodb, cloudwatch = stack.client("dynamodb"), stack.client("cloudwatch")
    table, index = stack.outputs["table_name"], stack.outputs["failures_index_name"]
    throttle = {"code": "ProvisionedThroughputExceededException", "status": 400}
    # Most writes get through in the end: otherwise the first alarm would be of dead letters.
    rules = [
        {"service": "dynamodb", "operation": operation, "resource": table, "probability": 0.4, "error": throttle}
        for operation in ("PutItem", "UpdateItem")
    ]
    told = 0

    def lasts(proxy: FaultyProxy) -> bool:
        nonlocal told
        throttled = proxy.fired() - told
        told += throttled
        if throttled:
            dimensions = [{"Name": "TableName", "Value": table}]
            cloudwatch.put_metric_data(
                Namespace="AWS/DynamoDB",
                MetricData=[{"MetricName": "WriteThrottleEvents", "Dimensions": dimensions, "Value": throttled}],
            )
        description = dynamodb.describe_table(TableName=table)["Table"]
        return bool(description["BillingModeSummary"]["BillingMode"] == "PROVISIONED")

    one = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    dynamodb.update_table(
        TableName=table,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=one,
        GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": index, "ProvisionedThroughput": one}}],
    )
    try:
        with _faulty(stack, rules) as proxy:
            yield lambda: lasts(proxy)
    finally:
        dynamodb.update_table(TableName=table, BillingMode="PAY_PER_REQUEST")


@contextlib.contextmanager
def out_of_memory(stack: LocalStack) -> Iterator[Trouble]:
    """Give the function less memory than it needs, and kill what exceeds it: the emulator limits nothing."""
    lambda_, s3, name = stack.client("lambda"), stack.client("s3"), stack.outputs["function_name"]
    before = lambda_.get_function_configuration(FunctionName=name)["MemorySize"]
    over = threading.Event()

    def kill_what_exceeds() -> None:
        while not over.wait(_SECONDS_BETWEEN_LOOKS):
            for worker in _workers(stack):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if worker.memory_info().rss > _TOO_LITTLE_MB * 2**20:
                        worker.kill()

    def lasts() -> bool:
        s3.put_object(Bucket=stack.outputs["source_bucket"], Key=f"gameday/large-{next(numbers):05d}.png", Body=large)
        if lambda_.get_function_configuration(FunctionName=name)["MemorySize"] > _TOO_LITTLE_MB:
            over.set()
        return not over.is_set()

    large, numbers = _large_picture(), itertools.count(1)
    lambda_.update_function_configuration(FunctionName=name, MemorySize=_TOO_LITTLE_MB)
    killer = threading.Thread(target=kill_what_exceeds)
    killer.start()
    try:
        yield lasts
    finally:
        over.set()
        killer.join()
        lambda_.update_function_configuration(FunctionName=name, MemorySize=before)


@contextlib.contextmanager
def stopped_consumer(stack: LocalStack) -> Iterator[Trouble]:
    """Disable the trigger of the function."""
    lambda_, mapping = stack.client("lambda"), stack.outputs["event_source_mapping_uuid"]
    lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield lambda: lambda_.get_event_source_mapping(UUID=mapping)["State"] not in {"Enabled", "Enabling"}
    finally:
        lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)


@contextlib.contextmanager
def slow_storage(stack: LocalStack) -> Iterator[Trouble]:
    """Let S3 take a second or so for every call; it passes when the block ends, and not before."""
    with _faulty(stack, [{"service": "s3", "latency": {"min": 300, "max": 1500}}]):
        yield lambda: True


@contextlib.contextmanager
def _faulty(stack: LocalStack, rules: Sequence[dict[str, Any]]) -> Iterator[FaultyProxy]:
    """Put a proxy with `rules` between the function and AWS."""
    lambda_, name = stack.client("lambda"), stack.outputs["function_name"]
    before = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    proxy = faults.start(stack.endpoint_url, stack.directory)
    try:
        proxy.fail(rules)
        through_it = before | {"AWS_ENDPOINT_URL": proxy.endpoint_url}
        lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": through_it})
        yield proxy
    finally:
        lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": before})
        proxy.process.stop()


def _workers(stack: LocalStack) -> Iterator[psutil.Process]:
    """The processes that run the function, with those that they started."""
    for process in stack.emulator.descendants():
        with contextlib.suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            if "_worker.py" in command or "thumbnailer.admission" in command:
                yield process


def _large_picture() -> bytes:
    """Few bytes, because the emulator keeps every upload in memory, and many pixels."""
    encoded = io.BytesIO()
    Image.linear_gradient("L").resize((6000, 4000)).convert("RGB").save(encoded, "PNG")
    return encoded.getvalue()
