"""The quick way to read answers, held to the SDK's own; what it does not know is the SDK's to read."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from thumbnail_pipeline import lean

_MODELS = {service: botocore.session.get_session().get_service_model(service) for service in ("s3", "dynamodb")}
_KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


def both(service: str, operation: str, protocol: str, body: str, status: int = 200) -> tuple[Any, Any]:
    """What the SDK reads, and what is read here."""
    shape: Any = _MODELS[service].operation_model(operation).output_shape
    response: Any = {"body": body.encode(), "headers": {"x-amz-request-id": "r"}, "status_code": status, "context": {}}
    core = lean.session()
    theirs = create_parser(protocol).parse(response, shape)
    ours = core.get_component("response_parser_factory").create_parser(protocol).parse(response, shape)
    return theirs, ours


def page(keys: list[str], prefixes: list[str], *, more: bool, encoded: bool) -> str:
    shown = quote if encoded else str
    contents = "".join(
        f"<Contents><Key>{escape(shown(key))}</Key><LastModified>2026-01-02T03:04:0{size % 10}.000Z</LastModified>"
        f"<ETag>&quot;{size:032x}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for size, key in enumerate(keys)
    )
    common = "".join(f"<CommonPrefixes><Prefix>{escape(shown(each))}</Prefix></CommonPrefixes>" for each in prefixes)
    token = "<NextContinuationToken>1/a&amp;b==</NextContinuationToken>" if more else ""
    encoding = "<EncodingType>url</EncodingType>" if encoded else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>photos</Name><Prefix></Prefix><Delimiter>/</Delimiter>{encoding}{token}"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{contents}{common}</ListBucketResult>"
    )


@given(
    keys=st.lists(_KEYS, max_size=3),
    prefixes=st.lists(_KEYS, max_size=2),
    form=st.tuples(st.booleans(), st.booleans()),
)
def test_pages_are_read_as_the_sdk_reads_them(keys: list[str], prefixes: list[str], form: tuple[bool, bool]) -> None:
    more, encoded = form
    theirs, ours = both("s3", "ListObjectsV2", "rest-xml", page(keys, prefixes, more=more, encoded=encoded))
    names = ours.keys() - {"ResponseMetadata"}
    assert {"Contents", "CommonPrefixes", "NextContinuationToken", "EncodingType"} & theirs.keys() <= names
    of_objects = {"Key", "Size", "ETag", "LastModified"}
    theirs["Contents"] = [{name: each[name] for name in of_objects} for each in theirs.get("Contents", [])]
    assert {"Contents": [], **ours, "ResponseMetadata": 0} == {
        **{name: theirs[name] for name in names | {"Contents"}},
        "ResponseMetadata": 0,
    }
    assert ours["ResponseMetadata"]["HTTPStatusCode"] == theirs["ResponseMetadata"]["HTTPStatusCode"]


def test_rows_are_read_as_the_sdk_reads_them() -> None:
    row = {"source_key": {"S": "a"}, "fence": {"N": "3"}, "renditions": {"L": [{"M": {"key": {"S": "x"}}}]}}
    again = {"catalog": {"Keys": [{"source_key": {"S": "b"}}], "ConsistentRead": True}}
    body = json.dumps({"Responses": {"catalog": [row]}, "UnprocessedKeys": again})
    theirs, ours = both("dynamodb", "BatchGetItem", "json", body)
    assert ours["Responses"] == theirs["Responses"]
    assert ours["UnprocessedKeys"] == theirs["UnprocessedKeys"]


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_object_versions"])
def test_an_error_that_says_200_is_an_error(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    s3: Any = lean.session().create_client("s3", "eu-central-1", config=Config(retries={"total_max_attempts": 1}))
    body = b"<?xml version='1.0'?>\n<Error><Code>InternalError</Code><Message>Again</Message></Error>"

    def answer(request: Any, **_: Any) -> AWSResponse:
        raw: Any = SimpleNamespace(stream=lambda *_, **__: iter([body]), headers={})
        headers: Any = {}
        return AWSResponse(request.url, 200, headers, raw)

    s3.meta.events.register("before-send.s3.*", answer)
    with pytest.raises(ClientError, match="InternalError"):
        getattr(s3, operation)(Bucket="photos")


@pytest.mark.parametrize(
    ("service", "operation", "protocol", "body", "status"),
    [
        ("s3", "ListObjectsV2", "rest-xml", "<Error><Code>SlowDown</Code><Message>Later</Message></Error>", 503),
        ("dynamodb", "BatchGetItem", "json", '{"__type":"x#ThrottlingException","message":"Later"}', 400),
        ("dynamodb", "GetItem", "json", '{"Item":{"a":{"S":"b"}}}', 200),
    ],
)
def test_the_rest_is_the_sdks(service: str, operation: str, protocol: str, body: str, status: int) -> None:
    theirs, ours = both(service, operation, protocol, body, status)
    assert ours == theirs
