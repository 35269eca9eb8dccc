"""The examples of docs/api.md, as they stand there: with curl, Python and what a browser runs, against a real S3."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from api.answers import Answer
from api.config import ApiConfig
from api.requests import Request
from api.routes import FrontDoor
from devtools.localaws import emulator, processes
from devtools.localaws.stack import REPOSITORY
from support.front_door import LIMITS, create_asks, environment
from support.gateway import TOKEN, listening
from support.pictures import picture
from support.pipeline import TABLE, THUMBNAILS, UPLOADS, FakeContext, create_catalog
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.asking.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")


class Account:
    """An emulated AWS whose pipeline decides upon an image when somebody looks."""

    def __init__(self, url: str) -> None:
        named: Any = {"region_name": emulator.REGION, "endpoint_url": url}
        session = boto3.session.Session("test", "test")
        self.s3: Any = session.client("s3", **named)
        self.dynamodb: Any = session.client("dynamodb", **named)
        for bucket in (UPLOADS, THUMBNAILS):
            self.s3.create_bucket(Bucket=bucket)
        create_catalog(self.dynamodb, TABLE)
        create_asks(self.dynamodb)
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        limits = json.dumps({**LIMITS, "bytes": 10**6, "bytes_a_day": 10**8})
        settings = environment(AWS_ENDPOINT_URL=url, AWS_REGION=emulator.REGION, LIMITS=limits, **keys)
        config = ApiConfig.from_environment(settings)
        self.door = FrontDoor.over(config, Aws(config.access))

    def decide(self) -> None:
        """Write a row for every upload."""
        for each in self.s3.list_objects_v2(Bucket=UPLOADS).get("Contents", ()):
            key = each["Key"]
            thumbnail = {"name": {"S": "small"}, "key": {"S": f"small/{key}.webp"}, "etag": {"S": "e"}}
            numbers = {name: {"N": "8"} for name in ("width", "height", "bytes")}
            texts = {"source_key": key, "source_bucket": UPLOADS, "status": "READY", "sequencer": "1", "claim": "1"}
            row = {name: {"S": text} for name, text in {**texts, "format": "jpeg"}.items()}
            sizes = {name: {"N": "8"} for name in ("width", "height", "size_bytes", "fence")}
            renditions = {"renditions": {"L": [{"M": {**thumbnail, **numbers}}]}}
            self.dynamodb.put_item(TableName=TABLE, Item={**row, **sizes, **renditions})
            self.s3.put_object(Bucket=THUMBNAILS, Key=f"small/{key}.webp", Body=b"thumbnail")

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the function makes of an event."""
        self.decide()
        try:
            return self.door.answer(Request.read(asked, self.door.config.own_issuer), FakeContext()).as_lambda()
        except Refusal as refusal:
            return Answer.of(refusal).as_lambda()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the API answers."""
    port = processes.free_port()
    process = emulator.start(port, tmp_path_factory.mktemp("emulator"))
    account = Account(f"http://{processes.LOOPBACK}:{port}")
    with listening(account.answer) as url:
        yield url
    for connection in account.door.aws._connections.values():
        connection.close()
    process.stop()


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """A picture to upload."""
    file = tmp_path / "cat.jpg"
    file.write_bytes(picture(size=(20, 10), image_format="JPEG"))
    return file


def example(language: str) -> str:
    """The first block of the page in this language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def run(*command: str, cwd: Path, **variables: str) -> Any:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def require_ready(image: Any) -> None:
    assert (image["status"], [each["name"] for each in image["renditions"]]) == ("READY", ["small"])


@pytest.mark.skipif(not all(map(shutil.which, ("curl", "jq"))), reason="needs curl and jq")
def test_curl(api: str, cat: Path) -> None:
    script = re.sub(r"^API=.*$", f"API={api} TOKEN={TOKEN} FILE=cat.jpg", example("sh"), flags=re.MULTILINE)
    uuids = "uuidgen() { cat /proc/sys/kernel/random/uuid; }\n"
    image = run("bash", "-euc", uuids + script, cwd=cat.parent)
    require_ready(image)
    newest = json.loads((cat.parent / "newest.json").read_text())
    assert newest["images"][0]["id"] == image["id"]
    request = urllib.request.Request(f"{api}/v1/images", headers={"authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as listed:
        assert image["id"] not in {each["id"] for each in json.load(listed)["images"]}


def test_python(api: str, cat: Path) -> None:
    script = str(REPOSITORY / "docs" / "examples" / "upload_image.py")
    require_ready(run(sys.executable, script, api, cat.name, cwd=cat.parent, TOKEN=TOKEN))


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js, which has what browsers have for this")
def test_browser(api: str, cat: Path) -> None:
    script = (
        example("js")
        + f"""
import {{ readFileSync }} from "node:fs";
const file = new Blob([readFileSync("cat.jpg")], {{ type: "image/jpeg" }});
console.log(JSON.stringify(await upload("{api}", "{TOKEN}", file)));
"""
    )
    (cat.parent / "page.mjs").write_text(script)
    require_ready(run("node", "page.mjs", cwd=cat.parent))
