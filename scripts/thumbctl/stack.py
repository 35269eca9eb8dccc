"""Finding a deployment by its name, in the parameter of SSM that Terraform leaves, and what is deployed there."""

from __future__ import annotations

import functools
import gzip
import importlib.metadata
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError
from botocore.loaders import JSONFileLoader

from thumbctl import local
from thumbctl.errors import ThumbctlError
from thumbnail_pipeline import lean
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from botocore.config import Config
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_ssm import SSMClient

# Written by the module's tools.tf; a test holds the two together.
PARAMETER: Final = "/thumbnail-pipeline/{name}"


class ClientFactory(Protocol):
    """Makes boto3's clients."""

    def __call__(self, service: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3's own signature
        """A client by the name of its service; `config` as boto3 takes it."""


@dataclass(frozen=True)
class Deployed:
    """The function as it is deployed."""

    settings: Settings
    memory_mb: int
    architecture: str
    timeout_seconds: int
    runtime: str
    code_sha256: str
    """Base64, as Lambda and Terraform write it."""


class Outputs(dict[str, Any]):
    """The outputs of the Terraform module, as far as tools need them."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - whatever an output holds
        raise ThumbctlError(
            f"The stack does not tell tools its {name}: it is of another release of the module than this thumbctl."
            " Apply this release's module, or use that one's thumbctl."
        )


@dataclass(frozen=True)
class Stack:
    """A deployment that has been found."""

    title: str
    """Which one it is, for people."""
    outputs: Mapping[str, Any]
    """Those of the Terraform module, as far as tools need them."""
    client: ClientFactory
    segments: Callable[[], Sequence[Mapping[str, Any]]] | None = None
    """What the X-Ray collector of a local stack has received; None where X-Ray itself has it."""
    mqtt_port: int | None = None
    """Where the broker of a local stack listens; None where devices connect to AWS."""

    def deployed(self) -> Deployed:
        """Ask Lambda for the function. Raises ThumbctlError where it has settings that this version does not know."""
        functions: LambdaClient = self.client("lambda")
        name = self.outputs["function_name"]
        found = functions.get_function_configuration(FunctionName=name)
        try:
            settings = Settings.from_json(found["Environment"]["Variables"]["SETTINGS"])
        except (KeyError, ValueError) as error:
            raise ThumbctlError(
                f"The function {name} has settings that this thumbctl does not understand ({error}): use the thumbctl"
                " of the release that is deployed, or apply this one's module."
            ) from None
        return Deployed(
            settings=settings,
            memory_mb=found["MemorySize"],
            architecture=found["Architectures"][0],
            timeout_seconds=found["Timeout"],
            runtime=found["Runtime"],
            code_sha256=found["CodeSha256"],
        )

    def require_own_release(self) -> None:
        """Raise ThumbctlError where the stack is of another release, to which other thumbnails may be up to date."""
        deployed, mine = self.outputs["release"], importlib.metadata.version("thumbnail-pipeline")
        if deployed != mine:
            raise ThumbctlError(
                f"The stack is of release {deployed} and this thumbctl of {mine}, to which everything might seem out of"
                " date: use the thumbctl of the stack's release, or apply this one's module."
            )


class _Models(JSONFileLoader):
    """Reads what the SDK knows of services into dicts, which takes half as long as its own OrderedDicts."""

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - the SDK's own signature
        for path, read in ((Path(f"{file_path}.json"), Path.read_bytes), (Path(f"{file_path}.json.gz"), _unzipped)):
            if path.is_file():
                return json.loads(read(path))
        return None


def _unzipped(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def clients(**place: Any) -> ClientFactory:  # noqa: ANN401 - boto3's own
    """Make clients for what environment and profile say, or for another `place`: `region_name`, `endpoint_url` …

    The same client is made once, for that takes longer than most calls; any number of threads may ask.
    """
    session = lean.session()
    session.get_component("data_loader").file_loader = _Models()
    lock = threading.Lock()

    @functools.cache
    def made(service: str, config: Config | None) -> Any:  # noqa: ANN401 - boto3's own signature
        return session.create_client(service, config=config, **place)

    def client(service: str, config: Config | None = None) -> Any:  # noqa: ANN401 - see above
        with lock:
            return made(service, config)

    return client


def find(name: str | None) -> Stack:
    """Return the deployment of that name; without a name, the local one of this directory."""
    if name:
        return _deployed(name)
    if local.LOCAL_STACK.exists():
        return _local()
    raise ThumbctlError(
        "No stack is named, and none is up in this directory: name one with --stack or THUMBCTL_STACK, or run 'make up'"
        " where the repository is."
    )


def _deployed(name: str) -> Stack:
    client = clients()
    parameter = PARAMETER.format(name=name)
    ssm: SSMClient = client("ssm")
    region = ssm.meta.region_name
    try:
        value = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        raise ThumbctlError(
            f"There is no stack {name} in {region}, for there is no SSM parameter {parameter}: correct the"
            " name or AWS_DEFAULT_REGION; if it was deployed before the module wrote that parameter, apply it again."
        ) from None
    try:
        outputs = Outputs(json.loads(value))
    except (TypeError, ValueError):
        raise ThumbctlError(
            f"The SSM parameter {parameter} is no JSON object: somebody changed it, and 'terraform apply' puts it back."
        ) from None

    return Stack(f"{name} in {region}", outputs, client)


def _local() -> Stack:
    found = local.read()
    client = clients(region_name=found["region"], endpoint_url=found["endpoint_url"], **local.CREDENTIALS)

    def segments() -> Sequence[Mapping[str, Any]]:
        return local.segments(Path(found["directory"]))

    title = f"the local stack at {found['endpoint_url']}"
    return Stack(title, Outputs(found["outputs"]), client, segments, found.get("mqtt_port"))
