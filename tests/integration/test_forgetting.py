"""thumbctl users forget: over moto, with what the real API and the real pipeline have made of uploads."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from support.front_door import ANNA, ASKS, BERT, ISSUER, Visitors, create_asks
from support.notifications import record
from support.pictures import picture
from support.pipeline import TABLE, THUMBNAILS, UPLOADS, Bench, client, event
from thumbctl import stack as stacks
from thumbctl.app import app
from thumbctl.stack import Outputs, Stack
from thumbctl.users import forgetting
from thumbnail_pipeline.users import key_of_user, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PICTURE = picture()
LOGIN = "https://login.example.com/"
URL_SECONDS = 600
# What S3's calls are met at: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html
_ASKED, _CALLED, _ANSWERED = "provide-client-params", "before-call", "after-call"


class Town:
    """A deployment with an API, whose pipeline hears of everything at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = Bench(versioned=True, variables={"SOURCE_PREFIX": "in/"})
        create_asks(self.bench.dynamodb)
        self.door = Visitors()
        self.api: dict[str, Any] = {
            "issuer": ISSUER, "user_pool_id": "us-east-1_AbCdEfGhI", "asks_table_name": ASKS, "url_minutes": 10,
        }  # fmt: skip
        self.outputs = Outputs(
            {
                "source_bucket": UPLOADS, "source_prefix": "in/", "thumbnails_bucket": THUMBNAILS, "table_name": TABLE,
                "log_group_name": "/aws/lambda/photos-thumbnailer", "propagate_deletions": True, "api": self.api,
            }
        )  # fmt: skip
        self.states: dict[str, list[str]] = {}
        """What the row of each key has said, one after the other."""
        self.now = self.door.aws.now + 2 * URL_SECONDS
        self._sequencers = itertools.count(1)
        self._asked: list[dict[str, str]] = []
        stack = Stack("photos", self.outputs, lambda service, _=None: client(service))
        monkeypatch.setattr(stacks, "find", lambda _: stack)
        monkeypatch.setattr("thumbctl.users.command.time.time", lambda: self.now)
        # So that every version is a call.
        monkeypatch.setattr(forgetting, "_VERSIONS_A_CALL", 1)

    def upload(self, key: str, body: bytes = PICTURE) -> str:
        """Upload an object, have it decided, and return its version."""
        made = self.bench.upload(key, body, sequencer=self._sequencer())
        self._apply(made)
        return str(made.version_id)

    def remove(self, key: str) -> None:
        """Hide an object, as the API's DELETE does."""
        self._apply(self.bench.remove(key, sequencer=self._sequencer()))

    def hear(self, params: dict[str, Any], **_: Any) -> None:
        """Note what S3 is asked to delete."""
        self._asked = params["Delete"]["Objects"] if params["Bucket"] == UPLOADS else []

    def follow(self, **_: Any) -> None:
        """Do what the pipeline does when S3 has deleted something."""
        asked, self._asked = self._asked, []
        for each in asked if self.outputs["propagate_deletions"] else ():
            told = record(
                each["Key"], name="ObjectRemoved:Delete", sequencer=self._sequencer(), version_id=each["VersionId"],
                etag=None,
            )  # fmt: skip
            self._apply(event(told))

    def _sequencer(self) -> str:
        return f"{next(self._sequencers):04X}"

    def _apply(self, happened: Any) -> None:
        self.bench.pipeline.apply(happened, attempt=1)
        key = happened.image.key
        self.states.setdefault(key, []).append(self.bench.row(key).get("status", "NONE"))

    def versions(self, bucket: str = UPLOADS) -> set[tuple[str, str]]:
        """Every version and delete marker."""
        found = client("s3").list_object_versions(Bucket=bucket)
        both = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
        return {(each["Key"], each["VersionId"]) for each in both}

    def asks(self) -> set[tuple[str, str]]:
        """Every row of the table of asks."""
        items = self.bench.dynamodb.scan(TableName=ASKS)["Items"]
        return {(each["owner"]["S"], each["what"]["S"]) for each in items}

    def rows(self) -> set[str]:
        """The keys that have a row."""
        return {each["source_key"]["S"] for each in self.bench.dynamodb.scan(TableName=TABLE)["Items"]}


