"""What is tried with an instance, in this order: one check that fails keeps none of the others from running."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from botocore.config import Config
from botocore.exceptions import ClientError
from PIL import Image

from devtools.acceptance.applied import eventually
from devtools.acceptance.findings import Finding, Verdict, require, tried
from devtools.acceptance.people import minutes
from devtools.cameras import revoke_all, wait
from devtools.demo import samples
from devtools.signing_in import fetch
from thumbctl.aws_errors import is_denied
from thumbctl.channels import BORROWED, Tier
from thumbctl.dead_letters import move_tasks
from thumbctl.dead_letters.letters import Fate, Selection, redrive_of
from thumbctl.devices.registry import registry_of
from thumbctl.doctor import checks as doctors
from thumbctl.doctor.checks import CheckOutcome, Evidence
from thumbctl.jobs.account import AccountJobs
from thumbnail_pipeline.jobs.records import JobBounds, JobKind, JobState
from thumbnail_pipeline.outcomes import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from devtools.acceptance.applied import Applied
    from devtools.cameras import Camera
    from thumbnail_pipeline.jobs.records import BulkJob

CDN_IS_OFF: Final = "CloudFront is off: CDN=yes turns it on."

# What AWS takes minutes for: metrics, the evaluation of alarms, files of Firehose, a mapping that is switched.
_MINUTES: Final = 600.0

_ALL: Final = 100  # per cent
_TOKEN_MINUTES: Final = 15  # the module's default of access_token_minutes

# A camera connects, uploads, and is told of it; and one that must not be let in is watched for so long.
_CAMERA_SECONDS, _SILENT_SECONDS = 180.0, 15.0

_GUIDE: Final = "https://docs.aws.amazon.com"
_NO_CLOUDFRONT: Final = "The emulator has distributions, and serves none."


@dataclass(frozen=True)
class Check:
    """Something to try with an instance.

    name      what the report and docs/acceptance.md call it
    rule      AWS's page of what it shows
    run       tries it, and returns what was seen, in a sentence; raises CheckFailed where that is not as it should be
    emulated  why the emulator cannot show it; empty where it can
    cdn       whether it needs CloudFront
    """

    name: str
    rule: str
    run: Callable[[Applied], str]
    emulated: str = ""
    cdn: bool = False


def findings(checks: Iterable[Check], applied: Applied) -> Iterator[Finding]:
    """Run one check after the other, but for those that are not possible where the instance is."""
    for check in checks:
        if check.emulated and applied.place.emulated:
            yield Finding(check.name, Verdict.NOT_HERE, check.emulated, check.rule)
        elif check.cdn and not applied.cdn:
            yield Finding(check.name, Verdict.NOT_HERE, CDN_IS_OFF, check.rule)
        else:
            yield tried(check.name, lambda run=check.run: run(applied), rule=check.rule)  # type: ignore[misc]


# ── images ───────────────────────────────────────────────────────────────────────────────────────────


def _samples(applied: Applied) -> str:
    chosen = samples.built_in()
    result = applied.running_pipeline().process(chosen, applied.out)
    require(not result.problems, "; ".join((*result.problems, *result.last_words)))
    return (
        f"{len(chosen)} samples ended as they should within {result.seconds:.0f} seconds, with {result.thumbnail_count}"
        f" thumbnails, {len(result.events)} events, {len(result.alerts)} alerts and {len(result.traces)} traces."
    )


def _encoded_prefix(applied: Applied) -> str:
    prefix = applied.module["source_prefix"]
    require(quote(prefix, safe="/") != prefix, f"the prefix {prefix} is the same in a URL")
    applied.upload(applied.key("encoded/cat & dog + 1.jpg"), _picture())
    applied.row_when(applied.key("encoded/cat & dog + 1.jpg"), Status.READY)
    neighbours = (prefix.replace(" ", "+"), quote(prefix, safe="/"), prefix.rstrip("/") + " 2/")
    for other in neighbours:
        applied.upload(f"{other}encoded/stranger.jpg", _picture())
    # What came later was decided: so would they have been.
    applied.upload(applied.key("encoded/later.jpg"), _picture())
    applied.row_when(applied.key("encoded/later.jpg"), Status.READY)
    seen = [other for other in neighbours if applied.row(f"{other}encoded/stranger.jpg")]
    require(not seen, f"what lies below {seen} was taken for an upload, and the prefix is {prefix}")
    return f"Of {len(neighbours) + 1} prefixes that are like {prefix!r} in one form or another, that alone is watched."


def _doctor(applied: Applied) -> str:
    seen = Evidence(applied.stack)
    found = {name: check(seen) for name, check in doctors.CHECKS.items()}
    wrong = [f"{name}: {each.says}" for name, each in found.items() if each.outcome is CheckOutcome.FAIL]
    require(not wrong, " ".join(wrong))
    return f"thumbctl doctor finds nothing wrong by {len(found)} checks."


def _drift(applied: Applied) -> str:
    drifted = applied.drifted()
    require(not drifted, f"a second plan would change {', '.join(drifted)}")
    return "A second plan changes nothing."


def _reconciler(applied: Applied) -> str:
    answer = applied.place.client("lambda").invoke(FunctionName=f"{applied.name}-reconciler")
    told = json.loads(answer["Payload"].read())
    require("FunctionError" not in answer, f"the reconciler failed: {told}")
    require(told["completeness"] == _ALL, f"the reconciler finds {told}")
    return f"The reconciler looked at everything, and misses nothing: {told}."


# ── permissions and keys ─────────────────────────────────────────────────────────────────────────────


def _calls(applied: Applied) -> dict[str, Callable[[Any], object]]:
    """What somebody might do with S3, by what it is; each is told a client."""
    uploads, thumbnails = applied.module["source_bucket"], applied.module["thumbnails_bucket"]
    brought, made = applied.key("people/brought.jpg"), _a_thumbnail(applied)
    return {
        "upload": lambda s3: s3.put_object(Bucket=uploads, Key=brought, Body=_picture()),
        "upload beside the prefix": lambda s3: s3.put_object(Bucket=uploads, Key="beside.jpg", Body=_picture()),
        "read an upload": lambda s3: s3.get_object(Bucket=uploads, Key=brought),
        "delete an upload": lambda s3: s3.delete_object(Bucket=uploads, Key=brought),
        "list uploads": lambda s3: s3.list_objects_v2(Bucket=uploads),
        "read a thumbnail": lambda s3: s3.get_object(Bucket=thumbnails, Key=made)["Body"].read(),
        "write a thumbnail": lambda s3: s3.put_object(Bucket=thumbnails, Key=made, Body=b""),
        "list thumbnails": lambda s3: s3.list_objects_v2(Bucket=thumbnails),
    }


def _may(name: str, *allowed: str) -> Callable[[Applied], str]:
    """A check that somebody with a role of the instance may do this, and nothing else."""

    def run(applied: Applied) -> str:
        s3, calls = applied.as_role(name)("s3"), _calls(applied)
        for what in allowed:
            # A role that is new, and what a bucket says of it, takes a while to be known everywhere.
            eventually(f"{name} may {what}", lambda what=what: not _refused(calls[what], s3))  # type: ignore[misc]
        done = [what for what, call in calls.items() if what not in allowed and not _refused(call, s3)]
        require(not done, f"{name} may {', '.join(done)}")
        return (
            f"Whoever is {name} may {' and '.join(allowed)}, and was refused {len(calls) - len(allowed)} other calls."
        )

    return run


def _stranger(applied: Applied) -> str:
    told, client = applied.module, applied.as_role("stranger")
    account, region = applied.place.account, applied.place.region
    role = f"arn:{told['queue_arn'].split(':')[1]}:iam::{account}:role/{told['function_role_name']}"
    calls: dict[str, Callable[[], object]] = {
        **{what: lambda call=call: call(client("s3")) for what, call in _calls(applied).items()},  # type: ignore[misc]
        "send a message": lambda: client("sqs").send_message(QueueUrl=told["queue_url"], MessageBody="{}"),
        "receive a dead letter": lambda: client("sqs").receive_message(QueueUrl=told["dlq_url"], WaitTimeSeconds=0),
        "publish an alarm": lambda: client("sns").publish(TopicArn=told["topic_arns"]["critical"], Message="m"),
        "read a row": lambda: client("dynamodb").scan(TableName=told["table_name"], Limit=1),
        "announce an event": lambda: client("events").put_events(
            Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": told["event_bus_arn"]}]
        ),
        "invoke the function": lambda: client("lambda").invoke(FunctionName=told["function_name"]),
        "be the function": lambda: client("sts").assume_role(RoleArn=role, RoleSessionName="stranger"),
    }
    done = [what for what, call in calls.items() if not _refused(lambda _, call=call: call(), None)]  # type: ignore[misc]
    require(not done, f"somebody without any permission may {', '.join(done)}, in {region} of account {account}")
    return f"Somebody of the account without any permission was refused {len(calls)} calls."


def _anonymous(applied: Applied) -> str:
    bucket, made = applied.module["thumbnails_bucket"], _a_thumbnail(applied)
    origin = applied.place.endpoint_url or f"https://s3.{applied.place.region}.amazonaws.com"
    told = fetch("GET", f"{origin}/{bucket}/{quote(made)}")
    require(told.status == HTTPStatus.FORBIDDEN, f"S3 answered {told.status} to somebody who did not say who they are")
    return "S3 answers 403 to somebody who does not say who they are."


def _without_tls(applied: Applied) -> str:
    plain = applied.place.client("s3", Config(s3={"addressing_style": "path"}))
    plain.meta.events.register("before-send.s3", _over_http)
    calls = _calls(applied)
    done = [what for what in ("upload", "read a thumbnail", "list uploads") if not _refused(calls[what], plain)]
    require(not done, f"without TLS, one may {', '.join(done)}")
    return "Without TLS, S3 refuses whoever may do everything otherwise."


def _over_http(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own, without a type
    request.url = request.url.replace("https://", "http://", 1)


def _encrypted(applied: Applied) -> str:
    told, key = applied.module, applied.module["kms_key_arn"]
    applied.upload(applied.key("kms/cat.jpg"), _picture())
    row = applied.row_when(applied.key("kms/cat.jpg"), Status.READY)
    made = row.attributes["renditions"][0]["key"]
    heads = {
        "an upload": applied.s3.head_object(Bucket=told["source_bucket"], Key=applied.key("kms/cat.jpg")),
        "a thumbnail": applied.s3.head_object(Bucket=told["thumbnails_bucket"], Key=made),
    }
    for what, head in heads.items():
        found = (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId"))
        require(found == ("aws:kms", key), f"{what} is encrypted with {found}, not with {key}")
    for bucket in ("source_bucket", "thumbnails_bucket"):
        (rule,) = applied.s3.get_bucket_encryption(Bucket=told[bucket])["ServerSideEncryptionConfiguration"]["Rules"]
        require(rule.get("BucketKeyEnabled"), f"the {bucket} has no bucket key, so that each request costs one of KMS")
    sqs, sns, dynamodb = (applied.place.client(service) for service in ("sqs", "sns", "dynamodb"))
    keys = {
        name: sqs.get_queue_attributes(QueueUrl=told[name], AttributeNames=["All"])["Attributes"].get("KmsMasterKeyId")
        for name in ("queue_url", "backfill_queue_url", "dlq_url")
    }
    keys |= {
        f"the topic {tier}": sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("KmsMasterKeyId")
        for tier, arn in told["topic_arns"].items()
    }
    table = dynamodb.describe_table(TableName=told["table_name"])["Table"].get("SSEDescription", {})
    keys["the catalog"] = table.get("KMSMasterKeyArn")
    others = {what: found for what, found in keys.items() if not found or found.split("/")[-1] != key.split("/")[-1]}
    require(not others, f"encrypted with another key, or none: {others}")
    return f"Two objects, {len(keys) - 1} queues and topics and the catalog are encrypted with the instance's key."


def _keyless(applied: Applied) -> str:
    made, s3 = _a_thumbnail(applied), applied.as_role("keyless")("s3")
    bucket = applied.module["thumbnails_bucket"]
    # The metadata need no key: with them, what refuses the bytes is the key alone.
    eventually("the role may read", lambda: not _refused(lambda s3: s3.head_object(Bucket=bucket, Key=made), s3))
    refused = _refused(lambda s3: s3.get_object(Bucket=bucket, Key=made), s3)
    require(refused, "who may read a thumbnail and has no right to its key reads it all the same")
    return f"Who may read thumbnails and has no right to the key is refused: {refused}."


# ── what people hear ─────────────────────────────────────────────────────────────────────────────────


def _alarms(applied: Applied) -> str:
    cloudwatch = applied.place.client("cloudwatch")
    every = [name for names in applied.module["alarm_names"].values() for name in names]
    borrowed = [next(name for name in every if name.endswith(BORROWED[tier])) for tier in (Tier.WARNING, Tier.CRITICAL)]
    for alarm, state in itertools.product(borrowed, ("ALARM", "OK")):
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="acceptance")
        applied.alert(f"{state} {alarm}:")
    return f"The subscriber hears that {' and '.join(borrowed)} go off, and that it is over."


def _metrics(applied: Applied) -> str:
    cloudwatch = applied.place.client("cloudwatch")

    def told() -> list[Any]:
        found: list[Any] = cloudwatch.list_metrics(Namespace="ThumbnailPipeline", MetricName="Ready")["Metrics"]
        function = applied.module["function_name"]
        return [each for each in found if {"Name": "Function", "Value": function} in each["Dimensions"]]

    eventually("the metric Ready is there", told, within=_MINUTES)
    return "CloudWatch makes metrics of the function's log."


def _dead_letter(applied: Applied) -> str:
    """Nothing that takes longer than SQS does: with nobody to take a message, it is looked at too often."""
    functions, sqs, told = applied.place.client("lambda"), applied.place.client("sqs"), applied.module
    mapping = told["event_source_mapping_uuid"]

    def switch(*, on: bool) -> None:
        functions.update_event_source_mapping(UUID=mapping, Enabled=on)
        wanted = "Enabled" if on else "Disabled"
        eventually(
            f"the mapping is {wanted}",
            lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == wanted,
            within=_MINUTES,
        )

    switch(on=False)
    try:
        for name in _LETTERS:
            applied.upload(applied.key(name), _picture())
        look = {"QueueUrl": told["queue_url"], "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "WaitTimeSeconds": 1}

        def given_up() -> bool:
            sqs.receive_message(**look)
            return applied.backlog("dlq_url") == len(_LETTERS)

        eventually("messages that nobody works on are dead letters", given_up, within=_MINUTES)
    finally:
        switch(on=True)
    return f"{len(_LETTERS)} messages that were received too often are dead letters."


# One is sent back by thumbctl, the other by SQS itself.
_LETTERS: Final = ("letters/by-thumbctl.jpg", "letters/by-sqs.jpg")


def _alarm_by_itself(applied: Applied) -> str:
    alarm = next(
        name for names in applied.module["alarm_names"].values() for name in names if name.endswith("-dead-letters")
    )
    applied.alert(f"ALARM {alarm}:", within=_MINUTES)
    return f"{alarm} went off by itself, and the subscriber heard it."


def _redrive(applied: Applied) -> str:
    key = applied.key(_LETTERS[0])
    fates = [fate for _, fate in redrive_of(applied.stack, Selection(keys=[key]), again=False)]
    require(fates == [Fate.MOVED], f"of one dead letter, thumbctl says {[str(fate) for fate in fates]}")
    applied.row_when(key, Status.READY)
    return "thumbctl sent one dead letter back, and its image is READY."


def _move_task(applied: Applied) -> str:
    sqs, arn = applied.place.client("sqs"), applied.module["dlq_arn"]
    require(move_tasks.start(sqs, arn, move_tasks.MOST_A_SECOND), "SQS knows no tasks that move messages")
    applied.row_when(applied.key(_LETTERS[1]), Status.READY)
    eventually("no dead letter is left", lambda: applied.backlog("dlq_url") == 0)
    return "SQS moved the other dead letter itself, and its image is READY."


def _events(applied: Applied) -> str:
    key = applied.key("events/cat.jpg")
    applied.upload(key, _picture())
    ready = applied.event(key, "Image Ready")
    applied.s3.delete_object(Bucket=applied.module["source_bucket"], Key=key)
    gone = applied.event(key, "Image Deleted")
    require(gone.sequence > ready.sequence, f"the later event has the sequence {gone.sequence}, and not a later one")
    return "The consumer hears that an image is ready and, by a later sequence, that it is gone."


def _archive(applied: Applied) -> str:
    bucket = applied.module["archive"]["bucket_name"]

    def stored() -> list[Any]:
        return list(applied.s3.list_objects_v2(Bucket=bucket, Prefix="events/").get("Contents", ()))

    files = eventually("Firehose has stored a file", stored, within=_MINUTES)
    failed = applied.s3.list_objects_v2(Bucket=bucket, Prefix="failed/").get("Contents", ())
    require(not failed, f"Firehose could not convert {len(failed)} files: see below failed/ of {bucket}")
    return f"Firehose has made Parquet of the change stream: {files[0]['Key']}."


def _job(applied: Applied) -> str:
    jobs = AccountJobs(applied.stack)
    job = jobs.begin(jobs.asked(JobKind.BACKFILL, applied.module["source_prefix"]), JobBounds())

    def ended() -> BulkJob | None:
        seen = jobs.find(job.id)
        return seen if seen.state in {JobState.DONE, JobState.STOPPED} else None

    found = eventually(f"the job {job.id} is over, or was stopped", ended, within=_MINUTES)
    require(found.state is JobState.DONE, f"the job {job.id} was stopped: {found.why}")
    require(found.examined, f"the job {job.id} is done, and has looked at nothing")
    return f"A backfill in the account looked at {found.examined} objects: {dict(found.counts)}."


# ── the API ──────────────────────────────────────────────────────────────────────────────────────────


def _sign_in(applied: Applied) -> str:
    require(applied.anna.access != applied.bert.access, "two users got one token")
    good_for = minutes(applied.anna.access)
    require(good_for == _TOKEN_MINUTES, f"an access token is good for {good_for:g} minutes")
    return f"Two users signed in at the pool, by a code with PKCE, for {_TOKEN_MINUTES} minutes."


def _tokens(applied: Applied) -> str:
    header, claims, signature = applied.anna.access.split(".")
    forged = f"{header}.{claims}.{signature[::-1]}"
    wanted = {"no token": (None, 401), "a forged token": (forged, 401), "an ID token": (applied.anna.id, 403)}
    for what, (token, status) in wanted.items():
        told = applied.door.send("GET", "/v1/images", token)
        require(told.status == status, f"the gateway answered {told.status} to {what}, not {status}")
    return "The gateway answers 401 without a token and to a forged one, and 403 to an ID token, which has no scope."


def _signed_upload(applied: Applied) -> str:
    door, body = applied.door, _picture()
    granted = door.ask(applied.anna, body)
    url, headers = granted["upload"]["url"], dict(granted["upload"]["headers"])
    # What it was not signed for comes before, since an address is good once.
    named = {name.lower(): name for name in headers}
    otherwise = {
        "another type": fetch("PUT", url, headers={**headers, named["content-type"]: "text/html"}, body=body),
        "more bytes": fetch("PUT", url, headers=_sized(headers, body + b"1"), body=body + b"1"),
        "a header of S3's own": fetch("PUT", url, headers={**headers, "x-amz-tagging": "scan=clean"}, body=body),
        "a reader": fetch("GET", url),
    }
    for what, told in otherwise.items():
        require(
            told.status == HTTPStatus.FORBIDDEN,
            f"S3 answered {told.status} to {what}, by an address that was signed for something else",
        )
    told = fetch("PUT", url, headers=headers, body=body)
    require(
        told.status == HTTPStatus.OK, f"S3 answered {told.status} to an upload by a signed address: {told.body[:300]!r}"
    )
    again = fetch("PUT", url, headers=headers, body=body)
    require(
        again.status == HTTPStatus.PRECONDITION_FAILED,
        f"S3 answered {again.status} to the same upload once more, not 412",
    )
    shown = door.decided(applied.anna, granted["id"])
    require(shown["status"] == "READY", f"the image of a user is {shown['status']}")
    thumbnail = fetch("GET", shown["renditions"][0]["url"])
    require(thumbnail.status == HTTPStatus.OK, f"S3 answered {thumbnail.status} to the address of a thumbnail")
    return "An address is good for what was signed, and once; its image is READY, and the thumbnail is handed out."


def _sized(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    return {name: str(len(body)) if name.lower() == "content-length" else value for name, value in headers.items()}


def _others_images(applied: Applied) -> str:
    door = applied.door
    image = door.ask(applied.anna, _picture())["id"]
    told = door.send("GET", f"/v1/images/{image}", applied.bert.access)
    require(
        told.status == HTTPStatus.NOT_FOUND, f"the API answered {told.status} to somebody who asks for another's image"
    )
    listed = door.send("GET", "/v1/images", applied.bert.access).document["images"]
    require(not listed, f"a user who uploaded nothing has {len(listed)} images")
    return "Another's image is answered like one that never was, and is not listed."


def _deletion(applied: Applied) -> str:
    door, body = applied.door, _picture()
    granted = door.ask(applied.bert, body)
    fetch("PUT", granted["upload"]["url"], headers=granted["upload"]["headers"], body=body)
    door.decided(applied.bert, granted["id"])
    told = door.send("DELETE", f"/v1/images/{granted['id']}", applied.bert.access)
    require(told.status == HTTPStatus.ACCEPTED, f"the API answered {told.status} to a deletion")
    eventually("the image is gone", lambda: door.show(applied.bert, granted["id"]).status == HTTPStatus.GONE)
    return "A user's image is gone when they have deleted it."


def _access_log(applied: Applied) -> str:
    logs, group = applied.place.client("logs"), applied.module["api"]["access_log_group_name"]
    eventually(
        "requests are in the log",
        lambda: logs.filter_log_events(logGroupName=group, limit=1)["events"],
        within=_MINUTES,
    )
    return "The gateway writes its log of requests."


def _api_throttle(applied: Applied) -> str:
    """Whatever a stage is told, the module's defaults let a hundred through at once."""
    statuses = [applied.door.send("GET", "/v1/images", applied.anna.access).status for _ in range(20)]
    require(set(statuses) == {200}, f"of 20 requests in a row, {statuses.count(429)} were told to wait: {statuses}")
    return "Twenty requests in a row are let through."


