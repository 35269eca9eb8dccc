"""The page of the local stack in a real browser, and the metrics and alarms behind it."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect, sync_playwright

from devtools import browser
from devtools.livepage import server
from devtools.localaws import stack
from support.deployment import PATIENCE_SECONDS, eventually
from support.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

# A poll of the page, and all that happens before it.
PATIENCE_MILLISECONDS = PATIENCE_SECONDS * 1000


@pytest.fixture(scope="module")
def page_url(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page of the stack that the suite shares."""
    stack_file = tmp_path_factory.mktemp("page") / "stack.json"
    stack.save(deployment.stack, stack_file)
    process, url = server.start(stack_file)
    yield url
    process.stop()


@pytest.fixture(scope="module")
def _images(deployment: Deployment) -> None:
    """One image that becomes thumbnails, and one that does not."""
    deployment.upload("live/cat.png", picture())
    deployment.upload("live/broken.png", b"broken")
    deployment.row_when("live/cat.png", "READY")
    deployment.row_when("live/broken.png", "FAILED")


@pytest.fixture(scope="module")
def page(page_url: str, _images: None) -> Iterator[Page]:
    """The page in a browser, the size of a laptop. It complains of nothing and asks nobody else for anything."""
    complaints: list[str] = []
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        chromium = browser.launch(playwright)
        opened = chromium.new_page(viewport={"width": 1440, "height": 900})
        opened.set_default_timeout(PATIENCE_MILLISECONDS)
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("request", lambda request: complaints.extend(_elsewhere(request.url, page_url)))
        opened.goto(page_url)
        yield opened
        chromium.close()
    assert complaints == []


def _elsewhere(url: str, page_url: str) -> list[str]:
    return [] if url.startswith((page_url, "data:")) else [url]


def test_the_newest_images_are_shown(page: Page) -> None:
    images = page.get_by_role("region", name="Newest images")
    cat = images.get_by_role("img", name="Thumbnail of live/cat.png")
    expect(cat).to_be_visible()
    assert cat.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(images.get_by_role("listitem").filter(has_text="live/broken.png")).to_contain_text("unidentified")


def test_failures_are_listed_with_their_reasons(page: Page) -> None:
    row = page.get_by_role("region", name="Failures").get_by_role("row").filter(has_text="live/broken.png")
    expect(row).to_contain_text("unidentified")
    expect(row).to_contain_text("The bytes are not an image of a known format.")


def test_a_trace_is_found_by_key(page: Page) -> None:
    traces = page.get_by_role("region", name="Traces")
    traces.get_by_role("searchbox", name="Key contains").fill("live/ca")
    expect(traces.get_by_role("article")).to_have_count(1)
    expect(traces.get_by_role("article")).to_contain_text("live/cat.png")
    parts = [text.split()[0] for text in traces.get_by_role("listitem").all_inner_texts()]
    assert parts[0] == "image"
    assert {"fetch", "render", "store", "commit"} <= set(parts)


def test_the_deployed_dashboard_is_drawn_with_its_data(deployment: Deployment, page: Page) -> None:
    cloudwatch = deployment.stack.client("cloudwatch")
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    name = entry["DashboardName"]
    defined = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])["widgets"]
    dashboard = page.get_by_role("region", name="Dashboards")
    expect(dashboard.get_by_role("heading", name=f"Dashboard {name}")).to_be_visible()
    widgets = dashboard.get_by_role("article")
    expect(widgets).to_have_count(len(defined))
    assert dashboard.locator(".problem").all_inner_texts() == []
    for number, widget in enumerate(defined):
        title = widget["properties"].get("title")
        if widget["type"] == "metric":
            # Plotly has drawn it, and its name tells who cannot see it the same.
            expect(widgets.nth(number).locator(".main-svg").first).to_be_visible()
            expect(widgets.nth(number).get_by_role("img", name=f"{title}. Latest values: ")).to_be_visible()
        if title:
            expect(widgets.nth(number).get_by_role("heading", name=title)).to_be_visible()
    became = dashboard.get_by_role("img", name="What became of images")
    expect(became).to_have_attribute("aria-label", re.compile(r"ready: [1-9].*failed: [1-9]"))


