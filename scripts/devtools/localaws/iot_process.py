"""What the emulator lacks of AWS IoT Core: a part of `emulator_process`, where a broker is wanted."""
# ruff: noqa: SLF001, ANN401 - the functions to replace are MiniStack's own, and without types

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from ministack.core.responses import request_scope  # type: ignore[import-untyped]
from ministack.services import iot, lambda_svc  # type: ignore[import-untyped]

from devtools.localaws.patching import replace
from devtools.localaws.processes import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable


def complete() -> None:
    """Do all of it."""
    _listen_on_loopback()
    _ask_for_certificates()
    _disconnect_what_is_revoked()
    _subscribe_once()
    _invoke_functions_of_rules()


def _listen_on_loopback() -> None:
    """Keep the broker from binding every address."""

    async def start() -> None:
        if iot._mtls_server is None:
            loop = asyncio.get_running_loop()
            iot._mtls_server = await loop.create_server(iot._MtlsAcceptor, host=LOOPBACK, port=iot._mtls_port())
            iot._mtls_loop = loop

    replace(iot, "_mtls_start_locked", lambda _original: start)


def _ask_for_certificates() -> None:
    """Let in nobody without a certificate; MiniStack would, as the account itself.

    https://docs.aws.amazon.com/iot/latest/developerguide/client-authentication.html
    """

    def asking(build: Callable[[], ssl.SSLContext]) -> Callable[[], ssl.SSLContext]:
        def build_ssl_context() -> ssl.SSLContext:
            context = build()
            context.verify_mode = ssl.CERT_REQUIRED
            return context

        return build_ssl_context

    replace(iot, "_mtls_build_ssl_context", asking)


def _disconnect_what_is_revoked() -> None:
    """End the connections of a certificate that is active no longer, which AWS does within a few minutes.

    https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateCertificate.html
    """

    def ending(route: Callable[..., Any]) -> Callable[..., Any]:
        async def route_request(method: str, path: str, *request: Any) -> Any:
            answer = await route(method, path, *request)
            certificate = iot._certificates.get(path.removeprefix("/certificates/"))
            if method == "PUT" and certificate and certificate["status"] != "ACTIVE":
                for session in list(iot._connected_clients.values()):
                    if session.certificate_id == certificate["certificateId"]:
                        await session._send({"type": "websocket.close"})
            return answer

        return route_request

    replace(iot, "_route_request", ending)


def _subscribe_once() -> None:
    """Let a subscription that a client makes again take the place of the first, as MQTT has it, also of a session's.

    https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901169
    """

    def replacing(subscribe: Callable[..., Any]) -> Callable[..., Any]:
        async def broker_subscribe(account: str, region: str, wanted: str, *how: Any, **options: Any) -> Any:
            for made in list(iot._subscriptions.get(iot._scoped_topic(account, region, wanted), ())):
                if made.client_id == options["client_id"]:
                    await iot.broker_unsubscribe(made.subscription_id)
            return await subscribe(account, region, wanted, *how, **options)

        return broker_subscribe

    replace(iot, "broker_subscribe", replacing)


def _invoke_functions_of_rules() -> None:
    """Invoke the function of a rule asynchronously, so that it is tried again, and only where its policy allows that.

    MiniStack asks no policy, invokes once, and tells nobody of a function that is not there.
    https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
    """

    def invoking(act: Callable[..., Any]) -> Callable[..., Any]:
        async def dispatch_rule_action(
            account: str, region: str, rule: str, action: dict[str, Any], event: Any
        ) -> None:
            if "lambda" not in action:
                await act(account, region, rule, action, event)
                return
            function = action["lambda"]["functionArn"]
            with request_scope(account, region):
                # It asks whether IoT may invoke a function for what has such an ARN; MiniStack asks for templates only.
                allowed = iot._provisioning_hook_function(function, f"arn:aws:iot:{region}:{account}:rule/{rule}")
            if allowed is None:
                raise PermissionError(f"{function} is not there, or its policy does not allow this rule to invoke it")
            lambda_svc.invoke_async_with_retry(allowed, event)

        return dispatch_rule_action

    replace(iot, "_dispatch_rule_action", invoking)