@pytest.fixture
def on() -> Iterator[Callable[[str, Any], None]]:
    """Have something done at an event of S3's or DynamoDB's client."""
    registered: list[tuple[Any, str, Any]] = []

    def register(name: str, handler: Any) -> None:
        service = client("dynamodb" if ".dynamodb." in name else "s3")
        service.meta.events.register(name, handler)
        registered.append((service, name, handler))

    yield register
    for service, name, handler in registered:
        service.meta.events.unregister(name, handler)


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Town:
    return Town(monkeypatch)


@pytest.fixture(autouse=True)
def _pipeline(town: Town, on: Callable[[str, Any], None]) -> None:
    on(f"{_ASKED}.s3.DeleteObjects", town.hear)
    on(f"{_ANSWERED}.s3.DeleteObjects", town.follow)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["users", "forget", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: str, code: int = 0) -> dict[str, Any]:
    exit_code, out, complaints = run(*arguments, "--yes", "--json")
    assert exit_code == code, complaints
    document: dict[str, Any] = json.loads(out)
    return document


def settle(town: Town, user: str = ANNA) -> list[str]:
    """Have a user with images: one, one that was written three times, one that is deleted, one that is none."""
    keys = [key_of_user("in/", user, name) for name in ("once", "thrice", "deleted", "bad")]
    town.upload(keys[0])
    for colour in ("red", "green", "blue"):
        town.upload(keys[1], picture(colour))
    town.upload(keys[2])
    town.remove(keys[2])
    town.upload(keys[3], b"no image")
    return keys


def of_others(town: Town, prefix: str) -> Any:
    """All that is not below a prefix."""
    owner = prefix.split("/")[-2]
    return (
        {each for each in town.versions() if not each[0].startswith(prefix)},
        {each for each in town.versions(THUMBNAILS) if not each[0].partition("/")[2].startswith(prefix)},
        {each for each in town.asks() if each[0] != owner},
        {each for each in town.rows() if not each.startswith(prefix)},
    )


def test_all_versions_of_a_user_go_and_nothing_of_anybody_else(town: Town) -> None:
    keys = settle(town)
    settle(town, BERT)
    # Whose name another's begins with, and what lies beside users.
    for key in (f"in/users/{ANNA}0/once", f"in/users/{ANNA}", f"in/{ANNA}/once", "in/once"):
        town.upload(key)
    for user in (ANNA, BERT):
        town.door.asked(user)
    others = of_others(town, f"in/users/{ANNA}/")
    said = told(ANNA)
    assert said["held"] == {
        "images": 4, "versions": 6, "bytes": said["held"]["bytes"], "delete_markers": 1, "thumbnails": 4, "asks": 3,
    }  # fmt: skip
    assert said["held"]["bytes"] > 4 * len(b"no image")
    assert said["state"] == "finished"
    assert (said["deleted"]["versions"], said["deleted"]["asks"], said["deleted"]["rows"]) == (7, 3, 0)
    assert of_others(town, f"in/users/{ANNA}/") == others
    assert (town.versions(), town.versions(THUMBNAILS), town.asks()) == others[:3]
    assert {town.bench.row(key)["status"] for key in keys} == {"DELETED"}


def test_no_older_version_is_the_image_again_on_the_way(town: Town) -> None:
    _, thrice, deleted, _ = settle(town)
    before = {key: len(town.states[key]) for key in (thrice, deleted)}
    told(ANNA)
    assert set(town.states[deleted][before[deleted] :]) == {"DELETED"}
    # Until its turn comes, the newest is what it was.
    assert [*dict.fromkeys(town.states[thrice][before[thrice] :])] == ["READY", "DELETED"]
    assert len(town.states[thrice]) == 6