def test_an_alarm_goes_off_and_is_told(deployment: Deployment, page: Page) -> None:
    alarm = next(each for each in deployment.outputs["alarm_names"]["warning"] if each.endswith("-dead-letters"))
    deployment.sqs.send_message(QueueUrl=deployment.outputs["dlq_url"], MessageBody="nobody could read this")
    item = (
        page.get_by_role("region", name="Alarms").get_by_role("group").filter(has=page.get_by_text(alarm, exact=True))
    )
    expect(item.locator(".state")).to_have_text("alarm")
    item.locator("summary").click()
    expect(item).to_contain_text("Evaluated locally: the latest datapoints, the newest first, are [1")
    told = page.get_by_role("region", name="Alerts received").get_by_role("group")
    expect(told.filter(has_text=f'ALARM: "{alarm}"').first).to_be_visible()
    eventually(
        "the subscriber is told",
        lambda: any(
            f'"{alarm}"' in alert["Message"] and '"ALARM"' in alert["Message"] for alert in deployment.alerts()
        ),
    )
    deployment.sqs.purge_queue(QueueUrl=deployment.outputs["dlq_url"])


@pytest.mark.usefixtures("page_url")
def test_an_alarm_on_one_metric_looks_at_its_dimensions(deployment: Deployment) -> None:
    cloudwatch = deployment.stack.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="nobodys-queue",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "nobodys"}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )

    def changes() -> list[str] | None:
        items = cloudwatch.describe_alarm_history(AlarmName="nobodys-queue")["AlarmHistoryItems"]
        return [item["HistorySummary"] for item in items[:-1]] or None  # the oldest is its creation

    try:
        # By then the other queues have been measured, and each would do for an alarm.
        assert eventually("it is evaluated", changes) == ["Alarm updated from INSUFFICIENT_DATA to OK"]
    finally:
        cloudwatch.delete_alarms(AlarmNames=["nobodys-queue"])


@pytest.mark.usefixtures("page_url", "_images")
def test_metrics_say_what_the_log_says(deployment: Deployment) -> None:
    name = deployment.outputs["function_name"]

    def logged() -> Counter[str]:
        counted: Counter[str] = Counter()
        logs = deployment.stack.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=deployment.outputs["log_group_name"])
        for event in (event for page in pages for event in page["events"]):
            counted["Invocations"] += event["message"].startswith("REPORT RequestId")
            if event["message"].startswith('{"_aws"'):
                document = json.loads(event["message"])
                if "Reason" not in document:
                    counted.update({"Ready": document["Ready"], "Failed": document["Failed"]})
                    counted["Age"] += len(document.get("Age", ()))
        return counted

    def measured() -> Counter[str]:
        return Counter(
            {
                "Invocations": total(deployment, "AWS/Lambda", "Invocations", FunctionName=name),
                "Ready": total(deployment, "ThumbnailPipeline", "Ready", Function=name),
                "Failed": total(deployment, "ThumbnailPipeline", "Failed", Function=name),
                "Age": total(deployment, "ThumbnailPipeline", "Age", "SampleCount", Function=name),
            }
        )

    assert logged()["Ready"] > 0
    eventually("the metrics are those of the log", lambda: logged() == measured())


def test_queues_are_counted(deployment: Deployment) -> None:
    queue = deployment.outputs["queue_url"].rpartition("/")[2]
    names = ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted")

    def counted() -> list[int]:
        return [total(deployment, "AWS/SQS", name, QueueName=queue) for name in names]

    before = counted()
    deployment.upload("live/counted.png", picture("red"))
    eventually("one more of each", lambda: counted() == [number + 1 for number in before])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("path", ["view?minutes=much", "view?minutes=0", "view"])
def test_nonsense_is_refused(page_url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(page_url + path)


def total(deployment: Deployment, namespace: str, name: str, stat: str = "Sum", **dimensions: str) -> int:
    """All that has ever been published of a metric."""
    now = datetime.now(UTC)
    answer = deployment.stack.client("cloudwatch").get_metric_data(
        StartTime=now - timedelta(days=1),
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[
            {
                "Id": "all",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                    },
                    "Stat": stat,
                    "Period": 86_400,
                },
            }
        ],
    )
    return int(sum(answer["MetricDataResults"][0]["Values"]))
