"""A scheduled pass over both buckets, in pieces: where one invocation runs out of time, the next one goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config as ClientConfig

from reconciler.config import ReconcilerConfig
from reconciler.cursor import Cursor, CursorParameter
from thumbnail_pipeline import lean, telemetry
from thumbnail_pipeline.reconciliation.alignment import can_go_on_at
from thumbnail_pipeline.reconciliation.comparison import CONNECTIONS, Estate, reconcile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thumbnail_pipeline.environment import LambdaContext
    from thumbnail_pipeline.reconciliation.findings import Examined, PassTally

# Enough for a thousand second looks and for writing the cursor, each call with its retries.
_MARGIN_MILLISECONDS = 60_000
_MOST_FINDINGS_LOGGED = 100


@dataclass(frozen=True)
class Scheduled:
    """What a warm function keeps between invocations."""

    config: ReconcilerConfig
    estate: Estate
    cursor: CursorParameter

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Scheduled:
        """Read the environment and make the clients; nothing goes over the network."""
        config = ReconcilerConfig.from_environment(environment)
        session = boto3.session.Session(botocore_session=lean.session())
        several = ClientConfig(
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 5},
            # Every request is made here, and checking each of its keys takes longer than sending it.
            parameter_validation=False,
        )
        estate = Estate(
            s3=session.client("s3", config=several),
            dynamodb=session.client("dynamodb", config=several),
            source_bucket=config.source_bucket,
            thumbnails_bucket=config.thumbnails_bucket,
            catalog_table=config.catalog_table,
            settings=config.settings,
            prefix=config.source_prefix,
            propagates_deletions=config.propagates_deletions,
        )
        cursor = CursorParameter(
            session.client("ssm"), config.cursor_parameter, config.settings.fingerprint, config.source_prefix
        )
        return cls(config, estate, cursor)

    def run(self, context: LambdaContext) -> dict[str, Any]:
        """Go on with the pass for as long as there is time, and when it is complete, publish its metrics.

        Return the counts so far, for people who invoke the function by hand.
        """
        begun = self.cursor.read()
        tally = begun.tally
        logged = 0
        for examined in reconcile(self.estate, after=begun.after):
            tally.add(examined)
            if examined.is_wrong and logged < _MOST_FINDINGS_LOGGED:
                logged += _log(examined)
            if examined.place and can_go_on_at(examined.place) and _is_nearly_over(context):
                self.cursor.write(Cursor(examined.place, tally))
                return _told("The pass goes on with the next invocation", tally, after=examined.place)
        self.cursor.clear()
        self._publish(tally)
        return _told("The pass is over", tally)

    def _publish(self, tally: PassTally) -> None:
        values = {
            "Completeness": tally.completeness,
            "Incomplete": tally.incomplete,
            "Orphans": tally.orphans,
            "Checked": tally.checked,
        }
        telemetry.publish(self.config.metrics_function, values)


def _is_nearly_over(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() < _MARGIN_MILLISECONDS


def _log(examined: Examined) -> int:
    """Write a line for each thing that is wrong, and return how many."""
    wrong = [finding for finding in examined.findings if finding.kind.is_wrong]
    for finding in wrong:
        shown = finding.as_json()
        telemetry.log("WARNING", "Something is incomplete", source_key=shown.pop("key"), **shown)
    return len(wrong)


def _told(message: str, tally: PassTally, **fields: str) -> dict[str, Any]:
    told = {**tally.as_json(), "completeness": tally.completeness, **fields}
    telemetry.log("INFO", message, **told)
    return told