def test_what_is_listed_page_by_page_goes_as_well(town: Town, on: Callable[[str, Any], None]) -> None:
    settle(town)

    def few(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "MaxKeys": 2} if "Prefix" in params else params

    on(f"{_ASKED}.s3.ListObjectVersions", few)
    said = told(ANNA)
    assert (said["held"]["images"], said["held"]["versions"], said["held"]["delete_markers"]) == (4, 6, 1)
    assert not town.versions()


def test_a_dry_run_deletes_nothing(town: Town) -> None:
    settle(town)
    town.door.asked(ANNA)
    before = town.versions(), town.versions(THUMBNAILS), town.asks(), town.rows()
    said = told(ANNA, "--dry-run")
    assert (said["state"], said["held"]["images"], set(said["deleted"].values())) == ("looked", 4, {0})
    assert (town.versions(), town.versions(THUMBNAILS), town.asks(), town.rows()) == before


def test_nothing_is_deleted_that_nobody_has_said_yes_to(town: Town) -> None:
    settle(town)
    before = town.versions()
    code, _, complaints = run(ANNA)
    assert (code, "--yes" in complaints, town.versions()) == (2, True, before)


def test_of_whom_nothing_is_there_nobody_is_asked(town: Town) -> None:
    settle(town, BERT)
    before = town.versions()
    code, out, complaints = run(ANNA)
    assert (code, complaints, town.versions()) == (0, "", before)
    assert "0 images" in out


def test_it_can_be_said_again(town: Town) -> None:
    settle(town)
    told(ANNA)
    said = told(ANNA)
    assert (set(said["held"].values()), set(said["deleted"].values())) == ({0}, {0})


@pytest.mark.parametrize("propagated", [True, False])
def test_wherever_it_is_interrupted_the_next_time_goes_on(
    town: Town,
    on: Callable[[str, Any], None],
    propagated: bool,  # noqa: FBT001 - a parameter
) -> None:
    keys = settle(town)
    town.outputs["propagate_deletions"] = propagated
    town.bench.configure(variables={"SOURCE_PREFIX": "in/", "PROPAGATE_DELETIONS": str(propagated).lower()})
    town.door.asked(ANNA)
    calls = itertools.count(1)

    def interrupt(**_: Any) -> None:
        # A run makes one call, and ends before it looks at the answer.
        if next(calls) % 2 == 0:
            raise KeyboardInterrupt

    for moment in (_CALLED, _ANSWERED):
        on(f"{moment}.s3.DeleteObjects", interrupt)
    codes: list[int] = []
    while len(codes) < 30 and codes[-1:] != [0]:
        code, _, complaints = run(ANNA, "--yes")
        codes.append(code)
        assert code == 0 or (code == 130 and "goes on where this one stopped" in complaints), complaints
    assert codes[-1] == 0
    assert len(codes) > 3
    assert not town.versions() | town.versions(THUMBNAILS) | town.asks()
    assert {town.bench.row(key).get("status") for key in keys} == {"DELETED" if propagated else None}


def test_without_propagation_the_rows_go_here(town: Town) -> None:
    settle(town)
    (others,) = settle(town, BERT)[:1]
    town.bench.s3.put_object(Bucket=THUMBNAILS, Key=f"retired/in/users/{ANNA}/gone.png", Body=b"of a row that is lost")
    expired = key_of_user("in/", ANNA, "expired")
    version = town.upload(expired)
    town.bench.s3.delete_object(Bucket=UPLOADS, Key=expired, VersionId=version)
    town.outputs["propagate_deletions"] = False
    said = told(ANNA)
    assert (said["deleted"]["rows"], said["deleted"]["thumbnails"]) == (5, 7)
    assert not any(key.startswith(f"in/users/{ANNA}/") for key in town.rows())
    assert town.bench.row(others)["status"] == "READY"


def test_versions_of_thumbnails_go_that_somebodys_bucket_keeps(town: Town) -> None:
    town.bench.s3.put_bucket_versioning(Bucket=THUMBNAILS, VersioningConfiguration={"Status": "Enabled"})
    settle(town)
    assert any(key.startswith("large/") for key, _ in town.versions(THUMBNAILS))
    told(ANNA)
    assert not town.versions(THUMBNAILS)