# ── devices ──────────────────────────────────────────────────────────────────────────────────────────


def _device(applied: Applied) -> str:
    camera, other = applied.cameras
    told = _told(camera, {"small.jpg": _picture(), "large.jpg": _noise()}, within=_CAMERA_SECONDS)
    require(
        sorted(told) == ["large.jpg READY", "small.jpg READY"],
        f"{camera.name} was told {told} of a small and a large picture",
    )
    told = _told(other, {"own.jpg": _picture()}, within=_CAMERA_SECONDS)
    require(told == ["own.jpg READY"], f"{other.name} was told {told} of its picture")
    return "Two devices uploaded pictures, in a message and by an address, and were told that each is READY."


def _other_device(applied: Applied) -> str:
    camera, other = applied.cameras
    told = _told(camera.calling_itself(other.name), {"lie.jpg": _picture()}, within=_SILENT_SECONDS)
    require(not told, f"{camera.name} was let in as {other.name}, and told {told}")
    return f"Nobody answers a device that calls itself {other.name} with the certificate of another."


def _revoked_device(applied: Applied) -> str:
    camera, _ = applied.cameras
    revoke_all(applied.stack)
    told = _told(camera, {"late.jpg": _picture()}, within=_SILENT_SECONDS)
    require(not told, f"a device that is revoked was told {told}")
    left = [thing.name for thing in registry_of(applied.stack).things()]
    require(not left, f"revoked devices are still in the registry: {left}")
    return "Devices that are revoked are let in no more, and nothing is left of them in the registry."


