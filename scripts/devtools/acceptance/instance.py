"""The instance: its root module, what Terraform knows of it, and that it is gone in the end."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from devtools import cameras
from devtools.errors import DevtoolsError
from devtools.localaws import stack
from devtools.localaws.terraform import Root
from thumbctl.stack import PARAMETER, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from devtools.acceptance.places import Place

ROOT: Final = stack.REPOSITORY / "terraform" / "environments" / "acceptance"
_PLAN: Final = "plan.tfplan"
_WHERE: Final = "place.json"
# A Terraform whose run was killed goes on with what it is at, and holds the state for as long.
_WAIT: Final = "-lock-timeout=10m"
# Whoever gives up what is being made loses sight of it, and it would stay and cost. The second is the provider's own.
_PATIENCE_SECONDS: Final = (900.0, 30.0)


@dataclass(frozen=True)
class Instance:
    """An instance by its name, with Terraform's state and logs of it in `directory`."""

    name: str
    directory: Path
    place: Place
    root: Root

    @classmethod
    def at(cls, place: Place, name: str, directory: Path, *, cdn: bool = False) -> Instance:
        """Lay out the root module in `directory`, beside the state of an earlier run.

        Raises DevtoolsError where that is of another account or region: there alone it could be destroyed.
        """
        here = {"account": place.account, "region": place.region}
        where = directory / _WHERE
        if where.exists() and (there := json.loads(where.read_text(encoding="utf-8"))) != here and _held(directory):
            raise DevtoolsError(
                f"{directory} tells of an instance in {there['region']} of account {there['account']}, which was not"
                " destroyed: be there with AWS_PROFILE and AWS_REGION, or name another with NAME"
            )
        where.write_text(json.dumps(here), encoding="utf-8")
        root = replace(Root.copied(ROOT, directory), session=place.session)
        if not place.emulated:
            root = replace(root, patience=_PATIENCE_SECONDS)
        variables = {"name": name, "archives": str(place.archives), "cdn": cdn}
        inputs = {"source": str(stack.REPOSITORY / "terraform"), **place.override.get("module", {}).get("pipeline", {})}
        root.override(
            {
                **place.override,
                "variable": {name: {"default": value} for name, value in variables.items()},
                "module": {"pipeline": inputs},
            }
        )
        return cls(name, directory, place, root)

    @contextlib.contextmanager
    def ready(self) -> Iterator[Instance]:
        """This instance with its provider running, for the commands below."""
        self.root.init()
        with self.root.with_running_provider() as attached:
            yield replace(self, root=attached)

    def plan(self) -> int:
        """Plan it, and return how many resources there will be."""
        self.root.run("plan", _WAIT, "-input=false", "-no-color", f"-out={self.directory / _PLAN}")
        return len(self._planned())

    def apply(self) -> None:
        """Apply what was planned."""
        self.root.run("apply", _WAIT, "-input=false", "-no-color", "-parallelism=20", str(self.directory / _PLAN))

    def drifted(self) -> list[str]:
        """The addresses of what a plan would change again."""
        self.plan()
        return self._planned()

    def outputs(self) -> dict[str, Any]:
        """The root's outputs by name."""
        return self.root.outputs()

    def destroy(self, *, refresh: bool) -> None:
        """Destroy all that the state knows of, and with `refresh` look first what of it there is."""
        # Devices are no resources of Terraform's. Where they cannot be revoked, it says what it cannot destroy.
        with contextlib.suppress(BotoCoreError, ClientError, DevtoolsError):
            self._revoke_devices()
        looking = f"-refresh={'true' if refresh else 'false'}"
        self.root.run("destroy", _WAIT, looking, "-input=false", "-auto-approve", "-no-color", "-parallelism=20")

    def _revoke_devices(self) -> None:
        told = self.outputs().get("pipeline")
        if told and told.get("devices"):
            cameras.revoke_all(Stack(self.name, told, self.place.client))

    def left(self) -> list[str]:
        """What the state still knows of."""
        return _held(self.directory)

    def require_free_name(self) -> None:
        """Raise DevtoolsError where somebody has a deployment, or what is left of one, by that name.

        Some of what is made would be taken over without a word, such as queues and alarms, and destroyed in the end.
        """
        if taken := self.traces():
            raise DevtoolsError(
                f"the name {self.name} is taken in {self.place.title} ({', '.join(taken)}), and nothing here tells"
                " that a run of this has left it: give another with NAME=…, or see docs/acceptance.md#what-is-left-over"
            )

    def traces(self) -> list[str]:
        """What is called by the name, out of those things that Terraform makes last, and first."""
        ssm: SSMClient = self.place.client("ssm")
        sqs: SQSClient = self.place.client("sqs")
        logs: CloudWatchLogsClient = self.place.client("logs")
        parameters = ssm.get_parameters(Names=[PARAMETER.format(name=self.name)])["Parameters"]
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.name}-")["logGroups"]
        return [
            *(f"parameter {each['Name']}" for each in parameters),
            *(
                f"queue {url.rpartition('/')[2]}"
                for url in sqs.list_queues(QueueNamePrefix=f"{self.name}-").get("QueueUrls", ())
            ),
            *(f"log group {each['logGroupName']}" for each in groups),
        ]

    def _planned(self) -> list[str]:
        document = json.loads(self.root.run("show", "-json", str(self.directory / _PLAN)))
        return [
            each["address"]
            for each in document.get("resource_changes", ())
            if each["mode"] == "managed" and each["change"]["actions"] != ["no-op"]
        ]


def _held(directory: Path) -> list[str]:
    """The addresses of what Terraform's state in a directory knows of, which may be of no run."""
    state = directory / "terraform.tfstate"
    if not state.exists() or not (text := state.read_text(encoding="utf-8")):
        return []
    return [
        ".".join(filter(None, (each.get("module"), each["type"], each["name"])))
        for each in json.loads(text).get("resources", ())
        if each["mode"] == "managed" and each["instances"]
    ]
