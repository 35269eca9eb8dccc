"""What holds of every resource of the module, however many there are and whatever they are called.

`terraform test -json -verbose` prints what its runs made of a mocked provider, with the provider's own schemas. A rule
that is looked up by kind holds of resources that are yet to be written; each first makes sure that it finds any.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

import hcl2
import pytest
from hcl2.utils import SerializationOptions

from devtools.localaws.stack import REPOSITORY
from thumbctl.defaults import DEFAULT
from thumbnail_pipeline import settings
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from terraform.conftest import Deployed, Resource

MODULE = REPOSITORY / "terraform"
TAGS = {"team": "photos"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
QUEUES = "arn:aws:sqs:eu-central-1:123456789012:thumbs-"
_PLAIN_VALUES = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)


# Queues


def test_a_message_stays_away_for_as_long_as_the_function_may_be_busy_with_it(deployment: Deployed) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    mappings = [
        mapping
        for mapping in deployment.of("aws_lambda_event_source_mapping")
        if ":sqs:" in mapping.values["event_source_arn"]
    ]
    assert {mapping.values["event_source_arn"] for mapping in mappings} == {f"{QUEUES}work", f"{QUEUES}backfill"}
    for mapping in mappings:
        queue = deployment.one("aws_sqs_queue", "arn", mapping.values["event_source_arn"]).values
        arn = re.sub(r":\d+$", "", mapping.values["function_name"])
        timeout = deployment.one("aws_lambda_function", "arn", arn).values["timeout"]
        window = mapping.values["maximum_batching_window_in_seconds"]
        assert (timeout, window) == (70, 7)
        assert queue["visibility_timeout_seconds"] >= 6 * timeout + window


def test_dead_letters_outlive_the_queues_that_they_come_from(deployment: Deployed) -> None:
    for source, dead_letters in redriven(deployment):
        assert dead_letters.values["message_retention_seconds"] > source.values["message_retention_seconds"]


def test_the_dead_letter_queue_takes_from_those_that_send_to_it_and_from_no_other(deployment: Deployed) -> None:
    for _, dead_letters in redriven(deployment):
        allowed = dead_letters.document("redrive_allow_policy")
        assert allowed["redrivePermission"] == "byQueue"
        assert sorted(allowed["sourceQueueArns"]) == sorted(source.values["arn"] for source, _ in redriven(deployment))


def test_what_a_stream_feeds_is_tried_for_less_than_the_stream_remembers(runs: dict[str, Deployed]) -> None:
    """By default it is tried for as long, and then forgotten: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""
    streams = [
        mapping.values
        for run in ("everything", "what_was_there_before")
        for mapping in runs[run].of("aws_lambda_event_source_mapping")
        if "/stream/" in mapping.values["event_source_arn"]
    ]
    assert len(streams) == 4
    for mapping in streams:
        assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
        assert mapping["bisect_batch_on_function_error"] is True
        assert 1 <= mapping["maximum_retry_attempts"] <= 1000
        assert 3600 <= mapping["maximum_record_age_in_seconds"] <= 18 * 3600
        # A queue or a topic would be told where the records were, and not what they are.
        ((parked,),) = (each["on_failure"] for each in mapping["destination_config"])
        assert parked["destination_arn"] == "arn:aws:s3:::thumbs-parked-123456789012-eu-central-1"


def redriven(made: Deployed) -> list[tuple[Resource, Resource]]:
    """The queues that give up on messages, with the one dead-letter queue of all of them."""
    pairs = [
        (queue, made.one("aws_sqs_queue", "arn", redrive["deadLetterTargetArn"]))
        for queue in made.of("aws_sqs_queue")
        if (redrive := queue.document("redrive_policy"))
    ]
    assert {source.values["name"] for source, _ in pairs} == {"thumbs-work", "thumbs-backfill"}
    assert {dead_letters.values["name"] for _, dead_letters in pairs} == {"thumbs-dead-letters"}
    return pairs


# Alarms


