"""The SDK with a quicker way to read the two answers that bulk work consists of: pages of listings, and rows.

The SDK compares every element of an answer with the model of its service, which takes ten times as long as reading the
XML or JSON it came as. Everything else, such as retries, signatures, and what an error says, stays the SDK's.

    s3 = boto3.session.Session(botocore_session=session()).client("s3")
    s3.list_objects_v2(Bucket="photos")["Contents"]
"""

from __future__ import annotations

import json
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import XMLParser

import botocore.session
from botocore import handlers
from botocore.parsers import ResponseParserFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from botocore.parsers import ResponseParser

__all__ = ["session"]

_OF_S3: Final = "before-parse.s3.*"
_THEIRS: Final = vars(handlers)["_handle_200_error"]
_S3: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def session() -> botocore.session.Session:
    """Return a session of botocore whose clients read pages of listings and rows quickly."""
    core = botocore.session.get_session()
    core.register_component("response_parser_factory", _Factory())
    # It parses every answer of S3 once more, for one that says 200 and is an error. Of pages, `_Parser` sees to that.
    core.unregister(_OF_S3, _THEIRS)
    core.register(_OF_S3, _look_for_errors)
    return core


def _look_for_errors(**about: Any) -> None:  # noqa: ANN401 - what the SDK tells
    shape = about["operation_model"].output_shape
    if shape is None or shape.name not in _READ:
        _THEIRS(**about)


class _Factory(ResponseParserFactory):
    """Makes the SDK's parsers, each behind one that knows the answers that come most often."""

    def create_parser(self, protocol_name: str) -> Any:  # noqa: ANN401 - what the SDK makes of it
        return _Parser(super().create_parser(protocol_name))


class _Parser:
    def __init__(self, other: ResponseParser) -> None:
        self._other = other

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:  # noqa: ANN401 - the SDK's own types
        read = _READ.get(shape.name) if shape is not None else None
        if read is None or response["status_code"] != HTTPStatus.OK:
            return self._other.parse(response, shape)
        found = read(response["body"])
        if found is None:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
            return self._other.parse({**response, "status_code": HTTPStatus.INTERNAL_SERVER_ERROR}, shape)
        metadata = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": dict(response["headers"])}
        return {**found, "ResponseMetadata": metadata}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the SDK asks of a parser
        return getattr(self._other, name)


def _page(body: bytes) -> dict[str, Any] | None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html; None where it is an error instead."""
    parser = XMLParser()  # noqa: S314 - the SDK's own way, of what S3 answers
    parser.feed(body)
    root = parser.close()
    if root.tag == "Error":
        return None
    page: dict[str, Any] = {"IsTruncated": False}
    contents: list[dict[str, Any]] = []
    prefixes: list[dict[str, Any]] = []
    for element in root:
        name = element.tag.removeprefix(_S3)
        if name == "Contents":
            contents.append(_object(element))
        elif name == "CommonPrefixes":
            prefixes.append({"Prefix": element[0].text or ""})
        elif name == "IsTruncated":
            page[name] = element.text == "true"
        elif name in _TEXTS:
            page[name] = element.text or ""
    if contents:
        page["Contents"] = contents
    if prefixes:
        page["CommonPrefixes"] = prefixes
    return page


_TEXTS: Final = frozenset({"Name", "Prefix", "Delimiter", "EncodingType", "NextContinuationToken", "StartAfter"})


def _object(element: Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in element:
        if (known := _FIELDS.get(each.tag)) is not None:
            name, read = known
            found[name] = read(each.text or "")
    return found


_FIELDS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    f"{_S3}Key": ("Key", str),
    f"{_S3}Size": ("Size", int),
    f"{_S3}ETag": ("ETag", str),
    f"{_S3}LastModified": ("LastModified", datetime.fromisoformat),
}

# DynamoDB's attributes are typed in the JSON itself. Binary values would come as base64: the catalog has none.
_READ: Final[Mapping[str, Callable[[bytes], dict[str, Any] | None]]] = {
    "ListObjectsV2Output": _page,
    "BatchGetItemOutput": json.loads,
}