def test_what_is_refused_is_told_and_stays_hidden(town: Town, on: Callable[[str, Any], None]) -> None:
    key = key_of_user("in/", ANNA, "locked")
    locked, newest = town.upload(key), town.upload(key, picture("red"))
    refusal = {"Key": key, "VersionId": locked, "Code": "AccessDenied", "Message": "locked"}
    calls = itertools.count()

    def refuse(parsed: dict[str, Any], **_: Any) -> None:
        if next(calls) == 0:
            parsed["Errors"] = [refusal]

    on(f"{_ANSWERED}.s3.DeleteObjects", refuse)
    code, _, complaints = run(ANNA, "--yes")
    assert (code, "1 version cannot be deleted (AccessDenied)" in complaints) == (1, True)
    assert (key, newest) in town.versions(), "or the one below would be the image again"


def test_as_long_as_an_address_is_good_it_is_not_done(town: Town) -> None:
    town.door.asked(ANNA)
    town.now = town.door.aws.now + URL_SECONDS - 1
    said = told(ANNA, code=1)
    assert (said["open_until"], said["deleted"]["asks"]) == ("2027-01-15T08:10:00+00:00", 2)
    assert {what for _, what in town.asks()} == {"once#once"}
    assert "forget them once more after that" in run(ANNA, "--yes")[2]
    town.now += 1
    assert told(ANNA)["open_until"] is None
    assert not town.asks()


# ── who is meant ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("subject", ["auth0|1234", "../../once", ANNA])
def test_users_of_another_issuer_are_found_by_what_they_are_called_here(town: Town, subject: str) -> None:
    town.api |= {"issuer": LOGIN, "user_pool_id": None}
    owner = owner_of(LOGIN, subject, "")
    settle(town, owner)
    settle(town)
    others = of_others(town, f"in/users/{owner}/")
    said = told(subject)
    assert (said["owner"], said["held"]["images"]) == (owner, 4)
    assert (town.versions(), town.versions(THUMBNAILS), town.asks()) == others[:3]


def test_users_of_an_issuer_of_before_are_found(town: Town) -> None:
    settle(town, owner_of(LOGIN, "1234", ""))
    assert told("1234", "--issuer", LOGIN)["held"]["images"] == 4
    assert not town.versions()


def test_a_name_that_no_pool_gives_is_refused(town: Town) -> None:
    settle(town)
    before = town.versions()
    for subject in ("", "anna@example.com", ANNA.upper(), ANNA[:-1]):
        for issuer in ((), ("--issuer", ISSUER)):
            code, _, complaints = run(subject, "--yes", *issuer)
            assert (code, "admin-get-user" in complaints) == (2, True), subject
    assert town.versions() == before


def test_users_can_be_forgotten_when_the_api_is_gone(town: Town) -> None:
    settle(town)
    del town.outputs["api"]
    code, _, complaints = run(ANNA, "--yes")
    assert (code, "--issuer" in complaints) == (2, True)
    assert told(ANNA, "--issuer", ISSUER)["held"]["images"] == 4
    assert not town.versions()


# ── what is left ─────────────────────────────────────────────────────────────────────────────────────


def test_what_is_left_depends_on_what_there_is(town: Town) -> None:
    usual = {each["where"] for each in told(ANNA)["left"]}
    town.outputs |= {
        "publishers": {"events": {}}, "parked_bucket": "photos-parked", "change_stream": {"name": "changes"},
    }  # fmt: skip
    everything = {each["where"] for each in told(ANNA)["left"]}
    assert everything - usual == {
        "photos-parked", "consumers of events", "the change stream and its archive in Parquet",
    }  # fmt: skip
    assert {f"rows of {TABLE}", f"point-in-time copies of {TABLE}"} <= usual


def test_it_says_what_it_did_and_what_is_left(town: Town) -> None:
    settle(town)
    code, out, _ = run(ANNA, "--yes")
    assert code == 0
    for words in ("4 images", f"7 versions and delete markers of in/users/{ANNA}/", "point-in-time", "dead letters"):
        assert words in out
