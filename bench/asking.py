"""What an ask for an upload takes of a processor, from the start of a process to the answer: `python -m bench.asking`.

The API's archive is unpacked and imported as Lambda does it, and answers one ask, with a DynamoDB on a loopback address
that says yes. `baseline` makes boto3's clients of S3 and DynamoDB, and answers nothing. Fresh processes take turns;
medians of CPU time. Whatever is encrypted on AWS is not here: of that, loading the authorities' certificates is added.

Warm is the same function behind Lambda's own interface, on the local AWS, beside one that answers nothing.
"""

from __future__ import annotations

import argparse
import http.server
import io
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3

from bench.corpus import ROOT
from bench.figures import Figures, Goal, told
from devtools.localaws import emulator, processes
from devtools.localaws.stack import ARCHIVES

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLD_GOAL: Final = 0.35
_WARM_GOAL: Final = 3.0
_WARM_UP: Final = 10
_SITE_PACKAGES: Final = sysconfig.get_path("purelib")

_EVENT: Final = {
    "routeKey": "POST /v1/images",
    "headers": {"idempotency-key": "0"},
    "requestContext": {
        "requestId": "r",
        "authorizer": {"jwt": {"claims": {"iss": "i", "sub": "11111111-2222-4333-8444-555555555555"}}},
    },
    "body": '{"bytes": 1750538, "type": "image/jpeg"}',
    "isBase64Encoded": False,
}
_ASK: Final = f"""
import ssl
ssl.create_default_context()
import api.handler
class Context:
    aws_request_id = "r"
    def get_remaining_time_in_millis(self):
        return 20_000
assert api.handler.handler({_EVENT!r}, Context())["statusCode"] == 201
"""
_BASELINE: Final = """
import boto3
session = boto3.session.Session()
session.client("s3"), session.client("dynamodb")
"""
_CASES: Final = {"bare interpreter": "", "baseline: two clients of boto3": _BASELINE, "ask": _ASK}
_TOLD: Final = "import time\nprint(time.process_time())\n"
_LAMBDA: Final = {"Service": "lambda.amazonaws.com"}
# It writes a line as the other does: for a line that does not come, the local AWS waits longer than either takes.
_EMPTY: Final = "def handler(event, context):\n    print('{}')\n    return {'statusCode': 201, 'body': ''}\n"


class _YesMan(http.server.BaseHTTPRequestHandler):
    """A DynamoDB that grants everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _environment(url: str) -> dict[str, str]:
    limits = {"bytes": 2**25, "types": ["image/jpeg"], "asks_a_minute": 10**6, "bytes_a_day": 10**15, "url_minutes": 10}
    return {
        "UPLOADS_BUCKET": "uploads",
        "SOURCE_PREFIX": "",
        "THUMBNAILS_BUCKET": "thumbnails",
        "CATALOG_TABLE": "catalog",
        "ASKS_TABLE": "asks",
        "LIMITS": json.dumps(limits),
        "AWS_ENDPOINT_URL": url,
    }


def _cold(rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in _CASES}
    with (
        tempfile.TemporaryDirectory() as scratch,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), _YesMan) as server,
        zipfile.ZipFile(ARCHIVES / "api.zip") as archive,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        archive.extractall(scratch)
        environment = {
            **_environment(f"http://127.0.0.1:{server.server_port}"),
            "AWS_DEFAULT_REGION": emulator.REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "PYTHONPATH": os.pathsep.join([scratch, _SITE_PACKAGES]),
        }
        for number in range(rounds + 1):
            for name, script in _CASES.items():
                command = [sys.executable, "-S", "-B", "-W", "ignore", "-c", script + _TOLD]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                if number:  # files come from the disk once
                    times[name].append(float(done.stdout.split()[-1]) * 1000)
        server.shutdown()
    return times


def _warm(rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as scratch:
        port = processes.free_port()
        process = emulator.start(port, Path(scratch))
        try:
            return _raced(f"http://{processes.LOOPBACK}:{port}", rounds)
        finally:
            process.stop()


def _raced(url: str, rounds: int) -> dict[str, list[float]]:
    session = boto3.session.Session("test", "test", region_name=emulator.REGION)
    functions: Any = session.client("lambda", endpoint_url=url)
    session.client("dynamodb", endpoint_url=url).create_table(
        TableName="asks",
        KeySchema=[{"AttributeName": "owner", "KeyType": "HASH"}, {"AttributeName": "what", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("owner", "what")],
        BillingMode="PAY_PER_REQUEST",
    )
    iam = session.client("iam", endpoint_url=url)
    role = iam.create_role(RoleName="asking", AssumeRolePolicyDocument=_policy("sts:AssumeRole", Principal=_LAMBDA))
    iam.put_role_policy(RoleName="asking", PolicyName="write", PolicyDocument=_policy("dynamodb:*", Resource="*"))
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as code:
        code.writestr("empty.py", _EMPTY)
    contenders = {"empty": (empty.getvalue(), "empty.handler")}
    contenders["ask"] = ((ARCHIVES / "api.zip").read_bytes(), "api.handler.handler")
    for name, (archive, entry) in contenders.items():
        functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler=entry,
            Role=role["Role"]["Arn"],
            Code={"ZipFile": archive},
            Timeout=20,
            Environment={"Variables": _environment(url)},
        )
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(_WARM_UP + rounds):
        payload = json.dumps({**_EVENT, "headers": {"idempotency-key": str(number)}})
        for name, taken in times.items():
            begun = time.monotonic()
            answer = json.loads(functions.invoke(FunctionName=name, Payload=payload)["Payload"].read())
            if answer.get("statusCode") != 201:
                raise SystemExit(f"error: {name} answered {answer}")
            if number >= _WARM_UP:
                taken.append(1000 * (time.monotonic() - begun))
    return times


def _policy(action: str, **about: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **about}]})


def measured(rounds: int) -> dict[str, Any]:
    """Milliseconds of every case and contender."""
    document = {"cold": _cold(rounds), "warm": _warm(10 * rounds)}
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "asking.json").write_text(json.dumps(document, indent=1))
    return document


def tables(document: Mapping[str, Any]) -> list[Figures]:
    """A row a case."""
    cold = [(name, f"{statistics.median(each):.0f}") for name, each in document["cold"].items()]
    warm = [(name, f"{statistics.median(each):.1f}") for name, each in document["warm"].items()]
    return [
        Figures("asking", "From the start of a process to the answer", ("", "CPU ms"), cold),
        Figures("asking-warm", "Warm, from call to answer", ("", "ms"), warm),
    ]


def verdicts(document: Mapping[str, Any]) -> list[Goal]:
    """What the first ask may take, and every further one."""
    cold, warm = document["cold"], document["warm"]
    first = _over(cold["ask"], cold["baseline: two clients of boto3"])
    further = _over(warm["ask"], warm["empty"])
    return [
        Goal("first ask / two clients of boto3", f"{first:.2f}", f"≤ {_COLD_GOAL}", first <= _COLD_GOAL),
        Goal("warm ask / empty function", f"{further:.2f}", f"≤ {_WARM_GOAL}", further <= _WARM_GOAL),
    ]


def _over(mine: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(mine, theirs, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.asking", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    return told(parser.parse_args().rounds, measured, tables, verdicts)


if __name__ == "__main__":
    sys.exit(main())
