"""What the pipeline takes for granted of S3."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.conftest import Services

KEY = "holiday/cat 1+2.png"


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, int]:
    """The code and the status that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def put(services: Services, bucket: str, body: bytes, key: str = KEY, **conditions: str) -> dict[str, Any]:
    """Store an object."""
    answer: dict[str, Any] = services.s3.put_object(
        Bucket=bucket, Key=key, Body=body, ContentType="image/png", **conditions
    )
    return answer


def body(services: Services, bucket: str, **request: str) -> bytes:
    """What an object holds."""
    answer = services.s3.get_object(Bucket=bucket, Key=KEY, **request)
    return b"".join(answer["Body"].iter_chunks(3))


class TestConditionalWrite:
    """If-None-Match and If-Match on PUT."""

    def test_a_first_write_needs_an_empty_key(self, services: Services) -> None:
        put(services, services.plain, b"one", IfNoneMatch="*")
        request = {"Bucket": services.plain, "Key": KEY, "Body": b"two", "IfNoneMatch": "*"}
        assert refused(services.s3.put_object, **request) == ("PreconditionFailed", 412)
        assert body(services, services.plain) == b"one"

    def test_a_replacement_needs_the_very_bytes(self, services: Services) -> None:
        etag = put(services, services.plain, b"one")["ETag"].strip('"')
        put(services, services.plain, b"two", IfMatch=etag)
        request = {"Bucket": services.plain, "Key": KEY, "Body": b"three", "IfMatch": etag}
        assert refused(services.s3.put_object, **request) == ("PreconditionFailed", 412)
        assert body(services, services.plain) == b"two"

    def test_a_replacement_of_nothing_is_refused(self, services: Services) -> None:
        request = {"Bucket": services.plain, "Key": KEY, "Body": b"one", "IfMatch": "0" * 32}
        code, status = refused(services.s3.put_object, **request)
        assert (code, status) in {("NoSuchKey", 404), ("PreconditionFailed", 412)}

    def test_a_delete_marker_counts_as_empty(self, services: Services) -> None:
        etag = put(services, services.versioned, b"one")["ETag"]
        services.s3.delete_object(Bucket=services.versioned, Key=KEY)
        request = {"Bucket": services.versioned, "Key": KEY, "Body": b"two", "IfMatch": etag}
        assert refused(services.s3.put_object, **request)[1] in (404, 412)
        put(services, services.versioned, b"two", IfNoneMatch="*")

    def test_an_etag_names_the_bytes(self, services: Services) -> None:
        first = put(services, services.plain, b"one")["ETag"]
        put(services, services.plain, b"two")
        assert put(services, services.plain, b"one")["ETag"] == first
        assert first.strip('"') == hashlib.md5(b"one", usedforsecurity=False).hexdigest()


class TestHeaders:
    """What an object is stored with comes back with it."""

    @pytest.mark.parametrize("headers", [{}, {"CacheControl": "public, max-age=3600"}])
    def test_cache_control(self, services: Services, headers: dict[str, str]) -> None:
        put(services, services.plain, b"one", **headers)
        answer = services.s3.head_object(Bucket=services.plain, Key=KEY)
        assert answer.get("CacheControl") == headers.get("CacheControl")


class TestConditionalDelete:
    """If-Match on DELETE."""

    def test_the_very_bytes_are_deleted(self, services: Services) -> None:
        etag = put(services, services.plain, b"one")["ETag"].strip('"')
        services.s3.delete_object(Bucket=services.plain, Key=KEY, IfMatch=etag)
        assert refused(services.s3.get_object, Bucket=services.plain, Key=KEY) == ("NoSuchKey", 404)

    def test_others_are_not(self, services: Services) -> None:
        put(services, services.plain, b"one")
        request = {"Bucket": services.plain, "Key": KEY, "IfMatch": "0" * 32}
        assert refused(services.s3.delete_object, **request) == ("PreconditionFailed", 412)
        assert body(services, services.plain) == b"one"

    def test_nothing_cannot_be_matched(self, services: Services) -> None:
        request = {"Bucket": services.plain, "Key": KEY, "IfMatch": "0" * 32}
        assert refused(services.s3.delete_object, **request) == ("NoSuchKey", 404)

    def test_without_a_condition_nothing_is_deleted_in_peace(self, services: Services) -> None:
        services.s3.delete_object(Bucket=services.plain, Key=KEY)


