"""What CloudFront does for the page of the front door: its files with their headers, and the API below the same name.

The distribution, its headers and its files are read as they were applied. Addresses of AWS become the emulator's.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web
from botocore.exceptions import ClientError

from devtools.localaws import processes, stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from mypy_boto3_s3 import S3Client

    from devtools.localaws.processes import Process
    from devtools.localaws.stack import LocalStack

USER: Final = ("anna@example.com", "Thumbnails-of-Anna-1")
"""Who can sign in at a local stack: name and password."""

_AMAZONS: Final = re.compile(r"https://[a-z0-9.-]+\.(?:amazonaws|amazoncognito)\.com")
# Of one connection, not of what goes through it: https://www.rfc-editor.org/rfc/rfc9110#name-connection
_OF_A_CONNECTION: Final = {"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"}
_OF_THE_EMULATOR: Final = "access-control-"


def inputs(port: int) -> dict[str, Any]:
    """The module's input `api` for a page that will be at `port`: the emulator has no name that a browser can use."""
    origin = _origin(port)
    return {
        "sign_in": {"callback_urls": [f"{origin}/"], "logout_urls": [f"{origin}/"]},
        "cors": {"origins": [origin]},
        "page": {},
    }


def start(running: LocalStack, stack_file: Path, port: int) -> tuple[Process, str]:
    """Start the process for the stack that `stack_file` describes; return it, and the address of its page."""
    log = running.directory / "edge.log"
    process = processes.start_server("devtools.edge.server", str(stack_file), port=port, log=log, name="the edge")
    return process, f"{_origin(port)}/"


def serve(stack_file: Path, port: int) -> None:
    """Serve until killed."""
    application = _application(Distribution(stack.load(stack_file)))
    web.run_app(application, host=processes.LOOPBACK, port=port, print=None, access_log=None)


class Distribution:
    """A distribution as it was applied, with one bucket and one API behind it."""

    def __init__(self, running: LocalStack) -> None:
        cloudfront = running.client("cloudfront")
        identifier = running.outputs["api"]["page"]["distribution"]["id"]
        self._config: dict[str, Any] = cloudfront.get_distribution_config(Id=identifier)["DistributionConfig"]
        self._s3: S3Client = running.client("s3")
        self._endpoint_url = running.endpoint_url
        self._bucket = running.outputs["api"]["page"]["bucket_name"]
        policy = self._config["DefaultCacheBehavior"]["ResponseHeadersPolicyId"]
        self._headers = _headers(cloudfront.get_response_headers_policy(Id=policy))
        (behaviour,) = self._config["CacheBehaviors"]["Items"]
        self.api_paths = behaviour["PathPattern"].removesuffix("*")
        (self._api,) = (
            each["DomainName"] for each in self._config["Origins"]["Items"] if each["Id"] == behaviour["TargetOriginId"]
        )

    def file(self, path: str) -> web.Response:
        """Answer with a file of the bucket."""
        key = path.removeprefix("/") or self._config["DefaultRootObject"]
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            # Whoever may not list a bucket is not told what is not there.
            raise web.HTTPForbidden from error
        body = self._localised(found["Body"].read().decode())
        headers = {name: self._localised(value) for name, value in self._headers.items()}
        told = {"Content-Type": found["ContentType"], "Cache-Control": found["CacheControl"]}
        return web.Response(body=body.encode(), headers={**headers, **told})

    async def api(self, request: web.Request, client: aiohttp.ClientSession) -> web.Response:
        """Hand a request on to the gateway, which tells APIs apart by the host."""
        headers = {**_kept(request.headers), "Host": self._api}
        url = f"{self._endpoint_url}{request.path_qs}"
        body = await request.read()
        async with client.request(request.method, url, headers=headers, data=body, allow_redirects=False) as answer:
            return web.Response(status=answer.status, body=await answer.read(), headers=_kept(answer.headers))

    def _localised(self, text: str) -> str:
        return _AMAZONS.sub(self._endpoint_url, text)


def _application(distribution: Distribution) -> web.Application:
    connections = web.AppKey("connections", aiohttp.ClientSession)

    async def connected(application: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(auto_decompress=False) as client:
            application[connections] = client
            yield

    async def respond(request: web.Request) -> web.Response:
        if request.path.startswith(distribution.api_paths):
            return await distribution.api(request, request.app[connections])
        return await asyncio.to_thread(distribution.file, request.path)

    application = web.Application()
    application.cleanup_ctx.append(connected)
    application.router.add_route("*", "/{path:.*}", respond)
    return application


def _headers(answer: Mapping[str, Any]) -> dict[str, str]:
    """What a response headers policy adds, as far as a page has it."""
    policy = answer["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    return {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
        "Strict-Transport-Security": f"max-age={security['StrictTransportSecurity']['AccessControlMaxAgeSec']}",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
        **{each["Header"]: each["Value"] for each in policy["CustomHeadersConfig"]["Items"]},
    }


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """What goes through: not what is of a connection, nor what the emulator lets every origin do."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in _OF_A_CONNECTION and not name.lower().startswith(_OF_THE_EMULATOR)
    }


def _origin(port: int) -> str:
    # Cognito and the module take plain HTTP for this name alone.
    return f"http://localhost:{port}"


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
