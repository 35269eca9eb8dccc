"""The emulator's own process: MiniStack, and what it lacks that nobody outside of it could add.

What is replaced are functions of MiniStack's own. Its version is pinned, and one that is gone fails the start.
"""
# ruff: noqa: SLF001, ANN401 - the functions to replace are MiniStack's own, and without types

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from contextvars import ContextVar
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus
from xml.etree import ElementTree

import boto3
from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]
from ministack.services import cloudwatch, dynamodb, eventbridge, lambda_svc, s3, scheduler, sqs  # type: ignore[import-untyped]

from devtools.localaws import stream_batches
from devtools.localaws.patching import replace
from devtools.localaws.stream_batches import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What an alarm on one metric has, and one on an expression does not.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_OF_ONE_METRIC: Final = ("MetricName", "Namespace", "Statistic", "Period", "Dimensions")
_SECONDS_UNTIL_ROOM: Final = 0.01


def leave_alarms_to_their_evaluator() -> None:
    """Keep MiniStack from evaluating alarms: it looks at neither dimensions nor periods nor metric math.

    `devtools.livepage.alarms` does it instead, from outside.
    """
    replace(cloudwatch, "_evaluate_alarm", lambda _original: lambda _alarm: None)


def keep_metric_math() -> None:
    """Let an alarm on an expression keep the expression, which MiniStack forgets."""

    def remembering(put: Callable[..., Any]) -> Callable[..., Any]:
        def put_metric_alarm(parameters: dict[str, Any], request: dict[str, Any], *protocol: Any) -> Any:
            answer = put(parameters, request, *protocol)
            # Terraform's provider sends the parameters of a query, other clients a document.
            said = request or _document(parameters)
            alarm = cloudwatch._alarms.get(said["AlarmName"])
            if alarm and said.get("Metrics"):
                for name in _OF_ONE_METRIC:
                    alarm.pop(name, None)
                alarm["Metrics"] = said["Metrics"]
            return answer

        return put_metric_alarm

    replace(cloudwatch, "_put_metric_alarm", remembering)