class TestListing:
    """How a thumbnail is found: the first key with a prefix."""

    @pytest.mark.parametrize("others", [[], ["a.b"], ["a/b", "a b", "aa"]])
    def test_a_key_comes_before_all_that_it_begins(self, services: Services, others: list[str]) -> None:
        for key in [*others, "a"]:
            put(services, services.plain, key.encode(), key)
        (found,) = services.s3.list_objects_v2(Bucket=services.plain, Prefix="a", MaxKeys=1)["Contents"]
        assert found["Key"] == "a"
        assert found["ETag"].strip('"') == hashlib.md5(b"a", usedforsecurity=False).hexdigest()

    def test_the_order_is_that_of_utf_8(self, services: Services) -> None:
        # In UTF-16, whose units some sort by, the emoji comes first.
        for key in ("x\U0001f600", "x\uffee", "x+y", "xz"):
            put(services, services.plain, b"one", key)
        listed = services.s3.list_objects_v2(Bucket=services.plain, Prefix="x")["Contents"]
        assert [each["Key"] for each in listed] == ["x+y", "xz", "x\uffee", "x\U0001f600"]

    def test_nothing_is_no_contents(self, services: Services) -> None:
        put(services, services.plain, b"one", "b")
        assert "Contents" not in services.s3.list_objects_v2(Bucket=services.plain, Prefix="a", MaxKeys=1)

    def test_what_a_marker_hides_is_not_listed(self, services: Services) -> None:
        put(services, services.versioned, b"one", "a")
        services.s3.delete_object(Bucket=services.versioned, Key="a")
        assert "Contents" not in services.s3.list_objects_v2(Bucket=services.versioned, Prefix="a", MaxKeys=1)

    def test_a_listing_goes_on_after_any_string(self, services: Services) -> None:
        for key in ("a", "a-1", "a.b", "b"):
            put(services, services.plain, b"one", key)
        listed = services.s3.list_objects_v2(Bucket=services.plain, StartAfter="a-")["Contents"]
        assert [each["Key"] for each in listed] == ["a-1", "a.b", "b"]
        assert all(each["LastModified"].tzinfo for each in listed)

    @pytest.mark.parametrize("delimiter", ["/", None])
    def test_a_listing_of_several_pages_tells_everything_once(self, services: Services, delimiter: str | None) -> None:
        for key in ("a", "b/1", "b/2", "c", "d/1"):
            put(services, services.plain, b"one", key)
        request: dict[str, Any] = {"Bucket": services.plain, "MaxKeys": 1}
        if delimiter:
            request["Delimiter"] = delimiter
        told = []
        while True:
            page = services.s3.list_objects_v2(**request)
            told += [each["Key"] for each in page.get("Contents", ())]
            told += [each["Prefix"] for each in page.get("CommonPrefixes", ())]
            if not page["IsTruncated"]:
                break
            request["ContinuationToken"] = page["NextContinuationToken"]
        assert told == (["a", "b/", "c", "d/"] if delimiter else ["a", "b/1", "b/2", "c", "d/1"])

    def test_a_bucket_with_versions_remembers_when_a_key_was_deleted(self, services: Services) -> None:
        for bucket in (services.versioned, services.plain):
            put(services, bucket, b"one", "a")
            services.s3.delete_object(Bucket=bucket, Key="a")
        (marker,) = services.s3.list_object_versions(Bucket=services.versioned, Prefix="a", MaxKeys=1)["DeleteMarkers"]
        assert (marker["Key"], marker["IsLatest"]) == ("a", True)
        assert marker["LastModified"].tzinfo
        assert "DeleteMarkers" not in services.s3.list_object_versions(Bucket=services.plain, Prefix="a", MaxKeys=1)

    @pytest.mark.e2e
    @pytest.mark.parametrize("services", ["emulator"], indirect=True)
    def test_versions_are_listed_as_in_a_url_where_that_is_asked_for(self, services: Services) -> None:
        put(services, services.versioned, b"one")
        services.s3.delete_object(Bucket=services.versioned, Key=KEY)
        listed = services.s3.list_object_versions(Bucket=services.versioned, Prefix="holiday/c", EncodingType="url")
        assert [unquote(each["Key"]) for each in (*listed["Versions"], *listed["DeleteMarkers"])] == [KEY, KEY]
        assert (listed["EncodingType"], "+" in listed["Versions"][0]["Key"]) == ("url", False)


