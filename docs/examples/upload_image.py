"""Uploads one image through the API and prints where its thumbnails are. Copy it; it needs nothing but Python.

TOKEN=… python upload_image.py https://images.example.com cat.jpg
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any


def call(url: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Make one request, and return its status and its JSON, if it has any. Ends with the problem if it has one."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, named, method=method), timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        sys.exit(f"error: {error.code} {error.read().decode(errors='replace')}")


def upload(api: str, token: str, path: Path) -> dict[str, Any]:
    """Upload a file, wait until it is decided, and return what the API shows of it."""
    data = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    wanted = {"bytes": len(data), "type": kind, "sha256": hashlib.sha256(data).hexdigest()}
    _, granted = call(
        f"{api}/v1/images",
        method="POST",
        body=json.dumps(wanted).encode(),
        authorization=f"Bearer {token}",
        content_type="application/json",
        idempotency_key=str(uuid.uuid4()),
    )
    put = granted["upload"]
    call(put["url"], method=put["method"], body=data, **put["headers"])
    while True:
        status, image = call(f"{api}/v1/images/{granted['id']}", authorization=f"Bearer {token}", prefer="wait=10")
        if status == 200:  # noqa: PLR2004
            shown: dict[str, Any] = image
            return shown
        time.sleep(1)


if __name__ == "__main__":
    shown = upload(sys.argv[1].rstrip("/"), os.environ["TOKEN"], Path(sys.argv[2]))
    print(json.dumps(shown, indent=2))
    sys.exit(shown["status"] != "READY")
