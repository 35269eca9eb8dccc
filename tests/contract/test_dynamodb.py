"""What the catalog takes for granted of DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.conftest import Services

KEY = {"source_key": {"S": "cat.png"}, "source_bucket": {"S": "uploads"}}


def refused(call: Callable[..., Any], **request: Any) -> Any:
    """The answer that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response


def code(call: Callable[..., Any], **request: Any) -> str:
    """The code of the refusal."""
    return str(refused(call, **request)["Error"]["Code"])


def put(services: Services, **attributes: Any) -> None:
    """Store an item."""
    services.dynamodb.put_item(TableName=services.table, Item={**KEY, **attributes})


def stored(services: Services) -> Any:
    """The item, or None."""
    return services.dynamodb.get_item(TableName=services.table, Key=KEY, ConsistentRead=True).get("Item")


def holds(services: Services, condition: str, **values: Any) -> bool:
    """Whether a condition holds for the item as it is stored."""
    request = {"ConditionExpression": condition}
    passed = {f":{name}": value for name, value in values.items()}
    try:
        services.dynamodb.update_item(
            TableName=services.table,
            Key=KEY,
            UpdateExpression="SET seen = :yes",
            ExpressionAttributeValues={":yes": {"BOOL": True}, **passed},
            **request,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def update(services: Services, expression: str, **values: Any) -> Any:
    """Change the item and return it."""
    return services.dynamodb.update_item(
        TableName=services.table,
        Key=KEY,
        UpdateExpression=expression,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        ReturnValues="ALL_NEW",
    )["Attributes"]


def test_nothing_is_no_item(services: Services) -> None:
    assert stored(services) is None


def test_a_missing_table_is_refused(services: Services) -> None:
    request = {"TableName": "there-is-none", "Key": KEY, "ConsistentRead": True}
    assert code(services.dynamodb.get_item, **request) == "ResourceNotFoundException"


def test_a_first_put_needs_an_empty_key_and_shows_who_is_there(services: Services) -> None:
    request = {
        "TableName": services.table,
        "Item": {**KEY, "fence": {"N": "1"}},
        "ConditionExpression": "attribute_not_exists(source_key)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    services.dynamodb.put_item(**request)
    answer = refused(services.dynamodb.put_item, **{**request, "Item": {**KEY, "fence": {"N": "2"}}})
    assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
    assert answer["Item"] == {**KEY, "fence": {"N": "1"}}
    assert stored(services) == answer["Item"]


def test_who_is_there_is_shown_only_if_asked_for(services: Services) -> None:
    put(services, fence={"N": "1"})
    request = {"TableName": services.table, "Item": KEY, "ConditionExpression": "attribute_not_exists(source_key)"}
    assert "Item" not in refused(services.dynamodb.put_item, **request)


def test_a_condition_on_nothing_fails_with_no_item(services: Services) -> None:
    answer = refused(
        services.dynamodb.update_item,
        TableName=services.table,
        Key=KEY,
        UpdateExpression="SET fence = fence + :one",
        ConditionExpression="fence = :fence",
        ExpressionAttributeValues={":fence": {"N": "1"}, ":one": {"N": "1"}},
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    assert answer["Error"]["Code"] == "ConditionalCheckFailedException"
    assert not answer.get("Item")
    assert stored(services) is None


def test_a_put_replaces_the_whole_item(services: Services) -> None:
    put(services, claim={"S": "A"}, obsolete={"L": []})
    put(services, claim={"S": "B"})
    assert stored(services) == {**KEY, "claim": {"S": "B"}}


def test_strings_are_compared_byte_by_byte(services: Services) -> None:
    put(services, sequencer={"S": "9"}, emoji={"S": "\U0001f600"})
    assert not holds(services, "sequencer < :other", other={"S": "10"})
    assert holds(services, "sequencer < :other", other={"S": "9A"})
    assert holds(services, "sequencer <= :other", other={"S": "9"})
    assert not holds(services, "emoji < :other", other={"S": "\uffee"})


def test_numbers_are_compared_as_numbers(services: Services) -> None:
    put(services, fence={"N": "9"})
    assert holds(services, "fence < :other", other={"N": "10"})
    assert holds(services, "fence = :other", other={"N": "9.0"})


def test_what_is_missing_compares_as_false(services: Services) -> None:
    put(services)
    assert not holds(services, "sequencer < :other", other={"S": "A"})
    assert not holds(services, "sequencer = :other", other={"S": "A"})


def test_what_is_of_another_type_compares_as_false(services: Services) -> None:
    put(services, fence={"S": "1"})
    assert not holds(services, "fence = :other", other={"N": "1"})


def test_and_binds_tighter_than_or(services: Services) -> None:
    put(services, a={"N": "1"}, b={"N": "2"})
    yes, no = {"yea": {"N": "1"}}, {"nay": {"N": "9"}}
    assert holds(services, "a = :yea OR a = :nay AND b = :nay", **yes, **no)
    assert not holds(services, "(a = :yea OR a = :nay) AND b = :nay", **yes, **no)
    assert holds(services, "attribute_not_exists(source_key) OR (a = :yea AND b <> :nay)", **yes, **no)


def test_an_update_makes_an_item_and_counts(services: Services) -> None:
    claim = "SET claim = :claim, fence = if_not_exists(fence, :zero) + :one"
    values = {"claim": {"S": "A"}, "zero": {"N": "0"}, "one": {"N": "1"}}
    assert update(services, claim, **values) == {**KEY, "claim": {"S": "A"}, "fence": {"N": "1"}}
    assert update(services, claim, **values)["fence"] == {"N": "2"}


def test_an_update_reads_what_was_before_it(services: Services) -> None:
    put(services, a={"N": "1"})
    after = update(services, "SET a = a + :one, b = if_not_exists(b, a)", one={"N": "1"})
    assert (after["a"], after["b"]) == ({"N": "2"}, {"N": "1"})


def test_an_update_sets_and_removes_at_once(services: Services) -> None:
    put(services, fence={"N": "1"}, settings_fingerprint={"S": "f"}, obsolete={"L": [{"S": "x"}]})
    after = update(services, "SET fence = fence + :one REMOVE settings_fingerprint, obsolete, nothing", one={"N": "1"})
    assert after == {**KEY, "fence": {"N": "2"}}


def test_a_value_that_is_not_used_is_refused(services: Services) -> None:
    request = {"TableName": services.table, "Item": KEY, "ConditionExpression": "attribute_not_exists(source_key)"}
    if services.name == "moto":
        pytest.xfail("moto does not mind")
    values = {":unused": {"S": "x"}}
    assert code(services.dynamodb.put_item, **request, ExpressionAttributeValues=values) == "ValidationException"


@pytest.mark.parametrize("name", ["source_key", "source_bucket"])
def test_an_empty_key_is_refused(services: Services, name: str) -> None:
    item = {**KEY, name: {"S": ""}}
    assert code(services.dynamodb.put_item, TableName=services.table, Item=item) == "ValidationException"


class TestManyAtATime:
    """BatchGetItem, as rows are surveyed."""

    def test_what_there_is_comes_back_as_far_as_asked_for(self, services: Services) -> None:
        put(services, status={"S": "READY"}, more={"S": "unasked"})
        asked = {
            "Keys": [KEY, {**KEY, "source_key": {"S": "dog.png"}}],
            "ConsistentRead": True,
            "ProjectionExpression": "#0, #1, #2",
            "ExpressionAttributeNames": {"#0": "source_key", "#1": "status", "#2": "missing"},
        }
        answer = services.dynamodb.batch_get_item(RequestItems={services.table: asked})
        assert answer["Responses"] == {services.table: [{"source_key": {"S": "cat.png"}, "status": {"S": "READY"}}]}
        assert not answer["UnprocessedKeys"]

    def test_a_key_may_be_asked_for_once(self, services: Services) -> None:
        asked = {
            "Keys": [KEY, KEY],
            "ProjectionExpression": "#0",
            "ExpressionAttributeNames": {"#0": "source_key"},
        }
        request = {"RequestItems": {services.table: asked}}
        assert code(services.dynamodb.batch_get_item, **request) == "ValidationException"


def test_the_stream_tells_every_change_in_order_with_both_images(services: Services) -> None:
    put(services, seen={"N": "1"})
    update(services, "SET seen = :two", two={"N": "2"})
    services.dynamodb.delete_item(TableName=services.table, Key=KEY)
    services.dynamodb.delete_item(TableName=services.table, Key=KEY)
    told = services.stream()
    one, two = {**KEY, "seen": {"N": "1"}}, {**KEY, "seen": {"N": "2"}}
    images = [(each["dynamodb"].get("OldImage"), each["dynamodb"].get("NewImage")) for each in told]
    assert images == [(None, one), (one, two), (two, None)]
    assert [each["eventName"] for each in told] == ["INSERT", "MODIFY", "REMOVE"]
    numbers = [int(each["dynamodb"]["SequenceNumber"]) for each in told]
    assert numbers == sorted(set(numbers))


def test_the_stream_tells_nothing_of_a_write_that_changes_nothing(services: Services) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html."""
    if services.name == "moto":
        pytest.skip("it tells of every write; AWS and the others of changes")
    put(services, seen={"N": "1"})
    put(services, seen={"N": "1"})
    assert len(services.stream()) == 1