class TestReading:
    """Reads pinned to an ETag or a version."""

    def test_an_object_is_described(self, services: Services) -> None:
        put(services, services.plain, b"one")
        for read in (services.s3.get_object, services.s3.head_object):
            answer = read(Bucket=services.plain, Key=KEY)
            assert (answer["ContentLength"], answer["ContentType"]) == (3, "image/png")
            assert answer["LastModified"].tzinfo is not None
            assert answer.get("VersionId") in (None, "null")

    def test_by_etag(self, services: Services) -> None:
        etag = put(services, services.plain, b"one")["ETag"].strip('"')
        assert body(services, services.plain, IfMatch=etag) == b"one"
        put(services, services.plain, b"two")
        request = {"Bucket": services.plain, "Key": KEY, "IfMatch": etag}
        assert refused(services.s3.get_object, **request) == ("PreconditionFailed", 412)

    def test_of_nothing(self, services: Services) -> None:
        request = {"Bucket": services.plain, "Key": KEY}
        assert refused(services.s3.get_object, **request) == ("NoSuchKey", 404)
        assert refused(services.s3.get_object, **request, IfMatch="0" * 32) == ("NoSuchKey", 404)
        assert refused(services.s3.head_object, **request) == ("404", 404)

    def test_of_no_bucket(self, services: Services) -> None:
        request = {"Bucket": "there-is-no-such-bucket", "Key": KEY}
        assert refused(services.s3.get_object, **request) == ("NoSuchBucket", 404)

    def test_by_version(self, services: Services) -> None:
        first = put(services, services.versioned, b"one")["VersionId"]
        second = put(services, services.versioned, b"two")["VersionId"]
        assert first != second
        assert body(services, services.versioned, VersionId=first) == b"one"
        assert services.s3.head_object(Bucket=services.versioned, Key=KEY)["VersionId"] == second


class TestVersions:
    """Delete markers, and the deletion of one version for good."""

    def test_a_marker_hides_the_object_and_not_its_versions(self, services: Services) -> None:
        first = put(services, services.versioned, b"one")["VersionId"]
        answer = services.s3.delete_object(Bucket=services.versioned, Key=KEY)
        assert answer["DeleteMarker"] is True
        request = {"Bucket": services.versioned, "Key": KEY}
        assert refused(services.s3.get_object, **request) == ("NoSuchKey", 404)
        assert refused(services.s3.head_object, **request) == ("404", 404)
        assert body(services, services.versioned, VersionId=first) == b"one"

    def test_a_marker_cannot_be_read(self, services: Services) -> None:
        put(services, services.versioned, b"one")
        marker = services.s3.delete_object(Bucket=services.versioned, Key=KEY)["VersionId"]
        request = {"Bucket": services.versioned, "Key": KEY, "VersionId": marker}
        answer = refused(services.s3.get_object, **request)
        if services.name == "moto":
            pytest.xfail(f"moto answers {answer}, S3 otherwise")
        assert answer == ("MethodNotAllowed", 405)

    def test_without_its_marker_the_object_is_back(self, services: Services) -> None:
        put(services, services.versioned, b"one")
        marker = services.s3.delete_object(Bucket=services.versioned, Key=KEY)["VersionId"]
        services.s3.delete_object(Bucket=services.versioned, Key=KEY, VersionId=marker)
        assert body(services, services.versioned) == b"one"

    def test_without_the_current_version_the_one_before_is_current(self, services: Services) -> None:
        first = put(services, services.versioned, b"one")["VersionId"]
        second = put(services, services.versioned, b"two")["VersionId"]
        services.s3.delete_object(Bucket=services.versioned, Key=KEY, VersionId=second)
        assert services.s3.head_object(Bucket=services.versioned, Key=KEY)["VersionId"] == first
        request = {"Bucket": services.versioned, "Key": KEY, "VersionId": second}
        assert refused(services.s3.get_object, **request) == ("NoSuchVersion", 404)

    def test_without_an_old_version_the_current_one_stays(self, services: Services) -> None:
        first = put(services, services.versioned, b"one")["VersionId"]
        put(services, services.versioned, b"two")
        services.s3.delete_object(Bucket=services.versioned, Key=KEY, VersionId=first)
        assert body(services, services.versioned) == b"two"
