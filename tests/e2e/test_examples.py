"""Examples side by side in one account: each is applied as it stands in the repository, and makes thumbnails.

Not those of two regions and of two accounts, of which the emulator has one each, and not `complete`, whose network it
does not have. The rules of `consumers` have a test of their own.
"""

from __future__ import annotations

import functools
import json
import shutil
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from devtools.localaws import emulator, processes
from devtools.localaws.stack import ARCHIVES, REPOSITORY
from devtools.localaws.terraform import Root
from support.deployment import eventually
from support.pictures import picture
from thumbctl.doctor import checks
from thumbctl.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.e2e

SERVICES: Final = (
    "apigatewayv2", "cloudfront", "cloudwatch", "cognitoidp", "dynamodb", "events", "iam", "iot", "kms", "lambda",
    "logs", "s3", "scheduler", "sns", "sqs", "ssm", "sts",
)  # fmt: skip
# As the local environment has it.
SIZES: Final = {
    "saved_searches": False,
    "deletion_protection": False,
    "plaintext_source_cidrs": ["127.0.0.0/8", "::1/128"],
    "timeout_seconds": 10,
}


def emulated(url: str) -> dict[str, Any]:
    """What the local environment says of the emulator, for a root that knows nothing of it."""
    return {
        "region": emulator.REGION,
        "access_key": "test",
        "secret_key": "test",
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "skip_region_validation": True,
        "skip_requesting_account_id": True,
        "s3_use_path_style": True,
        "endpoints": dict.fromkeys(SERVICES, url),
    }


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an account answers that has nothing in it."""
    port = processes.free_port()
    account = emulator.start(port, tmp_path_factory.mktemp("aws"))
    yield f"http://{processes.LOOPBACK}:{port}"
    account.stop()


@pytest.fixture(scope="module")
def client(url: str) -> Callable[..., Any]:
    """Clients of the account's root."""
    return functools.partial(
        boto3.client,
        endpoint_url=url,
        region_name=emulator.REGION,
        aws_access_key_id=emulator.ROOT_CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.ROOT_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="module")
def example(url: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Applies an example with further variables, and returns its outputs."""
    terraform = tmp_path_factory.mktemp("copy") / "terraform"
    shutil.copytree(REPOSITORY / "terraform", terraform, ignore=shutil.ignore_patterns(".terraform*"))

    def apply(name: str, **variables: str) -> dict[str, Any]:
        root = Root(terraform / "examples" / name, tmp_path_factory.mktemp(name))
        root.override(
            {
                "variable": {
                    each: {"default": value} for each, value in {"archives": str(ARCHIVES), **variables}.items()
                },
                "provider": {"aws": emulated(url)},
                "module": {"thumbnails": {**SIZES, "function_environment": {"AWS_ENDPOINT_URL": url}}},
            }
        )
        root.init(backend=False)
        # By a provider that Terraform starts, in the root's directory: the page's files are named relative to that.
        root.apply()
        return root.outputs()

    return apply


@pytest.fixture(scope="module")
def minimal(example: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return example("minimal")


@pytest.fixture(scope="module")
def existing(example: Callable[..., dict[str, Any]], client: Callable[..., Any]) -> dict[str, Any]:
    client("s3").create_bucket(Bucket="their-photos")
    return {"source_bucket": "their-photos", **example("existing-bucket", bucket_name="their-photos")}


def thumbnails(client: Callable[..., Any], outputs: dict[str, Any]) -> set[str]:
    listed = client("s3").list_objects_v2(Bucket=outputs["thumbnails_bucket"])
    return {each["Key"] for each in listed.get("Contents", ())}


def test_minimal_makes_thumbnails(client: Callable[..., Any], minimal: dict[str, Any]) -> None:
    client("s3").put_object(Bucket=minimal["source_bucket"], Key="a.png", Body=picture())
    eventually("there are three thumbnails", lambda: len(thumbnails(client, minimal)) == 3)


def test_eventbridge_tells_of_what_is_made_and_unmade_below_the_prefix(
    client: Callable[..., Any], existing: dict[str, Any]
) -> None:
    s3 = client("s3")
    s3.put_object(Bucket="their-photos", Key="drafts/b.png", Body=picture())
    s3.put_object(Bucket="their-photos", Key="photos/ä b+c.png", Body=picture())
    eventually("there are three thumbnails", lambda: len(thumbnails(client, existing)) == 3)
    assert all("photos/ä b+c.png" in key for key in thumbnails(client, existing))
    s3.delete_object(Bucket="their-photos", Key="photos/ä b+c.png")
    eventually("they are gone with their original", lambda: not thumbnails(client, existing))


@pytest.mark.usefixtures("existing")
def test_the_doctor_understands_the_mode(client: Callable[..., Any]) -> None:
    parameter = client("ssm").get_parameter(Name="/thumbnail-pipeline/thumbs-existing")["Parameter"]["Value"]
    seen = checks.Evidence(Stack("thumbs-existing", json.loads(parameter), client))
    for check in ("parameter", "notification", "queue policy"):
        found = checks.CHECKS[check](seen)
        assert found.outcome is checks.CheckOutcome.OK, found
    client("s3").put_bucket_notification_configuration(Bucket="their-photos", NotificationConfiguration={})
    assert "does not send its events to EventBridge" in checks.CHECKS["notification"](seen).says


def test_neither_hears_of_the_other(
    client: Callable[..., Any], minimal: dict[str, Any], existing: dict[str, Any]
) -> None:
    queues = client("sqs").list_queues(QueueNamePrefix="thumbs-")["QueueUrls"]
    assert len(queues) == len(set(queues)) == 6
    assert thumbnails(client, minimal) != set()
    assert minimal["thumbnails_bucket"] != existing["thumbnails_bucket"]


@pytest.mark.nightly
def test_a_bucket_and_a_key_of_ones_own_are_made_together_with_the_rest(
    client: Callable[..., Any], example: Callable[..., dict[str, Any]]
) -> None:
    outputs = example("own-key")
    (bucket,) = (each["Name"] for each in client("s3").list_buckets()["Buckets"] if each["Name"].startswith("photos-"))
    client("s3").put_object(Bucket=bucket, Key="a.png", Body=picture())
    eventually("there are three thumbnails", lambda: len(thumbnails(client, outputs)) == 3)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "variables", "told"),
    [
        ("page", {}, ("page_url", "user_pool_id")),
        ("front-door", {"page": "https://example.com"}, ("page",)),
        ("cameras", {}, ("devices",)),
    ],
)
def test_what_somebody_has_to_know_is_told(
    example: Callable[..., dict[str, Any]], name: str, variables: dict[str, str], told: tuple[str, ...]
) -> None:
    outputs = example(name, region=emulator.REGION, **variables)
    for output in told:
        known = outputs[output]
        assert all(known.values() if isinstance(known, dict) else [known])
