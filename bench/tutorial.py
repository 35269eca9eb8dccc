"""The thumbnail function that tutorials show, made for this bench: right for a first try, and without any promise.

One record after the other, one rendition after the other, every picture decoded at full size, kept upright.
"""

from __future__ import annotations

import io
import json
import os
import urllib.parse
from typing import Any

import boto3
from PIL import Image, ImageOps

s3 = boto3.client("s3")
table = boto3.resource("dynamodb").Table(os.environ["CATALOG_TABLE"])
RENDITIONS = json.loads(os.environ["SETTINGS"])["renditions"]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Make every thumbnail of every image in the event."""
    for message in event["Records"]:
        for record in json.loads(message["body"])["Records"]:
            bucket = record["s3"]["bucket"]["name"]
            key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
            source = s3.get_object(Bucket=bucket, Key=key)
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(source["Body"].read())))
            thumbnails = []
            for rendition in RENDITIONS:
                thumbnail = image.copy()
                thumbnail.thumbnail((rendition["width"], rendition["height"]))
                buffer = io.BytesIO()
                thumbnail.save(buffer, "WEBP", quality=rendition["quality"])
                thumbnail_key = f"{rendition['name']}/{key}.webp"
                s3.put_object(
                    Bucket=os.environ["THUMBNAILS_BUCKET"],
                    Key=thumbnail_key,
                    Body=buffer.getvalue(),
                    ContentType="image/webp",
                )
                thumbnails.append(thumbnail_key)
            table.put_item(
                Item={
                    "source_key": key,
                    "source_bucket": bucket,
                    "size_bytes": source["ContentLength"],
                    "width": image.width,
                    "height": image.height,
                    "thumbnails": thumbnails,
                }
            )
    return {"batchItemFailures": []}
