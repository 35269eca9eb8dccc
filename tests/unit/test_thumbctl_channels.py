"""thumbctl channels: who hears of what, and a test of every channel."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from typer.testing import CliRunner

from devtools.localaws.stack import REPOSITORY
from thumbctl import channels
from thumbctl.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-central-1"
TIERS = ("failures", "warning", "critical")


class Deployed:
    """A stack whose topics nobody hears yet, and whose alarms are all quiet."""

    def __init__(self) -> None:
        self.sns = boto3.client("sns")
        self.cloudwatch = boto3.client("cloudwatch")
        self.topics = {tier: self.sns.create_topic(Name=f"photos-{tier}")["TopicArn"] for tier in TIERS}
        # moto has no composite alarms, and to this command a page is an alarm like another.
        self.alarms = {
            "warning": ["photos-backlog-late", "photos-catalog-throttles", "photos-notifications-failed"],
            "page": ["photos-pipeline-failing"],
        }
        for tier, names in self.alarms.items():
            for name in names:
                self.cloudwatch.put_metric_alarm(
                    AlarmName=name,
                    AlarmActions=[self.topics["critical" if tier == "page" else "warning"]],
                    ComparisonOperator="GreaterThanOrEqualToThreshold",
                    EvaluationPeriods=1,
                    Namespace="ThumbnailPipeline",
                    MetricName="Failed",
                    Statistic="Sum",
                    Period=60,
                    Threshold=1,
                )
                self.set_state(name, "OK")
        boto3.client("ssm").put_parameter(
            Name="/thumbnail-pipeline/photos",
            Type="String",
            Value=json.dumps({"topic_arns": self.topics, "alarm_names": self.alarms}),
        )

    def subscribe(self, tier: str, endpoint: str, *, status: str | None = None, policy: object = None) -> None:
        attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
        arn = self.sns.subscribe(
            TopicArn=self.topics[tier],
            Protocol="email",
            Endpoint=endpoint,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        if status:  # moto confirms by itself
            self._moto("sns").subscriptions[arn].arn = status

    def everybody_hears(self) -> None:
        for tier in TIERS:
            self.subscribe(tier, "team@example.com")

    def set_state(self, alarm: str, state: str) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="before")  # type: ignore[arg-type]

    def changes(self, alarm: str) -> list[tuple[str, str]]:
        """The states that an alarm has been in since it was first OK, with their reasons."""
        model = self._moto("cloudwatch").alarms[alarm]
        before = [(state, reason) for _, reason, _, state, _ in model.history]
        return [*before, (model.state_value, model.state_reason)][2:]

    def published(self, tier: str) -> list[Any]:
        return list(self._moto("sns").topics[self.topics[tier]].sent_notifications)

    @staticmethod
    def _moto(service: Any) -> Any:
        return get_backend(service)[DEFAULT_ACCOUNT_ID][REGION]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("THUMBCTL_STACK", "photos")
    with mock_aws():
        yield Deployed()


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["channels", *arguments])
    return result.exit_code, result.stdout, result.stderr


def documents(text: str) -> dict[str, Any]:
    return {each["tier"]: each for each in map(json.loads, text.splitlines())}


def test_who_hears_what(deployed: Deployed) -> None:
    deployed.everybody_hears()
    deployed.subscribe("failures", "fonts@example.com", policy={"reason": ["unidentified"]})
    code, out, complaints = run()
    assert (code, complaints) == (0, "")
    assert "photos in eu-central-1" in out
    (filtered,) = [line for line in out.splitlines() if "fonts@example.com" in line]
    assert filtered.split(maxsplit=4) == [
        "failures", "email", "fonts@example.com", "confirmed", '{"reason": ["unidentified"]}'
    ]  # fmt: skip
    assert sum("team@example.com" in line for line in out.splitlines()) == 3


def test_for_scripts(deployed: Deployed) -> None:
    deployed.subscribe("critical", "team@example.com")
    deployed.subscribe("critical", "new@example.com", status="PendingConfirmation")
    deployed.subscribe("critical", "former@example.com", status="Deleted")
    _, out, _ = run("--json")
    told = documents(out)
    assert list(told) == list(TIERS)
    assert told["critical"].keys() == {"tier", "topic_arn", "heard", "subscriptions"}
    assert told["critical"]["topic_arn"] == deployed.topics["critical"]
    assert told["critical"]["subscriptions"][0] == {
        "protocol": "email", "endpoint": "team@example.com", "status": "confirmed", "filter_policy": None
    }  # fmt: skip
    assert [each["status"] for each in told["critical"]["subscriptions"]] == ["confirmed", "PENDING", "DELETED"]
    assert (told["critical"]["heard"], told["warning"]["heard"]) == (True, False)


def test_nobody_is_subscribed(deployed: Deployed) -> None:
    deployed.subscribe("failures", "team@example.com")
    deployed.subscribe("warning", "team@example.com")
    code, out, complaints = run()
    assert code == 1
    assert out.splitlines()[-1].split() == ["critical", "nobody"]
    assert complaints == "Nobody hears critical: name somebody in alert_subscriptions or chat_channels, and apply.\n"


def test_nobody_has_confirmed(deployed: Deployed) -> None:
    deployed.everybody_hears()
    deployed.subscribe("warning", "second@example.com", status="PendingConfirmation")
    assert run()[0] == 0
    deployed._moto("sns").subscriptions.popitem(last=False)
    deployed._moto("sns").subscriptions.popitem(last=False)
    code, out, complaints = run()
    assert code == 1
    (pending,) = [line for line in out.splitlines() if "second@example.com" in line]
    assert "PENDING" in pending
    assert "Nobody hears warning: open the link" in complaints


def test_many_subscriptions_are_all_seen(deployed: Deployed) -> None:
    for number in range(150):  # more than SNS shows at a time
        deployed.subscribe("failures", f"{number}@example.com")
    assert len(documents(run("--json")[1])["failures"]["subscriptions"]) == 150


def test_a_test_of_everything(deployed: Deployed) -> None:
    deployed.everybody_hears()
    deployed.subscribe("failures", "new@example.com", status="PendingConfirmation")
    deployed.subscribe("failures", "fonts@example.com", policy={"reason": ["unidentified"]})
    code, out, complaints = run("test")
    assert (code, complaints) == (0, "")
    reason = "TEST by user/moto: nothing is wrong"
    assert deployed.changes("photos-catalog-throttles") == [("ALARM", reason), ("OK", reason)]
    assert deployed.changes("photos-pipeline-failing") == [("ALARM", reason), ("OK", reason)]
    assert [deployed.changes(f"photos-{each}") for each in ("notifications-failed", "backlog-late")] == [[], []]
    ((_, message, subject, attributes, *_),) = deployed.published("failures")
    assert message.startswith(reason)
    assert subject == "TEST: nothing is wrong"
    assert attributes["kind"]["Value"] == "test"
    became = {line.split()[2]: line for line in out.splitlines() if "@" in line}
    assert became["team@example.com"].rstrip().endswith("sent")
    assert became["new@example.com"].rstrip().endswith("nothing: it is PENDING")
    assert became["fonts@example.com"].rstrip().endswith("sent, if its filter policy lets it pass")
    assert "critical: the alarm photos-pipeline-failing went to ALARM and back to OK" in out


def test_a_test_of_one_tier(deployed: Deployed) -> None:
    deployed.everybody_hears()
    code, out, _ = run("test", "--tier", "warning", "--json")
    assert code == 0
    ((tier, document),) = documents(out).items()
    assert tier == "warning"
    assert document["sent"] == {
        "what": "the alarm photos-catalog-throttles went to ALARM and back to OK",
        "arrives": True,
    }
    assert deployed.changes("photos-pipeline-failing") == []
    assert deployed.published("failures") == []


def test_operators_may_set_the_alarms_that_are_borrowed_and_no_other() -> None:
    module = (REPOSITORY / "terraform" / "main.tf").read_text(encoding="utf-8")
    ((listed, name),) = re.findall(r'tested_alarms += \[for name in (\[.+?\]) : "(.+?)"\]', module)
    assert name == "${var.name}-${name}"
    assert set(json.loads(listed)) == {each for endings in channels.BORROWED.values() for each in endings}


def test_an_alarm_that_is_on_is_left_alone(deployed: Deployed) -> None:
    deployed.everybody_hears()
    deployed.set_state("photos-catalog-throttles", "ALARM")
    deployed.set_state("photos-pipeline-failing", "ALARM")
    code, out, complaints = run("test", "--tier", "warning", "--tier", "critical")
    assert code == 1
    assert complaints.startswith("critical was not tested: the alarms that could be borrowed are on")
    assert "nothing" in next(line for line in out.splitlines() if line.startswith("critical "))
    assert deployed.changes("photos-catalog-throttles") == [("ALARM", "before")]
    assert deployed.changes("photos-pipeline-failing") == [("ALARM", "before")]
    assert [state for state, _ in deployed.changes("photos-notifications-failed")] == ["ALARM", "OK"]


def test_a_page_that_waits_for_another_is_not_borrowed() -> None:
    """CloudWatch holds its message back, and there would be none before it is OK again."""
    answer: dict[str, Any] = {
        "MetricAlarms": [],
        "CompositeAlarms": [
            {"AlarmName": "messages-at-risk", "StateValue": "OK", "ActionsSuppressor": "pipeline-failing"},
            {"AlarmName": "pipeline-failing", "StateValue": "OK"},
        ],
    }

    def describe_alarms(*, AlarmNames: list[str], AlarmTypes: list[str]) -> dict[str, Any]:  # noqa: N803
        # Without the types CloudWatch describes no composite alarms.
        assert AlarmNames == ["messages-at-risk", "pipeline-failing"]
        assert "CompositeAlarm" in AlarmTypes
        return answer

    cloudwatch: Any = SimpleNamespace(describe_alarms=describe_alarms)
    assert channels._idle(cloudwatch, ["messages-at-risk", "pipeline-failing"]) == "pipeline-failing"


def test_an_interrupted_test_still_says_that_all_is_well() -> None:
    states = []

    def set_alarm_state(*, StateValue: str, **_: str) -> None:  # noqa: N803
        states.append(StateValue)
        if StateValue == "ALARM":
            raise KeyboardInterrupt

    cloudwatch: Any = SimpleNamespace(set_alarm_state=set_alarm_state)
    with pytest.raises(KeyboardInterrupt):
        channels._ring(cloudwatch, "pipeline-failing", "TEST")
    assert states == ["ALARM", "OK"]


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ("ALARM", "AWS denies SetAlarmState (no):"),
        ("OK", "The alarm photos-pipeline-failing was set to ALARM for the test"),
    ],
)
def test_a_page_that_stays_is_named(
    refused: str, words: str, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: BaseClient, operation: str, arguments: Any) -> Any:
        if operation == "SetAlarmState" and arguments["StateValue"] == refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
        return real(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    code, _, complaints = run("test", "--tier", "critical")
    assert code == 2
    assert complaints.startswith(words)
    assert [state for state, _ in deployed.changes("photos-pipeline-failing")] == (["ALARM"] if refused == "OK" else [])


def test_only_tiers_that_exist(deployed: Deployed) -> None:
    code, _, complaints = run("test", "--tier", "page")
    assert code == 2
    assert "failures" in complaints
    assert deployed.changes("photos-pipeline-failing") == []
