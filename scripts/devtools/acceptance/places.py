"""Where an instance is applied: an account of AWS, or the emulator, which is one for as long as a run takes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from devtools.errors import DevtoolsError
from devtools.localaws import emulator, processes, stack, xray
from devtools.localaws.processes import LOOPBACK, Process
from thumbctl import stack as stacks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mypy_boto3_sts import STSClient

    from thumbctl.stack import ClientFactory

_PROCESSES: Final = "processes.json"
_CREDENTIALS: Final = {name.lower(): value for name, value in emulator.ROOT_CREDENTIALS.items()}
OF_AN_EMULATOR: Final = {
    "s3_use_path_style": True,
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
    "max_retries": 3,
}
"""What Terraform's provider is told where an emulator answers.

https://registry.terraform.io/providers/hashicorp/aws/latest/docs#argument-reference
"""


@dataclass(frozen=True)
class Place:
    """An account and a region, and how to reach them.

    session       the variables of AWS that Terraform and its provider get
    client        makes clients of boto3; `session_of` makes those of a role that is assumed
    override      what an instance has here otherwise than its root module says, in Terraform's JSON
    endpoint_url  of the emulator; None in an account of AWS
    mqtt_port     where devices connect to the emulator; None in an account of AWS
    """

    account: str
    region: str
    session: Mapping[str, str]
    client: ClientFactory
    archives: Path
    override: Mapping[str, Any] = field(default_factory=dict)
    endpoint_url: str | None = None
    mqtt_port: int | None = None

    @property
    def emulated(self) -> bool:
        """Whether it is the emulator."""
        return self.endpoint_url is not None

    @property
    def title(self) -> str:
        """For people."""
        return "the emulator" if self.emulated else f"{self.region} of account {self.account}"

    def as_role(self, arn: str) -> ClientFactory:
        """Make clients with the credentials of a session of a role."""
        sts: STSClient = self.client("sts")
        given = sts.assume_role(RoleArn=arn, RoleSessionName="acceptance")["Credentials"]
        return stacks.clients(
            region_name=self.region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            **({"endpoint_url": self.endpoint_url} if self.endpoint_url else {}),
        )


def account() -> Place:
    """The account and region that environment and profile say."""
    client = stacks.clients()
    sts: STSClient = client("sts")
    session = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    region = sts.meta.region_name
    return Place(
        account=sts.get_caller_identity()["Account"],
        region=region,
        # A profile may say the region to boto3 alone.
        session={**session, "AWS_REGION": region},
        client=client,
        archives=stack.REPOSITORY / "build" / "lambda",
    )


@contextlib.contextmanager
def emulated(directory: Path) -> Iterator[Place]:
    """An emulator for the length of a `with` block, which keeps all that it writes in `directory`.

    Ends one that an earlier run left there when it was killed, and removes what it was told: it ended with it.
    """
    _end_what_was_left(directory)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    port, mqtt_port, collector_port = (
        processes.free_port(),
        processes.free_port(),
        processes.free_port(socket.SOCK_DGRAM),
    )
    endpoint_url = f"http://{LOOPBACK}:{port}"
    started: list[Process] = []

    def note(process: Process) -> None:
        started.append(process)
        (directory / _PROCESSES).write_text(json.dumps([vars(each) for each in started]), encoding="utf-8")

    with contextlib.ExitStack() as undo:
        undo.callback(lambda: _stop(started, directory))
        note(xray.start(collector_port, directory))
        with stack.step("starting the local AWS", usually=3):
            note(emulator.start(port, directory, mqtt_port=mqtt_port))
        yield Place(
            account="000000000000",
            region=emulator.REGION,
            session={**emulator.ROOT_CREDENTIALS, "AWS_REGION": emulator.REGION, "AWS_ENDPOINT_URL": endpoint_url},
            client=stacks.clients(region_name=emulator.REGION, endpoint_url=endpoint_url, **_CREDENTIALS),
            archives=stack.ARCHIVES,
            override={
                "provider": {"aws": OF_AN_EMULATOR},
                "module": {"pipeline": _inputs(endpoint_url, f"{LOOPBACK}:{collector_port}")},
            },
            endpoint_url=endpoint_url,
            mqtt_port=mqtt_port,
        )


def _inputs(endpoint_url: str, xray_daemon_address: str) -> dict[str, Any]:
    """What the module is told for the emulator; terraform/environments/local says why."""
    return {
        "changes": "${null}",
        "devices": {"provisioning": {}},
        "saved_searches": False,
        "maximum_concurrency": 2,
        "timeout_seconds": 10,
        "plaintext_source_cidrs": ["127.0.0.0/8", "::1/128"],
        "function_environment": {"AWS_ENDPOINT_URL": endpoint_url, "AWS_XRAY_DAEMON_ADDRESS": xray_daemon_address},
    }


def _end_what_was_left(directory: Path) -> None:
    file = directory / _PROCESSES
    if file.exists():
        _stop([Process(**each) for each in json.loads(file.read_text(encoding="utf-8"))], directory)


def _stop(started: list[Process], directory: Path) -> None:
    for process in started:
        process.stop()
    (directory / _PROCESSES).unlink(missing_ok=True)


def require_archives(place: Place) -> None:
    """Raise DevtoolsError where there is nothing to deploy."""
    if not (place.archives / "layer.zip").exists():
        raise DevtoolsError(f"{place.archives} holds no archives: build them with 'make package'")
