"""What the module calls things: two deployments have no name in common, and no name is longer than AWS allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from terraform.conftest import Tested

# What a resource of each type is known by, and the most characters of it; the rules' addresses are in names.tf, and
# those of the names that begin with the deployment's here.
NAMED: Final[Mapping[str, tuple[str, int]]] = {
    # https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html
    "aws_apigatewayv2_api": ("name", 128),
    "aws_athena_workgroup": ("name", 128),
    "aws_chatbot_slack_channel_configuration": ("configuration_name", 128),
    "aws_chatbot_teams_channel_configuration": ("configuration_name", 128),
    # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CachePolicyConfig.html
    "aws_cloudfront_cache_policy": ("name", 128),
    "aws_cloudfront_origin_access_control": ("name", 64),
    # https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_ResponseHeadersPolicyConfig.html
    "aws_cloudfront_response_headers_policy": ("name", 128),
    "aws_cloudwatch_composite_alarm": ("alarm_name", 255),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    "aws_cloudwatch_dashboard": ("dashboard_name", 255),
    "aws_cloudwatch_event_bus": ("name", 256),
    "aws_cloudwatch_event_rule": ("name", 64),
    "aws_cloudwatch_log_group": ("name", 512),
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    "aws_cloudwatch_metric_alarm": ("alarm_name", 255),
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
    "aws_cloudwatch_query_definition": ("name", 255),
    "aws_cognito_resource_server": ("identifier", 256),
    "aws_cognito_user_pool": ("name", 128),
    "aws_cognito_user_pool_client": ("name", 128),
    "aws_cognito_user_pool_domain": ("domain", 63),
    "aws_dynamodb_table": ("name", 255),
    "aws_glue_catalog_database": ("name", 255),
    "aws_iam_role": ("name", 64),
    "aws_iot_policy": ("name", 128),
    "aws_iot_provisioning_template": ("name", 36),
    "aws_iot_role_alias": ("alias", 128),
    "aws_iot_thing_type": ("name", 128),
    "aws_iot_topic_rule": ("name", 128),
    "aws_kinesis_firehose_delivery_stream": ("name", 64),
    "aws_kinesis_stream": ("name", 128),
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
    "aws_kms_alias": ("name", 256),
    "aws_lambda_function": ("function_name", 64),
    "aws_lambda_layer_version": ("layer_name", 140),
    # https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    "aws_lambda_permission": ("statement_id", 100),
    "aws_s3_bucket": ("bucket", 63),
    "aws_scheduler_schedule": ("name", 64),
    "aws_scheduler_schedule_group": ("name", 64),
    "aws_sns_topic": ("name", 256),
    "aws_sqs_queue": ("name", 80),
    "aws_ssm_parameter": ("name", 1011),
    "aws_xray_group": ("group_name", 32),
    "aws_xray_sampling_rule": ("rule_name", 32),
}
# Parts of something that has a name: they are told apart by it.
PARTS: Final = (
    "aws_apigatewayv2_authorizer",
    "aws_apigatewayv2_integration",
    "aws_apigatewayv2_route",
    "aws_apigatewayv2_stage",
    "aws_athena_named_query",
    "aws_cloudfront_distribution",  # has an identifier alone
    "aws_cloudwatch_event_target",
    "aws_cloudwatch_log_stream",
    "aws_glue_catalog_table",
    "aws_iam_role_policy",
    "aws_kms_key",  # has an identifier, and a name by its alias
    "aws_kms_key_policy",
    "aws_lambda_event_source_mapping",
    "aws_lambda_function_recursion_config",
    "aws_lambda_function_event_invoke_config",
    "aws_s3_bucket_",
    "aws_s3_object",
    "aws_sns_topic_subscription",
    "terraform_data",
)

Names = set[tuple[str, str]]


@pytest.fixture
def names(tested: Tested) -> dict[str, Names]:
    """The types and names of all that the runs of names.tftest.hcl make, by the names of the runs."""
    return {
        run: {named(resource) for resource in managed(state["root_module"])} - {("", "")}
        for run, state in tested.states.items()
        if run in {"one", "another", "elsewhere", "longest", "longest_but_one_letter"}
    }


def managed(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The resources of a module and of those in it."""
    yield from (each for each in module.get("resources", ()) if each["mode"] == "managed")
    for child in module.get("child_modules", ()):
        yield from managed(child)


def named(resource: Mapping[str, Any]) -> tuple[str, str]:
    """A resource's type and name; nothing for a part of another. A type that is in neither list is an error."""
    if resource["type"] in NAMED:
        return resource["type"], resource["values"][NAMED[resource["type"]][0]]
    assert resource["type"].startswith(PARTS), f"what {resource['type']} is called is in neither NAMED nor PARTS"
    return "", ""


@pytest.mark.parametrize(("one", "other"), [("one", "another"), ("longest", "longest_but_one_letter")])
def test_two_deployments_have_no_name_in_common(names: dict[str, Names], one: str, other: str) -> None:
    assert len(names[one]) == len(names[other]) > 50
    assert names[one] & names[other] == set()


def test_the_same_deployment_in_another_region_has_other_names_for_what_knows_no_regions(
    names: dict[str, Names],
) -> None:
    """Of buckets, roles and what CloudFront has, with regional_roles; all else is the region's."""
    here, there = (
        {(kind, name) for kind, name in names[run] if kind.startswith(("aws_cloudfront_", "aws_iam_", "aws_s3_"))}
        for run in ("one", "elsewhere")
    )
    assert len(here) == len(there) > 20
    assert here & there == set()


def test_no_name_is_longer_than_aws_allows(names: dict[str, Names]) -> None:
    longest = names["longest"]
    assert {kind for kind, _ in longest} == NAMED.keys()
    assert [(kind, name) for kind, name in longest if len(name) > NAMED[kind][1]] == []
    # Where a name had to be shortened, one can still see whose it is.
    assert all("a-name-that-is-of-just-fo" in name.replace("_", "-") for _, name in longest)


def test_a_name_that_ends_like_another_cannot_be_mistaken_for_it(names: dict[str, Names]) -> None:
    """Of a deployment `a` and one `a-b`: no name of the first, which ends in `-b-c`, may be a `c` of the second."""
    endings = [
        (kind, name.partition("thumbs-")[2]) for kind, name in names["one"] if not kind.startswith("aws_chatbot")
    ]
    assert len(endings) > 50
    mistaken = [
        (kind, ending, end)
        for kind, ending in endings
        for of, end in endings
        if of == kind and end and ending.endswith(f"-{end}")
    ]
    assert mistaken == []