def test_every_alarm_reaches_people(made: Deployed) -> None:
    """Alarm → action → topic → the topic's policy → the key's policy."""
    topics = {topic.values["arn"]: topic for topic in made.of("aws_sns_topic")}
    alarms = made.of("aws_cloudwatch_metric_alarm") + made.of("aws_cloudwatch_composite_alarm")
    assert len(alarms) >= 18
    told = set()
    for alarm in alarms:
        assert alarm.values["actions_enabled"] is not False, alarm.address
        for moment in ("alarm_actions", "ok_actions"):
            assert alarm.values[moment], f"{alarm.address} tells nobody"
            told.update(alarm.values[moment])
    assert told <= set(topics)
    for arn in told:
        assert lets(topics[arn], "cloudwatch.amazonaws.com", "sns:Publish")
        assert topics[arn].values["kms_master_key_id"] == KEY
    (policy,) = made.of("aws_kms_key_policy")
    assert lets(policy, "cloudwatch.amazonaws.com", "kms:GenerateDataKey*")
    assert lets(policy, "cloudwatch.amazonaws.com", "kms:Decrypt")


def lets(resource: Resource, service: str, action: str) -> bool:
    """Whether a resource's policy allows a service an action."""
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": service}
        and action in listed(statement["Action"])
        for statement in resource.statements()
    )


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# Order


@pytest.mark.parametrize(
    ("waits", "for_what"),
    [
        # S3 sends a test message at once, and refuses the configuration when the queue or its key turns it away.
        ("module.ingest.aws_s3_bucket_notification.uploads", "module.ingest.aws_sqs_queue.work"),
        ("module.ingest.aws_s3_bucket_notification.uploads", "module.encryption.aws_kms_key_policy.this"),
        ("module.ingest.aws_cloudwatch_event_target.work", "module.ingest.aws_sqs_queue.work"),
        ("module.ingest.aws_cloudwatch_event_target.work", "module.encryption.aws_kms_key_policy.this"),
        # CloudWatch Logs refuses a group whose key it may not use.
        (
            "module.thumbnailer.module.function.aws_cloudwatch_log_group.this",
            "module.encryption.aws_kms_key_policy.this",
        ),
        (
            "module.reconciler.module.function.aws_cloudwatch_log_group.this",
            "module.encryption.aws_kms_key_policy.this",
        ),
        # EventBridge refuses a bus whose key it may not use.
        ("aws_cloudwatch_event_bus.this", "module.encryption.aws_kms_key_policy.this"),
        # What is announced before there is a bus would be tried until it is parked.
        ("module.publisher.aws_lambda_event_source_mapping.stream", "aws_cloudwatch_event_bus.this"),
        # Lambda refuses a mapping unless the role may read the stream and write to the bucket.
        (
            "module.publisher.aws_lambda_event_source_mapping.stream",
            "module.publisher.module.function.aws_iam_role_policy.capability",
        ),
        # What the API's key must let in; and a client may not ask for scopes that are not there yet.
        ("module.api.aws_cloudwatch_log_group.access", "module.encryption.aws_kms_key_policy.this"),
        ("module.sign_in.aws_cognito_user_pool_client.this", "module.sign_in.aws_cognito_resource_server.this"),
        # The first requests of devices would be refused, and so would a hook that may not be invoked.
        ("module.devices.aws_iot_topic_rule.requests", "module.devices.aws_lambda_permission.rule"),
        ("module.devices.aws_iot_provisioning_template.this", "module.devices.aws_lambda_permission.hook"),
        # What cannot be told must find its way into the queue of errors.
        (
            "module.devices.aws_lambda_function_event_invoke_config.asks",
            "module.devices.module.asks.aws_iam_role_policy.capability",
        ),
        ("module.devices.aws_cloudwatch_event_target.status", "module.encryption.aws_kms_key_policy.this"),
        ("module.devices.aws_cloudwatch_event_rule.status", "aws_cloudwatch_event_bus.this"),
        # Lambda would make the group itself, without a key and for ever.
        (
            "module.thumbnailer.module.function.aws_lambda_function.this",
            "module.thumbnailer.module.function.aws_cloudwatch_log_group.this",
        ),
        (
            "module.reconciler.module.function.aws_lambda_function.this",
            "module.reconciler.module.function.aws_cloudwatch_log_group.this",
        ),
        # Lambda refuses a mapping unless the role may read the queue.
        (
            "module.thumbnailer.aws_lambda_event_source_mapping.queue",
            "module.thumbnailer.module.function.aws_iam_role_policy.capability",
        ),
        # A schedule that begins before the function may do anything begins with a failure.
        (
            "module.reconciler.module.schedule.aws_scheduler_schedule.this",
            "module.reconciler.module.function.aws_iam_role_policy.capability",
        ),
    ],
)
def test_what_has_to_be_there_first_is(dependencies: dict[str, set[str]], waits: str, for_what: str) -> None:
    assert for_what in dependencies[waits]


