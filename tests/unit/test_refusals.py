"""Whose matter a refusal of S3 is, by what it says and by what else can be read."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from support.memory_aws import MemoryS3, refusal
from thumbnail_pipeline.errors import Permanent, Withheld
from thumbnailer.refusals import Gone, Refusals

OURS = "11111111-2222-3333-4444-555555555555"
WHO = "User: arn:aws:sts::123456789012:assumed-role/thumbs/thumbs is not authorized to perform: "
READ = WHO + 's3:GetObject on resource: "arn:aws:s3:::uploads/cat.png" '
DECRYPT = WHO + "kms:Decrypt on resource: arn:aws:kms:eu-central-1:123456789012:key/k "

BY_THE_CALLERS_POLICIES = [
    "because no identity-based policy allows the s3:GetObject action",
    "because no permissions boundary allows the s3:GetObject action",
    "because no service control policy allows the s3:GetObject action",
    "because no VPC endpoint policy allows the s3:GetObject action",
    "with an explicit deny in an identity-based policy",
    "with an explicit deny in a service control policy: arn:aws:organizations::123456789012:policy/o-1/p-1",
    "with an explicit deny in a permissions boundary",
]
BY_THE_BUCKETS_POLICY = [
    READ + "with an explicit deny in a resource-based policy",
    READ + "because no resource-based policy allows the s3:GetObject action",
    "Access Denied",  # all that another account's bucket says
]


class Bucket(MemoryS3):
    """An uploads bucket of which HEAD and listings may be refused."""

    def __init__(self, *, head: int | str, lists: bool = True) -> None:
        super().__init__()
        self.create_bucket(Bucket="uploads")
        self.put_object(Bucket="uploads", Key="cat.png", Body=b"cat")
        self._head, self._lists = head, lists

    def head_object(self, **_: str) -> dict[str, str]:
        """Answer with the key of the object, or with a status."""
        if isinstance(self._head, int):
            raise refusal("HeadObject", str(self._head), self._head)
        return {"ETag": '"of-the-cat"', "SSEKMSKeyId": self._head}

    def list_objects_v2(self, **request: str) -> dict[str, object]:
        """Refuse, unless listings are allowed."""
        if not self._lists:
            raise refusal("ListObjectsV2", "AccessDenied", 403)
        return super().list_objects_v2(**request)


def meaning(
    bucket: Bucket, words: str, *, code: str = "AccessDenied", status: int = 403, key: str = "cat.png"
) -> object:
    """What a refusal in these words comes to."""
    refusals = Refusals(bucket, [OURS])  # type: ignore[arg-type]
    return refusals.meaning({"Bucket": "uploads", "Key": key}, refusal("GetObject", code, status, words))


@pytest.mark.parametrize("why", BY_THE_CALLERS_POLICIES)
def test_a_policy_of_the_role_or_its_network_meets_every_object(why: str) -> None:
    assert meaning(Bucket(head=403), READ + why) is None


@pytest.mark.parametrize("words", BY_THE_BUCKETS_POLICY)
def test_an_object_that_the_buckets_policy_denies_is_withheld(words: str) -> None:
    denied = meaning(Bucket(head=403), words)
    assert isinstance(denied, Withheld)
    assert denied.reason == "access-denied"
    assert words in denied.detail


@pytest.mark.parametrize(
    "key", ["s3:GetObject because no identity-based policy allows it.png", "kms:Decrypt with an explicit deny.png"]
)
def test_a_key_cannot_speak_for_s3(key: str) -> None:
    bucket = Bucket(head=403)
    bucket.put_object(Bucket="uploads", Key=key, Body=b"cat")
    words = BY_THE_BUCKETS_POLICY[0].replace("cat.png", key)
    assert isinstance(meaning(bucket, words, key=key), Withheld)


@pytest.mark.parametrize("words", BY_THE_BUCKETS_POLICY)
def test_a_bucket_that_is_out_of_reach_meets_every_object(words: str) -> None:
    with pytest.raises(ClientError, match="ListObjectsV2"):
        meaning(Bucket(head=403, lists=False), words)


def test_what_is_denied_because_it_is_gone_is_gone() -> None:
    """A policy that asks for a tag denies whatever has none, also what is not there."""
    assert isinstance(meaning(Bucket(head=403), BY_THE_BUCKETS_POLICY[0], key="dog.png"), Gone)
    assert isinstance(meaning(Bucket(head=404), BY_THE_BUCKETS_POLICY[0]), Gone)


def test_a_denial_that_ends_meanwhile_is_tried_again() -> None:
    ours = f"arn:aws:kms:eu-central-1:123456789012:key/{OURS}"
    assert isinstance(meaning(Bucket(head=ours), BY_THE_BUCKETS_POLICY[0]), Withheld)


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("AccessDenied", 403, DECRYPT + "because no identity-based policy allows the kms:Decrypt action"),
        ("AccessDenied", 403, DECRYPT + "because no resource-based policy allows the kms:Decrypt action"),
        ("KMS.DisabledException", 400, "key/k is disabled."),
        ("KMS.KMSInvalidStateException", 400, "key/k is pending deletion."),
    ],
)
def test_a_key_that_cannot_be_used_is_the_objects_own_unless_all_are_encrypted_with_it(
    code: str, status: int, words: str
) -> None:
    theirs = meaning(Bucket(head="arn:aws:kms:eu-central-1:210987654321:key/theirs"), words, code=code, status=status)
    assert isinstance(theirs, Permanent)
    assert theirs.reason == "unreadable-encryption"
    assert "key/theirs" in theirs.detail
    ours = Bucket(head=f"arn:aws:kms:eu-central-1:123456789012:key/{OURS}")
    assert meaning(ours, words, code=code, status=status) is None


@pytest.mark.parametrize(("code", "status"), [("NoSuchBucket", 404), ("ExpiredToken", 400), ("SlowDown", 503)])
def test_what_is_not_about_an_object_is_left_to_others(code: str, status: int) -> None:
    assert meaning(Bucket(head=403), "", code=code, status=status) is None


def test_a_look_that_fails_for_the_moment_decides_nothing() -> None:
    with pytest.raises(ClientError, match="503"):
        meaning(Bucket(head=503), BY_THE_BUCKETS_POLICY[0])
