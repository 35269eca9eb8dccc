"""thumbctl estimate against what is really deployed: the settings that count, and the objects of a bucket."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from devtools.localaws import emulator
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.costs import quote
from thumbctl.costs.capacity import DAY
from thumbctl.costs.estimate import Job

if TYPE_CHECKING:
    from support.deployment import Deployment

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _operator(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name, value in emulator.ROOT_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", deployment.stack.region)
    monkeypatch.setenv("AWS_ENDPOINT_URL", deployment.stack.endpoint_url)
    monkeypatch.setenv("THUMBCTL_STACK", "thumbs")


@pytest.mark.parametrize(("kind", "mapping"), [("import", "work"), ("backfill", "backfill")])
def test_what_is_deployed_counts(deployment: Deployment, kind: Any, mapping: str) -> None:
    found = stacks.find("thumbs")
    told = quote.of_stack(found, Job(kind, 1000, 1000))
    functions = deployment.stack.client("lambda")
    mappings = functions.list_event_source_mappings(FunctionName=deployment.outputs["function_name"])
    queues = {each["EventSourceArn"].rpartition("-")[2]: each for each in mappings["EventSourceMappings"]}
    assert told.workload.renditions == found.deployed().settings.renditions
    assert told.workload.batch == queues[mapping]["BatchSize"]
    assert told.capacity.concurrency == queues[mapping]["ScalingConfig"]["MaximumConcurrency"]
    assert told.capacity.retention_days * DAY == 4 * DAY


def test_the_objects_of_a_bucket_are_counted(deployment: Deployment) -> None:
    bucket = deployment.outputs["source_bucket"]
    s3 = deployment.stack.client("s3")
    for index in range(3):
        s3.put_object(Bucket=bucket, Key=f"to-be-estimated/{index}.txt", Body=b"no image")
    result = CliRunner().invoke(app, ["estimate", f"s3://{bucket}/to-be-estimated/", "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    job = json.loads(result.stdout)["job"]
    assert (job["kind"], job["objects"], job["bytes"]) == ("backfill", 3, 24)
