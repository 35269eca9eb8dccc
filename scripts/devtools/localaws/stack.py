"""A local stack: everything between `up` and `down`, and what others need to talk to it."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from devtools.errors import DevtoolsError
from devtools.localaws import emulator, processes, xray
from devtools.localaws.processes import LOOPBACK, Process
from devtools.localaws.terraform import Root, check_version
from thumbctl.interrupts import terminate_as_interrupt
from thumbctl.local import segments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.config import Config
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

REPOSITORY = Path(__file__).parents[3]
ARCHIVES = REPOSITORY / "build" / "local"
LOCAL_ENVIRONMENT = REPOSITORY / "terraform" / "environments" / "local"
_PARTS = (
    *("thumbnailer", "reconciler", "publisher", "api"),
    *("device_asks", "device_status", "device_admission", "range_worker", "layer"),
)
_ACCOUNT = "000000000000"
_DISK_NEEDED = 2 * 2**30


@dataclass(frozen=True)
class LocalStack:
    """A running local stack. Its directory holds logs, traces and Terraform's state."""

    directory: Path
    endpoint_url: str
    region: str
    outputs: Mapping[str, Any]
    alerts_queue_url: str
    """A queue that subscribes to the alerts topic: what a person would have been told."""
    emulator: Process
    collector: Process
    mqtt_port: int
    """Where devices with a certificate connect."""
    events_queue_url: str | None = None
    """A queue that a rule on the stack's bus hands every event to, as to a consumer; None where there is no bus."""
    page: Process | None = None
    page_url: str | None = None
    """Where to look at it all, if the stack has a page."""
    edge: Process | None = None
    edge_url: str | None = None
    """Where users upload images, if somebody serves their page; see `devtools.edge`."""

    def client(self, service: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3's own signature
        """A boto3 client with the account's root credentials."""
        return _client(service, self.endpoint_url, config)

    def segments(self) -> list[dict[str, Any]]:
        """What the X-Ray collector has received."""
        return segments(self.directory)

    def stop(self) -> None:
        """End every process of the stack."""
        for server in (self.page, self.edge):
            if server is not None:
                server.stop()
        self.emulator.stop()
        self.collector.stop()


def create(
    directory: Path,
    *,
    port: int | None = None,
    inputs: Mapping[str, Any] | None = None,
    environment: Path = LOCAL_ENVIRONMENT,
) -> LocalStack:
    """Start the emulator and the collector, apply the real Terraform, and return the stack.

    `inputs` are those of the module that are to be other than the local environment says. Another `environment` is
    one of the same variables and output, such as an earlier release's. Leaves nothing running when anything fails,
    Ctrl-C included.
    """
    _check_prerequisites(directory)
    directory.mkdir(parents=True)
    port = processes.require_free(port) if port else processes.free_port()
    collector_port, mqtt_port = processes.free_port(socket.SOCK_DGRAM), processes.free_port()
    endpoint_url = f"http://{LOOPBACK}:{port}"
    with contextlib.ExitStack() as undo:
        collector = xray.start(collector_port, directory)
        undo.callback(collector.stop)
        with step("starting the local AWS", usually=3):
            emulated_aws = emulator.start(port, directory, mqtt_port=mqtt_port)
        undo.callback(emulated_aws.stop)
        queue_url, queue_arn = _create_alerts_queue(_client("sqs", endpoint_url))
        # Copies, so that a build or an edit in the middle of an apply does not change what is planned.
        archives = shutil.copytree(ARCHIVES, directory / "archives")
        root = Root.copied(environment, directory)
        variables = {
            "endpoint_url": endpoint_url,
            "xray_daemon_address": f"{LOOPBACK}:{collector_port}",
            "archives": str(archives),
        }
        root.override(
            {
                "variable": {name: {"default": value} for name, value in variables.items()},
                "module": {
                    "pipeline": {
                        "source": str(environment.parents[1]),
                        "alert_subscriptions": {"subscriber": {"protocol": "sqs", "endpoint": queue_arn}},
                        **(inputs or {}),
                    }
                },
            }
        )
        with step("terraform init", usually=3):
            root.init()
        with step("terraform apply", usually=60), root.with_running_provider() as attached:
            attached.apply()
            outputs = attached.outputs()["pipeline"]
        bus = outputs.get("event_bus_arn")
        events_queue_url = _create_consumer(endpoint_url, bus) if bus else None
        undo.pop_all()
    return LocalStack(
        directory,
        endpoint_url,
        emulator.REGION,
        outputs,
        queue_url,
        emulated_aws,
        collector,
        mqtt_port,
        events_queue_url,
    )


@contextlib.contextmanager
def temporary(
    *, inputs: Mapping[str, Any] | None = None, environment: Path = LOCAL_ENVIRONMENT
) -> Iterator[LocalStack]:
    """A stack for the length of a `with` block; nothing of it is left behind."""
    with terminate_as_interrupt(), tempfile.TemporaryDirectory(prefix="thumbnail-pipeline-") as scratch:
        stack = create(Path(scratch) / "stack", inputs=inputs, environment=environment)
        try:
            yield stack
        finally:
            stack.stop()


@contextlib.contextmanager
def step(what: str, *, usually: int) -> Iterator[None]:
    """Say what is being done, how many seconds that usually takes, and how long it took."""
    sys.stderr.write(f"  {what} (usually {usually} s) … ")
    sys.stderr.flush()
    started = time.monotonic()
    try:
        yield
    except BaseException:
        sys.stderr.write("failed\n")
        raise
    sys.stderr.write(f"{time.monotonic() - started:.1f} s\n")


def save(stack: LocalStack, file: Path) -> None:
    """Write what other tools, and a later `load`, need."""
    document = {
        "endpoint_url": stack.endpoint_url,
        "region": stack.region,
        "outputs": dict(stack.outputs),
        "alerts_queue_url": stack.alerts_queue_url,
        "directory": str(stack.directory),
        "emulator": vars(stack.emulator),
        "collector": vars(stack.collector),
        "mqtt_port": stack.mqtt_port,
        "events_queue_url": stack.events_queue_url,
        "page": stack.page and vars(stack.page),
        "page_url": stack.page_url,
        "edge": stack.edge and vars(stack.edge),
        "edge_url": stack.edge_url,
    }
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load(file: Path) -> LocalStack:
    """Read what `save` wrote. Raises DevtoolsError where no stack is up."""
    if not file.exists():
        raise DevtoolsError("no local stack is up: start one with 'make up'")
    document = json.loads(file.read_text(encoding="utf-8"))
    return LocalStack(
        directory=Path(document["directory"]),
        endpoint_url=document["endpoint_url"],
        region=document["region"],
        outputs=document["outputs"],
        alerts_queue_url=document["alerts_queue_url"],
        emulator=Process(**document["emulator"]),
        collector=Process(**document["collector"]),
        mqtt_port=document["mqtt_port"],
        events_queue_url=document["events_queue_url"],
        page=Process(**document["page"]) if document["page"] else None,
        page_url=document["page_url"],
        edge=Process(**document["edge"]) if document["edge"] else None,
        edge_url=document["edge_url"],
    )


def _client(service: str, endpoint_url: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3's own signature
    session = boto3.session.Session(
        aws_access_key_id=emulator.ROOT_CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.ROOT_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=emulator.REGION,
    )
    return session.client(service, endpoint_url=endpoint_url, config=config)  # type: ignore[call-overload]


def _create_alerts_queue(sqs: SQSClient) -> tuple[str, str]:
    """Create the queue that stands in for a person's inbox, before Terraform subscribes it."""
    return _create_queue(sqs, "thumbs-alerts-subscriber", "sns.amazonaws.com")


def _create_consumer(endpoint_url: str, bus_arn: str) -> str:
    """Create the queue that stands in for a consumer of events, and the rule that feeds it."""
    queue_url, queue_arn = _create_queue(_client("sqs", endpoint_url), "thumbs-events-consumer", "events.amazonaws.com")
    events: EventBridgeClient = _client("events", endpoint_url)
    pattern = json.dumps({"source": ["thumbnail-pipeline"]})
    bus = bus_arn.rpartition("/")[2]  # the emulator makes rules on a bus by its name alone
    events.put_rule(Name="thumbs-events-consumer", EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule="thumbs-events-consumer", EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue_arn}])
    return queue_url


def _create_queue(sqs: SQSClient, name: str, sender: str) -> tuple[str, str]:
    """Create a queue that a service may send to; its URL and ARN."""
    arn = f"arn:aws:sqs:{emulator.REGION}:{_ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": sender},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    created = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})
    return created["QueueUrl"], arn


def _check_prerequisites(directory: Path) -> None:
    check_version()
    for part in _PARTS:
        if not (archive := ARCHIVES / f"{part}.zip").exists():
            raise DevtoolsError(f"{archive} is missing: build it with 'make package'")
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < _DISK_NEEDED:
        raise DevtoolsError(
            f"only {free / 2**30:.1f} GiB are free where {directory} goes: "
            f"a local stack needs {_DISK_NEEDED / 2**30:.0f} GiB"
        )