@pytest.fixture(scope="session")
def dependencies(graph: str) -> dict[str, set[str]]:
    """What each resource waits for, directly or not."""
    direct: dict[str, set[str]] = {}
    for waits, for_what in re.findall(r'^\s*"(.+)" -> "(.+)";$', graph, re.MULTILINE):
        direct.setdefault(waits, set()).add(for_what)

    def beyond(resource: str) -> set[str]:
        return direct.get(resource, set()).union(*map(beyond, direct.get(resource, set())))

    return {resource: beyond(resource) for resource in direct}


# The front door


def test_without_a_front_door_there_is_nothing_of_it(runs: dict[str, Deployed]) -> None:
    """Nor of its price: no API, no users, no table of asks, and no way into the uploads bucket for a browser."""
    plain = runs["nothing_but_what_is_required"].resources
    kinds = ("aws_apigatewayv2_", "aws_cognito_", "aws_s3_bucket_cors_configuration", "aws_lambda_permission")
    assert [resource.address for resource in plain if resource.type.startswith(kinds)] == []
    assert [resource.address for resource in plain if "thumbs-api" in json.dumps(resource.values)] == []
    assert [resource.address for resource in plain if "users/" in json.dumps(resource.values)] == []
    everything = {resource.type for resource in runs["everything"].resources}
    assert {"aws_apigatewayv2_route", "aws_cognito_user_pool", "aws_lambda_permission"} <= everything


# The door for devices


def test_without_a_door_for_devices_there_is_nothing_of_it(runs: dict[str, Deployed]) -> None:
    plain = runs["nothing_but_what_is_required"].resources
    assert [resource.address for resource in plain if resource.type.startswith("aws_iot_")] == []
    assert [resource.address for resource in plain if "thumbs-device" in json.dumps(resource.values)] == []
    assert [resource.address for resource in plain if "things/" in json.dumps(resource.values)] == []
    everything = {resource.type for resource in runs["everything"].resources}
    assert {"aws_iot_topic_rule", "aws_iot_provisioning_template", "aws_iot_role_alias"} <= everything