def _told(camera: Camera, pictures: Mapping[str, bytes], *, within: float) -> list[str]:
    with camera.uploading(pictures) as process:
        wait(process, seconds=within)
    return camera.told()


# ── CloudFront ───────────────────────────────────────────────────────────────────────────────────────


def _distribution(applied: Applied) -> str:
    origin, made = f"https://{applied.module['distribution']['domain_name']}", _a_thumbnail(applied)
    told = fetch("GET", f"{origin}/{quote(made)}")
    require(told.status == HTTPStatus.OK, f"CloudFront answered {told.status} to the address of a thumbnail")
    require(told.headers.get("x-content-type-options") == "nosniff", "CloudFront sends no nosniff")
    image = applied.door.ask(applied.anna, _picture())["id"]
    theirs = fetch("GET", f"{origin}/{quote(made.split('/')[0])}/{quote(applied.module['users_prefix'])}{image}")
    require(theirs.status == HTTPStatus.FORBIDDEN, f"CloudFront answered {theirs.status} to an address below users/")
    return "CloudFront serves a thumbnail, and nothing of users."


def _page(applied: Applied) -> str:
    told = fetch("GET", applied.module["api"]["page"]["url"])
    require(told.status == HTTPStatus.OK, f"CloudFront answered {told.status} to the page")
    require("default-src" in told.headers.get("content-security-policy", ""), "the page has no policy")
    refused = fetch("GET", f"{applied.module['api']['page']['url'].rstrip('/')}/v1/images")
    require(
        refused.status == HTTPStatus.UNAUTHORIZED,
        f"the API answered {refused.status} below the page's name, without a token",
    )
    return "CloudFront serves the page with its policy, and the API below the same name."