def _document(parameters: dict[str, Any]) -> dict[str, Any]:
    """What the parameters of a query say, such as `Metrics.member.1.MetricStat.Period`, as a document."""
    tree: dict[str, Any] = {}
    for name, (text, *_) in parameters.items():
        *path, leaf = name.replace(".member.", ".").split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = {"true": True, "false": False}.get(text, int(text) if leaf == "Period" else text)

    def with_lists(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if node and all(name.isdecimal() for name in node):
            return [with_lists(node[name]) for name in sorted(node, key=int)]
        return {name: with_lists(value) for name, value in node.items()}

    document: dict[str, Any] = with_lists(tree)
    return document


def count_every_invocation() -> None:
    """Record AWS/Lambda metrics where every invocation passes: MiniStack records those of the API call Invoke alone.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    emit = lambda_svc._emit_lambda_metrics

    def record(function: str, metric: str, value: int) -> None:
        cloudwatch.record_metric("AWS/Lambda", metric, value, "Count", {"FunctionName": function})

    def counting(dispatch: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def execute(func: Any, config: dict[str, Any], event: Any, request_id: str, started: float) -> dict[str, Any]:
            function = config["FunctionName"]
            _, running = lambda_svc.executions_in_flight()
            record(function, "ConcurrentExecutions", running[lambda_svc._inflight_key(config)])
            result = dispatch(func, config, event, request_id, started)
            emit(function, duration_ms=(time.time() - started) * 1000, error=bool(result.get("error")), throttle=False)
            return result

        return execute

    def throttles_alone(_original: Callable[..., None]) -> Callable[..., None]:
        def emit_metrics(function: str, *, throttle: bool, **_: Any) -> None:
            # A request that is throttled is no invocation.
            if throttle:
                record(function, "Throttles", 1)

        return emit_metrics

    replace(lambda_svc, "_execute_function_dispatch", counting)
    replace(lambda_svc, "_emit_lambda_metrics", throttles_alone)


def count_every_message() -> None:
    """Record what queues take in, hand out and delete, which MiniStack counts nowhere.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """

    def record(queue: str, metric: str, number: int) -> None:
        if number:
            cloudwatch.record_metric("AWS/SQS", metric, number, "Count", {"QueueName": queue})

    def counting(handle: Callable[..., Any], metric: str) -> Callable[..., Any]:
        def handle_and_count(request: dict[str, Any], url: str) -> Any:
            answer = handle(request, url)
            # The answer to a batch tells how much of it was done.
            record(request.get("QueueUrl", url).rpartition("/")[2], metric, len(answer.get("Successful", [answer])))
            return answer

        return handle_and_count

    for action, metric in (("Send", "NumberOfMessagesSent"), ("Delete", "NumberOfMessagesDeleted")):
        for name in (f"{action}Message", f"{action}MessageBatch"):
            sqs._HANDLERS[name] = counting(sqs._HANDLERS[name], metric)

    def notifying(deliver: Callable[..., None]) -> Callable[..., None]:
        def deliver_and_count(arn: str, *arguments: Any, **named: Any) -> None:
            deliver(arn, *arguments, **named)
            record(arn.rpartition(":")[2], "NumberOfMessagesSent", 1)

        return deliver_and_count

    def receiving(collect: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def collect_and_count(queue: dict[str, Any], *arguments: Any) -> list[Any]:
            messages = collect(queue, *arguments)
            record(queue["name"], "NumberOfMessagesReceived", len(messages))
            return messages

        return collect_and_count

    def acknowledging(delete: Callable[..., None]) -> Callable[..., None]:
        def delete_and_count(url: str, receipts: set[str]) -> None:
            delete(url, receipts)
            record(url.rpartition("/")[2], "NumberOfMessagesDeleted", len(receipts))

        return delete_and_count

    replace(s3, "_deliver_event_to_sqs", notifying)
    replace(sqs, "_collect_msgs", receiving)
    replace(sqs, "_delete_messages_for_esm", acknowledging)


def decode_filters() -> None:
    """Take the filter of a notification as it stands in a URL, as S3 does; MiniStack compares it with the key as it is.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    """

    def decoding(matches: Callable[..., bool]) -> Callable[..., bool]:
        def key_matches_filter(key: str, prefix: str | None, suffix: str | None) -> bool:
            return matches(key, prefix and unquote_plus(prefix), suffix and unquote_plus(suffix))

        return key_matches_filter

    replace(s3, "_key_matches_filter", decoding)


def encode_versions() -> None:
    """Encode the keys in a listing of versions where that is asked for, as S3 does; MiniStack forgets it there alone.

    Terraform's provider decodes them, before it empties a bucket that it destroys.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    """

    def encoding(list_versions: Callable[..., Any]) -> Callable[..., Any]:
        def list_object_versions(bucket: str, query: dict[str, Any]) -> Any:
            status, headers, body = list_versions(bucket, query)
            if status != HTTPStatus.OK or s3._qp(query, "encoding-type", "") != "url":
                return status, headers, body
            root = ElementTree.fromstring(body)  # noqa: S314 - MiniStack's own
            for name in ("Key", "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker"):
                for element in root.iter(f"{{{s3.S3_NS}}}{name}"):
                    element.text = s3._url_encode(element.text or "")
            ElementTree.SubElement(root, f"{{{s3.S3_NS}}}EncodingType").text = "url"
            return status, headers, ElementTree.tostring(root, encoding="utf-8", default_namespace=s3.S3_NS)

        return list_object_versions

    replace(s3, "_list_object_versions", encoding)


def refuse_unsigned_headers() -> None:
    """Refuse what comes by a signed URL with a header of Amazon's that is not signed, as S3 does.

    MiniStack would take it: who was given a URL for one PUT could add tags, metadata or an ACL to what they put.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """

    def refusing(verify: Callable[..., Any]) -> Callable[..., Any]:
        def verify_presigned(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> Any:
            refused = verify(method, path, headers, query)
            signed = s3._qp(query, "X-Amz-SignedHeaders", "").split(";")
            added = [name for name in headers if name.startswith("x-amz-") and name not in signed]
            if refused is None and added and s3._qp(query, "X-Amz-Signature", ""):
                words = "There were headers present in the request which were not signed"
                return s3._error("AccessDenied", words, 403, path)
            return refused

        return verify_presigned

    replace(s3, "_verify_presigned_sigv4", refusing)


def keep_failures_of_functions_inside() -> None:
    """Answer in the words of an HTTP API when the function behind it fails; MiniStack hands on what it died of.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
    """

    def answering(shape: Callable[..., Any]) -> Callable[..., Any]:
        def proxy_response(result: dict[str, Any]) -> Any:
            if not result.get("error"):
                return shape(result)
            body = json.dumps({"message": "Internal Server Error"})
            return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": body}, None

        return proxy_response

    replace(lambda_svc, "lambda_execute_result_to_api_proxy_response", answering)


def retry_streams() -> None:
    """Do with a batch of a DynamoDB stream that failed what Lambda does; see `stream_batches`.

    MiniStack takes what a function reports as failed for done, and knows neither halves of a batch, nor how often it
    may be tried, nor S3 as the place for what is given up. It invokes the function where all queues wait for it, too.
    """
    # Batches that are to be tried before anything else, by mapping: those of one shard, of which every stream has one.
    waiting: dict[str, list[Batch]] = {}

    def poll() -> bool:
        took = [_in_the_name_of(account, region, take, mapping) for account, region, mapping in _stream_mappings()]
        return any(took)

    def take(mapping: dict[str, Any]) -> bool:
        mapping_id = mapping["UUID"]
        function, config = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
        if (
            not mapping.get("Enabled", True)
            or function is None
            or lambda_svc._esm_inflight.get(mapping_id)
            or lambda_svc._esm_backoff_until.get(mapping_id, 0) > time.time()
        ):
            return False
        batches = waiting.setdefault(mapping_id, [])
        while not batches and (records := read(mapping)):
            if kept := lambda_svc._apply_filter_criteria(records, mapping):
                batches.append(Batch(tuple(kept)))
        if batches:
            lambda_svc._dispatch_esm_batch(mapping_id, invoke, mapping, function, config, batches)
        return bool(batches)

    def read(mapping: dict[str, Any]) -> list[Any]:
        table = mapping["EventSourceArn"].split("/")[1]
        if dynamodb._tables.get(table, {}).get("LatestStreamArn") != mapping["EventSourceArn"]:
            return []
        place = lambda_svc._dynamodb_stream_positions[mapping["UUID"]]
        records: list[Any] = dynamodb.stream_records_since(table, place, mapping.get("BatchSize", 100))
        lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = max(
            place, dynamodb.stream_start_position(table)
        ) + len(records)
        count(mapping, "PolledEventCount", len(records))
        return records

    def invoke(mapping: dict[str, Any], function: Any, config: dict[str, Any], batches: list[Batch]) -> None:
        batch = batches[0]
        name, age = config["FunctionName"], batch.age(time.time())
        cloudwatch.record_metric("AWS/Lambda", "IteratorAge", age * 1000, "Milliseconds", {"FunctionName": name})
        result = lambda_svc._execute_function(function, {"Records": list(batch.records)})
        follows = stream_batches.after(batch, result, mapping, time.time())
        batches[:1] = follows.again
        done = not follows.again and not follows.given_up
        mapping["LastProcessingResult"] = "OK" if done else "PROBLEM: Function call failed"
        if follows.again:
            lambda_svc._esm_backoff_until[mapping["UUID"]] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS
        if follows.given_up:
            document = stream_batches.invocation_record(follows, config["FunctionArn"], result)
            count(mapping, "DroppedEventCount", document["DDBStreamBatchInfo"]["batchSize"])
            park(mapping, config, document)

    def park(mapping: dict[str, Any], config: dict[str, Any], document: dict[str, Any]) -> None:
        place = mapping["DestinationConfig"]["OnFailure"]["Destination"]
        # As the function's role, as Lambda does.
        credentials = {name.lower(): value for name, value in lambda_runtime.execution_credentials(config).items()}
        session = boto3.session.Session(**credentials, region_name=os.environ["MINISTACK_REGION"])
        session.client("s3", endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}").put_object(
            Bucket=place.removeprefix("arn:aws:s3:::"),
            Key=stream_batches.object_key(mapping["UUID"], time.time()),
            Body=json.dumps(document).encode(),
        )
        count(mapping, "OnFailureDestinationDeliveredEventCount", document["DDBStreamBatchInfo"]["batchSize"])

    def count(mapping: dict[str, Any], metric: str, number: int) -> None:
        if number and "EventCount" in (mapping.get("MetricsConfig") or {}).get("Metrics", ()):
            dimensions = {"EventSourceMappingUUID": mapping["UUID"]}
            cloudwatch.record_metric("AWS/Lambda", metric, number, "Count", dimensions)

    replace(lambda_svc, "_poll_dynamodb_streams", lambda _original: poll)


def keep_metrics_of_mappings() -> None:
    """Let a mapping keep which metrics it is to have, which MiniStack forgets."""

    def keeping(create: Callable[..., Any]) -> Callable[..., Any]:
        def create_mapping(request: dict[str, Any]) -> Any:
            before = set(lambda_svc._esms)
            answer = create(request)
            for created in set(lambda_svc._esms) - before:
                if "MetricsConfig" in request:
                    lambda_svc._esms[created]["MetricsConfig"] = request["MetricsConfig"]
            return answer

        return create_mapping

    replace(lambda_svc, "_create_esm", keeping)


def make_schedules_once() -> None:
    """Answer a request for a schedule that is repeated with its token as the first, and not that there is one already.

    Clients repeat it where the first answer was lost; every SDK makes a token where nobody gives one.
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    """
    made: dict[tuple[str, str], Any] = {}

    def once(create: Callable[..., Any]) -> Callable[..., Any]:
        def create_schedule(name: str, request: dict[str, Any]) -> Any:
            asked = name, request["ClientToken"]
            if asked in made:
                return made[asked]
            answer = create(name, request)
            if answer[0] == HTTPStatus.OK:
                made[asked] = answer
            return answer

        return create_schedule

    replace(scheduler, "_create_schedule", once)


def invoke_targets_asynchronously() -> None:
    """Have EventBridge invoke a function as S3 does, so that an event that fails is tried again.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
    """

    def dispatch(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            record = lambda_svc._execution_record_for_config(function, config)
            lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    replace(eventbridge, "_dispatch_to_lambda", lambda _original: dispatch)


def let_throttled_events_wait() -> None:
    """Have an event that finds no room for its function wait for some, and not be given up as one that failed.

    There will be none where the function is switched off by a reserved concurrency of 0.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    asynchronously = ContextVar("asynchronously", default=False)

    def telling(invoke: Callable[..., None]) -> Callable[..., None]:
        def invoke_async(func: Any, event: Any) -> None:
            token = asynchronously.set(True)
            try:
                invoke(func, event)
            finally:
                asynchronously.reset(token)

        return invoke_async

    # Of each function's events, one at a time looks for room: hundreds that did would leave no time for any work.
    turns: defaultdict[str, Lock] = defaultdict(Lock)

    def has_room(func: Any, config: dict[str, Any]) -> bool:
        _, running = lambda_svc.executions_in_flight()
        reserved = lambda_svc._reserved_concurrency(func, config)
        return reserved is None or running.get(lambda_svc._inflight_key(config), 0) < reserved

    def waiting(execute: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def execute_function(func: Any, event: Any) -> dict[str, Any]:
            config = func.get("config") or func
            switched_off = lambda_svc._reserved_concurrency(func, config) == 0
            while (result := execute(func, event)).get("throttle") and asynchronously.get() and not switched_off:
                with turns[config["FunctionName"]]:
                    time.sleep(_SECONDS_UNTIL_ROOM)
                    while not has_room(func, config):
                        time.sleep(_SECONDS_UNTIL_ROOM)
            return result

        return execute_function

    replace(lambda_svc, "invoke_async_with_retry", telling)
    replace(lambda_svc, "_execute_function", waiting)


def let_others_live() -> None:
    """Let an invocation that is under way end where another of its function dies, or the function is changed.

    MiniStack ends them all, and those that it starts in their place, as long as any of them does.
    """
    doomed: set[Any] = set()

    def sparing(kill: Callable[[list[Any]], None]) -> Callable[[list[Any]], None]:
        def kill_workers(workers: list[Any]) -> None:
            doomed.update(each for each in workers if each.in_use)
            kill([each for each in workers if not each.in_use])

        return kill_workers

    def ending(release: Callable[[Any], None]) -> Callable[[Any], None]:
        def release_worker(worker: Any) -> None:
            release(worker)
            if worker in doomed:
                doomed.discard(worker)
                lambda_runtime.kill_workers([worker])

        return release_worker

    replace(lambda_runtime, "kill_workers", sparing)
    replace(lambda_svc, "release_worker", ending)


def _stream_mappings() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for account, region, mapping in lambda_svc._iter_all_esms():
        if mapping.get("EventSourceArn", "").startswith("arn:aws:dynamodb:"):
            yield account, region, mapping


def _in_the_name_of(account: str, region: str, do: Callable[..., Any], *arguments: Any) -> Any:
    """Call `do` as MiniStack does what concerns an account and a region."""
    tokens = lambda_svc._request_account_id.set(account), lambda_svc._request_region.set(region)
    try:
        return do(*arguments)
    finally:
        lambda_svc._request_account_id.reset(tokens[0])
        lambda_svc._request_region.reset(tokens[1])


def ask_for_actions_as_aws_has_them() -> None:
    """Ask policies for the actions of AWS: for a batch of messages that of a single one, for a configuration its own.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    """

    def as_aws(extract: Callable[..., str | None]) -> Callable[..., str | None]:
        def extract_iam_action(service: str, method: str, path: str, *more: Any) -> str | None:
            action = extract(service, method, path, *more)
            if action == "lambda:ListEventSourceMappings" and path.rstrip("/").count("/") > _OF_ALL_MAPPINGS:
                return "lambda:GetEventSourceMapping"
            if action == "lambda:GetFunction" and path.endswith("/recursion-config"):
                return "lambda:GetFunctionRecursionConfig"
            return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

        return extract_iam_action

    replace(iam_actions, "extract_iam_action", as_aws)


_OF_ALL_MAPPINGS: Final = "/2015-03-31/event-source-mappings".count("/")


if __name__ == "__main__":
    leave_alarms_to_their_evaluator()
    keep_metric_math()
    count_every_invocation()
    count_every_message()
    decode_filters()
    encode_versions()
    refuse_unsigned_headers()
    keep_failures_of_functions_inside()
    retry_streams()
    keep_metrics_of_mappings()
    make_schedules_once()
    invoke_targets_asynchronously()
    let_throttled_events_wait()
    let_others_live()
    ask_for_actions_as_aws_has_them()
    if os.environ["IOT_MTLS_ENABLED"] == "true":
        # MiniStack takes a second to load what it has of IoT.
        from devtools.localaws import iot_process

        iot_process.complete()
    app.main()
