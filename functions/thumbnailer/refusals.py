"""Why S3 refuses to hand out a source: is it this object's own matter, or will others meet it as well?

It is never decided by how many are refused: where everything is scanned first, every new object is denied for a while.
What decides is what S3 says of the denial, and where that does not tell, whether the object's metadata and the bucket
itself can be read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from thumbnail_pipeline import listing
from thumbnail_pipeline.clients import code_of
from thumbnail_pipeline.errors import Permanent, Withheld
from thumbnail_pipeline.outcomes import Reason

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, HeadObjectRequestTypeDef

GONE = frozenset({"404", "405", "412", "MethodNotAllowed", "NoSuchKey", "NoSuchVersion", "PreconditionFailed"})
"""What S3 answers where an object is no longer as it was asked for."""

UNREADABLE = frozenset({"400", "403"})
"""What S3 answers to HEAD where an object is encrypted with its uploader's key, or denied: without a body, and so
without a word of why."""

# A policy of the caller's, or of the network that it comes through, is about all objects. One of the bucket may be
# about this one: scanners for malware have it deny what they have not tagged yet.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html#access-denied-message-examples
_ABOUT_THE_CALLER = re.compile(
    r"\bs3:\w+.*\b(?:because no|explicit deny in an?) "
    r"(?:identity-based policy|permissions boundary|session policy|service control policy|VPC endpoint policy)"
)


class Gone(Exception):
    """The source is no longer what the event spoke of: deleted or overwritten, so a newer event exists."""


class Refusals:
    """Tells apart the refusals of one bucket's objects.

    refusals = Refusals(s3, key_ids=["11111111-2222-3333-4444-555555555555"])
    meaning = refusals.meaning(request, error)
    """

    def __init__(self, s3: S3Client, key_ids: Collection[str]) -> None:
        """`key_ids` are of the keys that the deployment encrypts with: without them no object can be read."""
        self._s3 = s3
        self._key_ids = key_ids

    def meaning(self, request: GetObjectRequestTypeDef, error: ClientError) -> Gone | Permanent | Withheld | None:
        """Return what the refusal of `request` comes to for this object, or None where it is not about the object.

        Where S3 does not say, it is asked for the object's metadata, and if it denies those, for the bucket's listing.
        """
        code = code_of(error)
        if code in GONE:
            return Gone(str(error))
        if code == "InvalidObjectState":
            return Permanent(Reason.ARCHIVED, "the object is in an archive tier: restore it first")
        if code == "InvalidArgument":
            return Permanent(Reason.MALFORMED_MESSAGE, f"S3 does not know such a version or ETag: {error}")
        if code == "InvalidRequest":
            # All requests are of one form, so it is the object: encrypted with SSE-C, whose key is nobody's but the
            # uploader's. https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
            return Permanent(Reason.UNREADABLE_ENCRYPTION, f"it needs a key that only its uploader has: {error}")
        if code == "AccessDenied" or code.startswith("KMS."):
            return self._denied(request, error)
        return None

    def _denied(self, request: GetObjectRequestTypeDef, error: ClientError) -> Gone | Permanent | Withheld | None:
        # S3's words name the object, and a key can say anything.
        words = str(error).replace(request["Key"], "…")
        if _ABOUT_THE_CALLER.search(words):
            return None
        look: HeadObjectRequestTypeDef = {"Bucket": request["Bucket"], "Key": request["Key"]}
        if "VersionId" in request:
            look["VersionId"] = request["VersionId"]
        try:
            metadata = self._s3.head_object(**look)
        except ClientError as of_metadata:
            if code_of(of_metadata) in GONE:
                return Gone(str(of_metadata))
            if code_of(of_metadata) not in UNREADABLE:
                raise
            # Raises where the bucket itself is out of reach. A policy that asks for a tag denies what is gone, too.
            if listing.find(self._s3, request["Bucket"], request["Key"]) is None:
                return Gone(str(error))
            return Withheld(Reason.ACCESS_DENIED, f"a policy denies this object: {error}")
        if request.get("IfMatch") not in (None, metadata["ETag"].strip('"')):
            return Gone("it has been overwritten")
        key = metadata.get("SSEKMSKeyId", "")
        if code_of(error).startswith("KMS.") or "kms:" in words:
            # Named by its ARN.
            if key.rpartition("/")[2] in self._key_ids:
                return None
            return Permanent(Reason.UNREADABLE_ENCRYPTION, f"the function cannot use its key {key}: {error}")
        # The denial ended between the two calls, or it is of a key that S3 does not name.
        return Withheld(Reason.ACCESS_DENIED, f"its metadata can be read, its bytes cannot: {error}")
