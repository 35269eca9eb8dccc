"""thumbctl import: what is uploaded where, what is told, and the exit codes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from typer.testing import CliRunner

from devtools.localaws import emulator, processes
from support.memory_aws import refusal
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.costs import quote
from thumbctl.costs.estimate import Estimate, default_workload
from thumbctl.errors import ThumbctlError
from thumbctl.importing import command, transfer
from thumbctl.importing.follow import Follower, Stalled
from thumbctl.importing.transfer import Transfer
from thumbctl.stack import Deployed, Stack
from thumbnail_pipeline.settings import Limits, Rendition, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path

BUCKET = "photos-uploads"
MOST_BYTES = 100


class Found(Stack):
    """A stack whose function needs not be there."""

    def deployed(self) -> Deployed:
        settings = Settings((Rendition("small", 100, 100),), limits=Limits(bytes=MOST_BYTES))
        return Deployed(settings, 1769, "x86_64", 30, "python3.13", "sha")


class World:
    """A stack, files, and a catalog."""

    def __init__(self, url: str, root: Path) -> None:
        self.client: Callable[..., Any] = lambda service, config=None: boto3.client(
            service, endpoint_url=url, config=config
        )
        self.s3 = self.client("s3")
        self.dynamodb = self.client("dynamodb")
        self.root = root / "photos"
        self.root.mkdir()
        self.state = root / "state"
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        sqs = self.client("sqs")
        self.outputs = {
            "source_bucket": BUCKET,
            "source_prefix": "in/",
            "table_name": "catalog",
            "queue_url": sqs.create_queue(QueueName="work")["QueueUrl"],
            "dlq_url": sqs.create_queue(QueueName="dead")["QueueUrl"],
        }
        self.dynamodb.create_table(
            TableName="catalog",
            KeySchema=[
                {"AttributeName": "source_key", "KeyType": "HASH"},
                {"AttributeName": "source_bucket", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("source_key", "source_bucket")
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def file(self, name: str, data: bytes = b"image") -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]

    def versions(self) -> int:
        return len(self.s3.list_object_versions(Bucket=BUCKET).get("Versions", ()))

    def decide(self, key: str, status: str, reason: str | None = None) -> None:
        """What the function would do."""
        etag = self.s3.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"')
        item = {
            "source_key": key,
            "source_bucket": BUCKET,
            "status": status,
            "etag": etag,
            "sequencer": "1",
            "claim": "1",
        }
        item |= {"reason": reason} if reason else {}
        stored: Any = {name: {"S": value} for name, value in item.items()}
        self.dynamodb.put_item(TableName="catalog", Item={**stored, "fence": {"N": "1"}})


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The runtime opens its own connections: what imitates AWS has to be a server.
    port = processes.free_port()
    process = emulator.start(port, tmp_path_factory.mktemp("emulator"))
    yield f"http://{processes.LOOPBACK}:{port}"
    process.stop()


@pytest.fixture
def world(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    for name in [name for name in os.environ if name.startswith(("AWS_", "THUMBCTL_"))]:
        monkeypatch.delenv(name)
    for name, value in emulator.ROOT_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", emulator.REGION)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with urllib.request.urlopen(urllib.request.Request(f"{url}/_ministack/reset", method="POST")):
        pass
    world = World(url, tmp_path)
    monkeypatch.setattr(stacks, "find", lambda _: Found("photos in us-east-1", world.outputs, world.client))
    monkeypatch.setattr(quote, "of_stack", lambda _, job: Estimate.of(job, default_workload(job.kind)))
    monkeypatch.setattr(transfer, "_RETRIES", 1)
    return world


def run(*arguments: object, stdin: bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["import", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def ended(text: str) -> dict[str, Any]:
    """What scripts are told last."""
    document: dict[str, Any] = json.loads(text.splitlines()[-1])
    return document


def test_a_folder_goes_below_the_watched_prefix(world: World) -> None:
    world.file("a/red flower+50%.jpg", b"12345")
    world.file("ü.png")
    code, out, complaints = run(world.root, "--yes", "--json")
    assert (code, complaints) == (0, "")
    assert world.keys() == ["in/a/red flower+50%.jpg", "in/ü.png"]
    head = world.s3.head_object(Bucket=BUCKET, Key="in/a/red flower+50%.jpg", ChecksumMode="ENABLED")
    assert head["ContentType"] == "image/jpeg"
    assert head["ChecksumSHA256"]
    cost, last = map(json.loads, out.splitlines())
    assert (cost["state"], cost["files"], cost["bytes"]) == ("looked", 2, 10)
    assert (cost["estimate"]["job"]["kind"], cost["estimate"]["job"]["objects"]) == ("import", 2)
    assert last == {
        "state": "finished", "uploaded": 2, "uploaded_bytes": 10, "already_there": 0, "left_out": {}, "images": []
    }  # fmt: skip


def test_the_same_again_uploads_nothing_and_asks_nothing(world: World) -> None:
    world.file("a.jpg")
    assert run(world.root, "--yes")[0] == 0
    code, out, complaints = run(world.root)
    assert (code, complaints) == (0, "")
    assert [line.split() for line in out.splitlines()] == [["0", "uploaded,", "0", "bytes"], ["1", "there", "already"]]
    assert world.versions() == 1


def test_another_journal_finds_the_same_bytes(world: World) -> None:
    world.file("a.jpg")
    run(world.root, "--yes")
    for file in world.state.rglob("*.sqlite*"):
        file.unlink()
    code, out, _ = run(world.root, "--yes", "--json")
    assert (code, ended(out)["already_there"], world.versions()) == (0, 1, 1)


def test_what_changed_is_replaced(world: World) -> None:
    world.file("a.jpg")
    run(world.root, "--yes")
    world.file("a.jpg", b"later")
    assert ended(run(world.root, "--yes", "--json")[1])["uploaded"] == 1
    assert world.s3.get_object(Bucket=BUCKET, Key="in/a.jpg")["Body"].read() == b"later"


@pytest.mark.parametrize("prefix", ["in/2024", "in/2024/"])
def test_a_destination_below_the_watched_prefix(world: World, prefix: str) -> None:
    world.file("a.jpg")
    assert run(world.root, f"s3://{BUCKET}/{prefix}", "--yes")[0] == 0
    assert world.keys() == ["in/2024/a.jpg"]


@pytest.mark.parametrize(
    "destination", [f"s3://{BUCKET}", f"s3://{BUCKET}/out", "s3://another/in/", f"s3://{BUCKET}/i"]
)
def test_a_destination_that_nobody_watches_is_refused(world: World, destination: str) -> None:
    world.file("a.jpg")
    code, _, complaints = run(world.root, destination, "--yes")
    assert (code, complaints) == (
        2,
        f"{destination} is not watched by photos in us-east-1, and no thumbnails would come of it: import to"
        f" s3://{BUCKET}/in/ or below.\n",
    )
    assert world.keys() == []


def test_what_is_left_out_is_named_and_the_others_go_on(world: World) -> None:
    world.file("fine.jpg")
    empty = world.file("empty.jpg", b"")
    large = world.file("large.jpg", b"x" * (MOST_BYTES + 1))
    (world.root / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"image")
    world.file(".hidden")
    code, out, complaints = run(world.root, world.root / "nowhere", "--yes")
    assert code == 1
    assert sorted(complaints.splitlines()) == sorted([
        f"{empty} is not imported: empty.",
        f"{large} is not imported: larger than the deployed limits.bytes allows (101 of 100).",
        f"{world.root}/caf\\xe9.jpg is not imported: a name that is not UTF-8, which keys of S3 are.",
        f"{world.root / 'nowhere'} is not imported: not there (No such file or directory).",
    ])  # fmt: skip
    assert "left out: hidden" in out
    assert world.keys() == ["in/fine.jpg"]


def test_what_is_too_large_is_told_before_anybody_is_asked(world: World) -> None:
    world.file("fine.jpg")
    large = world.file("large.jpg", b"x" * (MOST_BYTES + 1))
    code, _, complaints = run(world.root)
    assert (code, world.keys()) == (2, [])
    told, asked = complaints.splitlines()
    assert told.startswith(f"{large} is not imported: larger than")
    assert "pass --yes" in asked


@pytest.mark.parametrize(
    ("folder", "output"), [("users", {"users_prefix": "in/users/"}), ("things", {"devices": {"thing_type": "photos"}})]
)
def test_nothing_is_imported_among_the_images_of_users_and_devices(
    world: World, folder: str, output: dict[str, Any]
) -> None:
    world.file(f"{folder}/11111111/a.jpg")
    world.file(f"{folder}.jpg")
    assert run(world.root, "--yes", "--json")[0] == 0, "without an API or devices it is a name like any other"
    world.file(f"{folder}/11111111/b.jpg")
    world.outputs |= output
    code, out, _ = run(world.root, "--yes", "--json")
    assert (code, ended(out)["left_out"]) == (1, {"a key where only users of the API or devices upload to": 2})
    assert f"in/{folder}/11111111/b.jpg" not in list(world.keys())


def test_hidden_files_alone_are_nothing_wrong(world: World) -> None:
    world.file("fine.jpg")
    world.file(".DS_Store")
    code, out, complaints = run(world.root, "--yes", "--json")
    assert (code, complaints, ended(out)["left_out"]) == (0, "", {"hidden": 1})


def test_two_files_for_one_key(world: World) -> None:
    first, second = world.file("a/cat.jpg"), world.file("b/cat.jpg", b"other")
    code, _, complaints = run(first, second, "--yes")
    assert (code, complaints) == (1, f"{second} is not imported: the key of another file ({first}).\n")
    assert world.s3.get_object(Bucket=BUCKET, Key="in/cat.jpg")["Body"].read() == b"image"


def test_nothing_to_import(world: World) -> None:
    code, _, complaints = run(world.root, "--yes")
    assert (code, complaints) == (2, "There is no file in what was named: correct the path, or the manifest.\n")


@pytest.mark.parametrize("arguments", [[], ["s3://photos-uploads/in/"], ["-0", "a.jpg"]])
@pytest.mark.usefixtures("world")
def test_usage(arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


def test_nobody_can_be_asked(world: World) -> None:
    world.file("a.jpg")
    code, out, complaints = run(world.root)
    assert (code, complaints) == (2, "Nobody is there to be asked whether to begin: pass --yes.\n")
    assert "Import of 1 image, 5 bytes" in out
    assert world.keys() == []


def test_a_dry_run_uploads_nothing(world: World) -> None:
    file = world.file("new.jpg")
    world.file("there.jpg")
    world.s3.put_object(Bucket=BUCKET, Key="in/there.jpg", Body=b"image", ChecksumAlgorithm="CRC32")
    code, out, complaints = run(world.root, "--dry-run")
    assert (code, complaints) == (0, "")
    assert f"{file} → s3://{BUCKET}/in/new.jpg" in out.splitlines()
    assert "Import of 1 image, 5 bytes" in out
    assert out.splitlines()[-1] == "1 to upload, 1 there already."
    documents = [json.loads(line) for line in run(world.root, "--dry-run", "--json")[1].splitlines()]
    assert documents[0] == {"state": "missing", "path": str(file), "key": "in/new.jpg", "bytes": 5}
    assert (documents[1]["state"], documents[1]["files"], documents[1]["bytes"]) == ("looked", 1, 5)
    assert world.keys() == ["in/there.jpg"]


def test_a_manifest(world: World, tmp_path: Path) -> None:
    file = world.file("a.jpg")
    manifest = tmp_path / "manifest.txt"
    manifest.write_text(f"photos/a.jpg\n{file}\tcats/one.jpg\n")
    assert run("--manifest", manifest, "--yes")[0] == 0
    assert world.keys() == ["in/cats/one.jpg", "in/photos/a.jpg"]


def test_a_manifest_on_standard_input(world: World) -> None:
    world.file("line\nbreak.jpg")
    world.file("a.jpg")
    code, *_ = run("--manifest", "-", "-0", "--yes", stdin=b"./photos/line\nbreak.jpg\0photos/a.jpg\0")
    assert code == 0
    assert world.keys() == ["in/photos/a.jpg", "in/photos/line\nbreak.jpg"]


@pytest.mark.usefixtures("world")
def test_a_manifest_that_is_not_there() -> None:
    code, _, complaints = run("--manifest", "nowhere.txt")
    assert (code, complaints) == (
        2, "The manifest nowhere.txt cannot be read (No such file or directory): correct --manifest.\n"
    )  # fmt: skip


def test_following_tells_what_became_of_each(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        world.file(name)
    meanwhile(monkeypatch, lambda key: world.decide(key, *(("FAILED", "corrupt") if "b" in key else ("READY",))))
    code, out, complaints = run(world.root, "--follow", "--yes", "--json")
    assert (code, complaints) == (1, "")
    assert run(world.root)[0] == 0, "who does not follow is not told of it"
    *_, failed, last = map(json.loads, out.splitlines())
    assert failed == {"state": "failed", "key": "in/b.jpg", "outcome": "FAILED", "reason": "corrupt"}
    assert {(each["outcome"], each["reason"]): each["images"] for each in last["images"]} == {
        ("READY", None): 2, ("FAILED", "corrupt"): 1
    }  # fmt: skip


def test_following_can_come_later(world: World) -> None:
    world.file("a.jpg")
    assert run(world.root, "--yes")[0] == 0
    world.decide("in/a.jpg", "READY")
    code, out, complaints = run(world.root, "--follow")
    assert (code, complaints) == (0, "")
    assert "READY" in out
    assert world.versions() == 1


@pytest.mark.parametrize(
    ("stalled", "remedy"),
    [
        (Stalled(0, 0), "'thumbctl backfill' makes what nobody was told of"),
        (Stalled(9, 3), "send them back with 'thumbctl dlq redrive'"),
    ],
)
def test_what_is_stuck_is_told_with_the_remedy(
    world: World, monkeypatch: pytest.MonkeyPatch, stalled: Stalled, remedy: str
) -> None:
    world.file("a.jpg")
    monkeypatch.setattr(Follower, "run", lambda *_: stalled)
    code, out, complaints = run(world.root, "--follow", "--yes", "--json")
    assert (code, ended(out)["state"]) == (1, "stalled")
    assert complaints.startswith("1 image undecided, and nothing has moved for 3 minutes:")
    assert remedy in complaints


def meanwhile(monkeypatch: pytest.MonkeyPatch, after: Callable[[str], None]) -> None:
    """Have `after` called with the key of each upload."""
    really = Transfer.put

    def put(self: Transfer, file: str, key: str, *, size: int, headers: Mapping[str, str]) -> Future[transfer.Stored]:
        stored = really(self, file, key, size=size, headers=headers)
        stored.result()
        after(key)
        return stored

    monkeypatch.setattr(Transfer, "put", put)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            refusal("PutObject", "ExpiredToken", 400),
            "The credentials have expired: log in again, for example with 'aws sso login'.\n",
        ),
        (ThumbctlError("S3 is not there: look for it."), "S3 is not there: look for it.\n"),
    ],
)
def test_it_goes_on_where_it_was_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    for index in range(20):
        world.file(f"{index:02d}.jpg")

    def stop(key: str) -> None:
        if key == "in/10.jpg":
            raise error

    with monkeypatch.context() as patch:
        meanwhile(patch, stop)
        code, _, complaints = run(world.root, "--yes", "--concurrency", "2")
    assert (code, complaints) == (2, sentence)
    stored = len(world.keys())
    assert 10 < stored < 20
    code, out, _ = run(world.root, "--yes", "--json")
    assert code == 0
    assert (ended(out)["uploaded"], ended(out)["already_there"]) == (20 - stored, stored)
    assert world.versions() == 20


def test_ctrl_c_pauses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(20):
        world.file(f"{index:02d}.jpg")
    with monkeypatch.context() as patch:
        meanwhile(patch, lambda key: os.kill(os.getpid(), signal.SIGINT) if key == "in/10.jpg" else None)
        before = signal.getsignal(signal.SIGINT)
        code, out, complaints = run(world.root, "--yes", "--concurrency", "2")
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "the next Ctrl-C ends it at once"
        signal.signal(signal.SIGINT, before)
    assert (code, complaints) == (130, "")
    assert out.splitlines()[-1] == "Paused. The same command goes on where this one stopped."
    stored = len(world.keys())
    assert stored < 20
    (file,) = world.state.rglob("*.sqlite")
    assert sqlite3.connect(file).execute("SELECT count(etag) FROM files").fetchone() == (stored,)
    assert ended(run(world.root, "--yes", "--json")[1])["uploaded"] == 20 - stored
    assert world.versions() == 20


def test_a_pace_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[float | None] = []

    class Pace:
        def __init__(self, per_second: float | None) -> None:
            self._per_second = per_second

        def take(self) -> None:
            taken.append(self._per_second)

    monkeypatch.setattr(command, "Pace", Pace)
    for index in range(5):
        world.file(f"{index}.jpg")
    assert run(world.root, "--yes", "--rate", "7")[0] == 0
    assert run(world.root, "--yes", "--rate", "7")[0] == 0
    assert taken == 5 * [7], "what is there already waits for nothing"