def _picture() -> bytes:
    encoded = BytesIO()
    Image.radial_gradient("L").convert("RGB").save(encoded, "JPEG")
    return encoded.getvalue()


def _noise() -> bytes:
    """A picture that is too large for a message."""
    encoded = BytesIO()
    Image.effect_noise((640, 480), 100).save(encoded, "JPEG", quality=95)
    return encoded.getvalue()


def _a_thumbnail(applied: Applied) -> str:
    """The key of a thumbnail, of an image that is uploaded where it is not there yet."""
    key = applied.key("people/cat.jpg")
    if applied.row(key) is None:
        applied.upload(key, _picture())
    return str(applied.row_when(key, Status.READY).attributes["renditions"][0]["key"])


def _refused(call: Callable[[Any], object], client: Any) -> str:  # noqa: ANN401 - boto3's own
    """Why a call was denied; empty where it was not."""
    try:
        call(client)
    except ClientError as error:
        if not is_denied(error):
            raise
        return str(error)
    return ""


CHECKS: Final = (
    Check("samples", f"{_GUIDE}/lambda/latest/dg/services-sqs-errorhandling.html", _samples),
    Check("encoded prefix", f"{_GUIDE}/AmazonS3/latest/userguide/notification-how-to-filtering.html", _encoded_prefix),
    Check("doctor", f"{_GUIDE}/lambda/latest/dg/configuration-concurrency.html", _doctor),
    Check(
        "no drift",
        "https://developer.hashicorp.com/terraform/tutorials/state/resource-drift",
        _drift,
        emulated="The emulator forgets some of an alarm, so that a second plan makes it anew.",
    ),
    Check("reconciler", f"{_GUIDE}/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html", _reconciler),
    Check(
        "uploader",
        f"{_GUIDE}/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions",
        _may("uploader", "upload"),
    ),
    Check("reader", f"{_GUIDE}/AmazonS3/latest/userguide/UsingKMSEncryption.html", _may("reader", "read a thumbnail")),
    Check("stranger", f"{_GUIDE}/IAM/latest/UserGuide/reference_policies_evaluation-logic.html", _stranger),
    Check("anonymous", f"{_GUIDE}/AmazonS3/latest/userguide/access-control-block-public-access.html", _anonymous),
    Check(
        "without TLS",
        f"{_GUIDE}/AmazonS3/latest/userguide/security-best-practices.html",
        _without_tls,
        emulated="The emulator speaks HTTP alone, so that the instance lets loopback addresses come without TLS.",
    ),
    Check("encrypted", f"{_GUIDE}/AmazonS3/latest/userguide/bucket-key.html", _encrypted),
    Check(
        "key needed",
        f"{_GUIDE}/AmazonS3/latest/userguide/UsingKMSEncryption.html",
        _keyless,
        emulated="The emulator asks nobody for the key.",
    ),
    Check(
        "alarms",
        f"{_GUIDE}/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services",
        _alarms,
    ),
    Check(
        "metrics",
        f"{_GUIDE}/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html",
        _metrics,
        emulated="The emulator makes no metrics of logs.",
    ),
    Check(
        "dead letter",
        f"{_GUIDE}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        _dead_letter,
    ),
    Check(
        "alarm by itself",
        f"{_GUIDE}/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html",
        _alarm_by_itself,
        emulated="The emulator evaluates no alarms; a process beside it does, in 'make up'.",
    ),
    Check("redrive", f"{_GUIDE}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html", _redrive),
    Check(
        "move task",
        f"{_GUIDE}/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html",
        _move_task,
        emulated="The emulator has no tasks that move messages.",
    ),
    Check("events", f"{_GUIDE}/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html", _events),
    Check(
        "archive",
        f"{_GUIDE}/firehose/latest/dev/record-format-conversion.html",
        _archive,
        emulated="The emulator is told to leave the change stream out: it does not make Parquet of one.",
    ),
    Check("job", f"{_GUIDE}/lambda/latest/dg/services-sqs-errorhandling.html", _job),
    Check("sign-in", f"{_GUIDE}/cognito/latest/developerguide/login-endpoint.html", _sign_in),
    Check("tokens", f"{_GUIDE}/apigateway/latest/developerguide/http-api-jwt-authorizer.html", _tokens),
    Check("signed upload", f"{_GUIDE}/AmazonS3/latest/API/sigv4-query-string-auth.html", _signed_upload),
    Check("others' images", f"{_GUIDE}/apigateway/latest/developerguide/http-api-jwt-authorizer.html", _others_images),
    Check("deletion", f"{_GUIDE}/AmazonS3/latest/userguide/DeleteMarker.html", _deletion),
    Check(
        "throttle",
        "https://github.com/hashicorp/terraform-provider-aws/issues/43307",
        _api_throttle,
        emulated="The emulator throttles no stage.",
    ),
    Check(
        "log of requests",
        f"{_GUIDE}/AmazonCloudWatch/latest/logs/AWS-vended-logs-permissions.html",
        _access_log,
        emulated="The emulator writes no log of requests.",
    ),
    Check("device", f"{_GUIDE}/iot/latest/developerguide/iot-rule-actions.html", _device),
    Check("other device", f"{_GUIDE}/iot/latest/developerguide/thing-policy-variables.html", _other_device),
    Check("revoked device", f"{_GUIDE}/iot/latest/apireference/API_UpdateCertificate.html", _revoked_device),
    Check(
        "distribution",
        f"{_GUIDE}/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html",
        _distribution,
        emulated=_NO_CLOUDFRONT,
        cdn=True,
    ),
    Check(
        "page",
        f"{_GUIDE}/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html",
        _page,
        emulated=_NO_CLOUDFRONT,
        cdn=True,
    ),
)
"""All of them. docs/acceptance.md has the rules that each settles."""