def test_every_topic_rule_has_an_error_action_that_ends_in_an_alarm(runs: dict[str, Deployed]) -> None:
    """Rule → error action → queue → alarm; the role may send there, and only AWS IoT for that rule is the role."""
    deployed = runs["everything"]
    for rule in deployed.of("aws_iot_topic_rule"):
        ((action,),) = (each["sqs"] for each in rule.values["error_action"])
        queue = deployed.one("aws_sqs_queue", "url", action["queue_url"])
        watched = json.dumps([alarm.values["metric_query"] for alarm in deployed.of("aws_cloudwatch_metric_alarm")])
        assert f'"QueueName": "{queue.values["name"]}"' in watched
        role = next(each for each in deployed.of("aws_iam_role") if each.address.endswith("aws_iam_role.rule"))
        (trusted,) = role.statements()
        assert trusted["Principal"] == {"Service": "iot.amazonaws.com"}
        assert trusted["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(f":rule/{rule.values['name']}")
        policy = next(each for each in deployed.of("aws_iam_role_policy") if each.address.endswith("policy.rule"))
        assert ["sqs:SendMessage"] in [statement["Action"] for statement in policy.statements()]


# What comes out never goes in again


def test_nothing_is_written_to_what_is_watched(deployment: Deployed) -> None:
    """But by whoever holds an address that a door signed, or is a device, who may put under keys of their own."""
    watched = {
        resource.values["bucket"] for resource in deployment.resources if resource.type == "aws_s3_bucket_notification"
    }.union(
        *(
            resource.document("event_pattern")["detail"]["bucket"]["name"]
            for resource in deployment.resources
            if resource.type == "aws_cloudwatch_event_rule" and "bucket" in resource.document("event_pattern")["detail"]
        )
    )
    written = {
        resource.partition("/")[0].removeprefix("arn:aws:s3:::")
        for policy in deployment.of("aws_iam_role_policy")
        for statement in policy.statements()
        if policy.values["name"] not in {"sign-uploads", "put-uploads", "put-own"}
        if {"s3:PutObject", "s3:Put*", "s3:*", "*"} & set(listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }
    further = [name for name in written if name.startswith(("thumbs-parked-", "thumbs-archive-"))]
    assert (len(watched), len(written) - len(further)) == (1, 1)
    assert [name for name in (*watched, *written) if not re.fullmatch(r"[a-z0-9-]+", name)] == []
    assert not watched & written


# Whose it is


def test_all_that_can_be_tagged_is(deployment: Deployed) -> None:
    untagged = [
        resource.address
        for resource in deployment.resources
        if resource.type in deployment.taggable and not TAGS.items() <= (resource.values["tags"] or {}).items()
    ]
    assert untagged == []
    assert sum(resource.type in deployment.taggable for resource in deployment.resources) >= 30


def test_every_bucket_is_closed(made: Deployed) -> None:
    assert len(made.of("aws_s3_bucket")) == 2 + 3 * has_all(made)
    for bucket in made.of("aws_s3_bucket"):
        block = made.one("aws_s3_bucket_public_access_block", "bucket", bucket.values["id"]).values
        kinds = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
        assert [kind for kind in kinds if block[kind] is not True] == []
        (rule,) = made.one("aws_s3_bucket_ownership_controls", "bucket", bucket.values["id"]).values["rule"]
        assert rule["object_ownership"] == "BucketOwnerEnforced"


def has_all(made: Deployed) -> bool:
    """Whether there are publishers, with a bucket for what they cannot announce, and an archive, and a page."""
    return any(resource.values.get("function_name") == "thumbs-publisher" for resource in made.resources)


def test_nobody_is_let_in_who_is_not_named(deployment: Deployed) -> None:
    principals = [
        (resource.address, principal)
        for resource in deployment.resources
        for statement in resource.statements()
        if statement["Effect"] == "Allow" and "Principal" in statement
        for principal in principals_of(statement)
    ]
    assert len(principals) >= 6
    assert [(address, principal) for address, principal in principals if "*" in principal] == []
    for permission in (resource for resource in deployment.resources if resource.type == "aws_lambda_permission"):
        assert permission.values["principal"] != "*"
        assert permission.values["source_arn"]
    assert not {"aws_lambda_function_url", "aws_s3_bucket_acl", "aws_s3_bucket_website_configuration"} & {
        resource.type for resource in deployment.resources
    }


def principals_of(statement: dict[str, Any]) -> list[str]:
    principal = statement["Principal"]
    return (
        [principal] if isinstance(principal, str) else [each for value in principal.values() for each in listed(value)]
    )


@pytest.mark.parametrize(("kind", "count"), [("aws_s3_bucket_policy", 2), ("aws_sqs_queue", 3), ("aws_sns_topic", 3)])
def test_nothing_is_reached_without_tls(made: Deployed, kind: str, count: int) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport"""
    further = {"aws_s3_bucket_policy": 3, "aws_sqs_queue": 1}.get(kind, 0) if has_all(made) else 0
    assert len(made.of(kind)) == count + further
    for resource in made.of(kind):
        without_tls = {"Bool": {"aws:SecureTransport": ["false"]}}
        (denied,) = [each for each in resource.statements() if each.get("Condition") == without_tls]
        assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")


# What callers read


def blocks(file: Path, kind: str) -> dict[str, dict[str, Any]]:
    """The blocks of one kind in a file, by name."""
    document = hcl2.loads(file.read_text(encoding="utf-8"), serialization_options=_PLAIN_VALUES)
    return {name: block for each in document.get(kind, []) for name, block in each.items()}


FILES = sorted(
    file for name in ("variables.tf", "outputs.tf") for file in MODULE.rglob(name) if ".terraform" not in file.parts
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(MODULE)))
def test_every_input_and_output_is_described_in_a_sentence(file: Path) -> None:
    described = {
        name: block.get("description", "")
        for kind in ("variable", "output")
        for name, block in blocks(file, kind).items()
    }
    assert described
    assert {name: text for name, text in described.items() if not re.fullmatch(r"[A-Z0-9].{9,}\.", text)} == {}


def test_every_rule_about_an_input_is_seen_to_refuse() -> None:
    """At least as many bad values of an input are tried as it has rules, and Terraform's test sees each refused."""
    rules = {
        (module, name): len(block["validation"])
        for module in (".", *(f"./modules/{directory.name}" for directory in MODULE.glob("modules/*")))
        for name, block in blocks(MODULE / module / "variables.tf", "variable").items()
        if "validation" in block
    }
    # By their form, which fmt sees to: python-hcl2 does not know all that may stand in a test.
    runs = [
        run
        for file in sorted(MODULE.glob("tests/*.tftest.hcl"))
        for run in re.findall(r'^run ".+?" \{\n.*?^\}', file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    ]
    refused = [
        (source[0] if (source := re.findall(r'^    source = "(.+)"$', run, re.MULTILINE)) else ".", name)
        for run in runs
        for expected in re.findall(r"^  expect_failures = \[(.*?)\]$", run, re.MULTILINE | re.DOTALL)
        for name in re.findall(r"var\.(\w+)", expected)
    ]
    assert len(rules) >= 30
    assert {rule: count for rule, count in rules.items() if refused.count(rule) < count} == {}


# What was there before


@pytest.fixture
def beside(runs: dict[str, Deployed]) -> Deployed:
    """What is made beside somebody else's buckets, keys and topic, within their boundary and network."""
    return runs["what_was_there_before"]


def test_nothing_is_made_beside_what_was_there_before(beside: Deployed) -> None:
    kinds = {resource.type for resource in beside.resources}
    assert "aws_cloudwatch_event_rule" in kinds
    assert {"aws_cloudwatch_event_bus", "aws_kinesis_stream"}.isdisjoint(kinds)
    assert {kind for kind in kinds if kind.startswith("aws_kms_")} == set()
    # What cannot be announced, and the archive, are in buckets of the deployment's own, whoever's bus and stream are.
    own = {f"thumbs-{name}-123456789012-eu-central-1" for name in ("parked", "archive")}
    assert {bucket.values["bucket"] for bucket in beside.of("aws_s3_bucket")} == own
    assert {topic.values["name"] for topic in beside.of("aws_sns_topic")} == {"thumbs-alerts", "thumbs-warning"}


def test_everything_is_encrypted_with_the_keys_that_were_brought(beside: Deployed) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key"
    tables = [table.values["server_side_encryption"][0]["kms_key_arn"] for table in beside.of("aws_dynamodb_table")]
    queues_and_topics = [
        each.values["kms_master_key_id"] for each in (*beside.of("aws_sqs_queue"), *beside.of("aws_sns_topic"))
    ]
    assert {*tables, *queues_and_topics} == {f"{key}/theirs"}
    logs = [group.values["kms_key_id"] for group in beside.of("aws_cloudwatch_log_group")]
    assert logs == [f"{key}/logs"] * 7
    for bucket in beside.of("aws_s3_bucket_server_side_encryption_configuration"):
        (rule,) = bucket.values["rule"]
        assert rule["apply_server_side_encryption_by_default"][0]["kms_master_key_id"] == f"{key}/theirs"


def test_every_role_is_within_the_boundary(beside: Deployed) -> None:
    boundaries = {role.values["name"]: role.values["permissions_boundary"] for role in beside.of("aws_iam_role")}
    assert boundaries == dict.fromkeys(
        (
            "thumbs-thumbnailer",
            "thumbs-reconciler",
            "thumbs-reconciler-schedule",
            "thumbs-publisher",
            "thumbs-publisher-changes",
            "thumbs-api",
            "thumbs-archive",
            "thumbs-chat-ops",
        ),
        "arn:aws:iam::123456789012:policy/boundary",
    )


def test_each_function_begins_in_an_archive_of_its_own(runs: dict[str, Deployed]) -> None:
    everything = runs["everything"]
    (layer,) = everything.of("aws_lambda_layer_version")
    assert layer.values["filename"] == "./tests/fixtures/layer.zip"
    functions = {each.values["function_name"]: each.values for each in everything.of("aws_lambda_function")}
    devices = ("device-asks", "device-status", "device-admission")
    assert functions.keys() == {
        f"thumbs-{name}" for name in ("thumbnailer", "reconciler", "publisher", "publisher-changes", "api", *devices)
    }
    for name, values in functions.items():
        part = name.removeprefix("thumbs-").removesuffix("-changes").replace("-", "_")
        assert values["handler"] == f"{part}.handler.handler"
        assert values["filename"] == f"./tests/fixtures/{part}.zip"
        assert values["layers"] == [layer.values["arn"]]
        for built, taken in {"runtime": "compatible_runtimes", "architectures": "compatible_architectures"}.items():
            assert listed(values[built]) == layer.values[taken]
    # As long as Lambda lets it run.
    assert [functions["thumbs-reconciler"][size] for size in ("timeout", "memory_size")] == [900, 512]
    # Low quotas leave nothing to reserve: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    # Of statuses, some are: docs/decisions/0061-what-was-given-up-is-not-sent-back.md.
    reserved = {name: each["reserved_concurrent_executions"] for name, each in functions.items()}
    assert {name: number for name, number in reserved.items() if number != -1} == {"thumbs-device-status": 5}


def test_renditions_are_the_functions_own_by_default(runs: dict[str, Deployed]) -> None:
    """Of every field, the default that is written in Terraform is that of the function's settings."""
    functions = runs["nothing_but_what_is_required"].of("aws_lambda_function")
    (told,) = [each.values["environment"][0]["variables"]["SETTINGS"] for each in functions]
    assert Settings.from_json(told) == DEFAULT
    assert json.loads(told) == json.loads(json.dumps(asdict(DEFAULT)))


def test_bounds_of_renditions_are_the_functions_own() -> None:
    document = hcl2.loads((MODULE / "locals.tf").read_text(encoding="utf-8"), serialization_options=_PLAIN_VALUES)
    (bounds,) = [each["bounds"] for each in document["locals"] if "bounds" in each]
    assert bounds == {
        "renditions": settings._MOST_RENDITIONS,
        "name": settings.NAME.pattern,
        "side": settings._LONGEST_SIDE,
        "pixels": settings.MOST_PIXELS,
        "fits": list(get_args(settings.Fit)),
        "crops": list(get_args(settings.Crop)),
        "efforts": settings._HIGHEST_EFFORT,
    }
    assert settings._HIGHEST_EFFORT.keys() == set(get_args(settings.Format))


def test_all_functions_are_in_the_network(beside: Deployed) -> None:
    networks = {each.values["function_name"]: each.values["vpc_config"] for each in beside.of("aws_lambda_function")}
    assert networks.keys() == {
        f"thumbs-{name}" for name in ("thumbnailer", "reconciler", "publisher", "publisher-changes", "api")
    }
    for (network,) in networks.values():
        assert sorted(network["subnet_ids"]) == ["subnet-0a", "subnet-0b"]
        assert network["security_group_ids"] == ["sg-0a"]
