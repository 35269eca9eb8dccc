"""The figures of docs/cost.md, docs/capacity.md and the README, computed.

The pages call this through cog: `<!-- [[[cog from devtools.docs.cost_figures import FIGURES; … ]]] -->`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from devtools.docs.markdown import table
from thumbctl.costs import announcing, asking, connecting, ranging
from thumbctl.costs.capacity import spoken
from thumbctl.costs.estimate import Estimate, Job, default_workload
from thumbctl.costs.model import (
    BUCKET_KEY_MISSES,
    MEASURED_MEMORY_MB,
    Line,
    Model,
    PricedStack,
    Workload,
    by_service,
    total,
)
from thumbctl.costs.ranges import DEFAULT_RANGES
from thumbctl.defaults import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thumbctl.costs.capacity import JobCapacity
    from thumbnail_pipeline.settings import Rendition

_MILLION = 1_000_000
_FEW = 10
_BODIES_KB = (10, 50, 90)  # a message holds 128 KB of base64 and what is around it
_MOST_CONCURRENCY = 1000
_RANGES_SHOWN = (4, DEFAULT_RANGES)
_SIZES = (_MILLION, 100 * _MILLION, 1000 * _MILLION)
_TEXTS = frozenset(
    {"service", "what", "with", "that come", "one image", "price", "of", "figure", "job", "saturates first", "limit"}
)


@dataclass(frozen=True)
class CostFigures:
    """The figures of a model for a workload and a stack; each public method is one text in Markdown."""

    model: Model
    workload: Workload
    stack: PricedStack

    @classmethod
    def load(cls) -> CostFigures:
        """Of the checked-in figures, the module's defaults and the stack that it makes."""
        return cls(Model.load(), Workload(DEFAULT.renditions), PricedStack())

    def kept(self) -> str:
        """What a million images cost in each month that they are kept."""
        return self._lines(self.model.kept(_MILLION, self.workload))

    def idle(self) -> str:
        """What a month costs in which nothing happens."""
        return self._lines(self.model.idle(self.stack))

    def in_use(self) -> str:
        """What a month costs on top where something happens all the time."""
        return self._lines(self.model.in_use(self.stack))

    def summary(self) -> str:
        """The sentence of the README."""
        once, idle = self._dollars_of(self.workload), total(self.model.idle(self.stack))
        hours = self.model.seconds(_MILLION, self.workload) / 3600
        return (
            f"A million images cost about ${once:.0f} to process and take {hours:.1f} hours at the default "
            f"concurrency; a stack that idles costs ${idle:.2f} a month. List prices, {self.model.prices.region}, "
            f"{self.model.prices.date}: [docs/cost.md](docs/cost.md) says what for, and what changes it."
        )

    def once(self) -> str:
        """What a million images cost once, line by line."""
        return self._lines(self.model.once(_MILLION, self.workload), shares=True)

    def dominates(self) -> str:
        """Which services and lines cost most of it."""
        lines = self.model.once(_MILLION, self.workload)
        services, everything = by_service(lines), total(lines)
        shares = [f"{service} {dollars / everything:.0%}" for service, dollars in services.items() if dollars]
        dearest = max(lines, key=lambda line: line.dollars)
        compute = next(line for line in lines if line.what == "compute")
        return (
            f"By service: {', '.join(shares)}. The dearest line is {dearest.service}'s {dearest.what}, with "
            f"{dearest.dollars / everything:.0%} of it all; compute is {compute.dollars / everything:.0%}. "
            f"Compute would have to take {dearest.dollars / compute.dollars:.1f} times as long to cost as much."
        )

    # ── the levers ───────────────────────────────────────────────────────────────────────────────────

    def levers(self) -> str:
        """What a change of one setting costs or saves."""
        workload, prices = self.workload, self.model.prices

        def change(changed: Workload) -> float:
            return self._dollars_of(changed) - self._dollars_of(workload)

        large, *smaller = workload.renditions
        calls = self.model.measured.per_image.calls["GetObject"] + len(workload.renditions)
        half_a_second = workload.memory_mb / 1024 / 2
        compute = prices.lambda_arm64 if workload.architecture == "arm64" else prices.lambda_x86_64
        changes = [
            (f"two renditions, without `{large.name}`", change(replace(workload, renditions=tuple(smaller)))),
            ("one rendition, the smallest", change(replace(workload, renditions=(workload.renditions[-1],)))),
            (
                "AVIF of quality 60 instead of WebP of 80, which looks as good",
                change(replace(workload, renditions=self._as_avif())),
            ),
            ("architecture x86_64, at the same speed", change(replace(workload, architecture="x86_64"))),
            ("a claim on every row before it is written", prices.dynamodb_write.of(_MILLION)),
            ("a look at every row before it is written", prices.dynamodb_read.of(_MILLION)),
            ("rows of more than 1 KB", prices.dynamodb_write.of(_MILLION)),
            ("bucket keys off", prices.kms_request.of(_MILLION * calls * (1 - BUCKET_KEY_MISSES))),
            ("log level WARNING, at most", change(replace(workload, log_level="WARNING"))),
            ("no traces", change(replace(workload, trace_rate=0))),
            ("every invocation traced", change(replace(workload, trace_rate=1))),
            ("batches of 5", change(replace(workload, batch=5))),
            ("batches of 100", change(replace(workload, batch=100))),
            ("images that come one at a time, each traced", change(replace(workload, batch=1, trace_rate=1))),
            ("… and each to a cold start of half a second", compute.of(_MILLION * half_a_second)),
            ("one image in a hundred fails", change(replace(workload, failed=0.01))),
        ]
        rows = [[what, f"{'+' if dollars >= 0 else '-'}{_dollars(abs(dollars))}"] for what, dollars in changes]
        return table(["with", "dollars per million images"], rows, texts=_TEXTS)

    def avif(self) -> str:
        """When AVIF's compute comes back as storage and transfer."""
        avif = self._as_avif()
        compute = self._line("compute", replace(self.workload, renditions=avif)).dollars - self._line("compute").dollars
        webp_bytes, avif_bytes = (self.model.thumbnail_bytes(each) for each in (self.workload.renditions, avif))
        saved = webp_bytes - avif_bytes
        saved_gb = saved * _MILLION / 2**30
        months = compute / self.model.prices.s3_storage.of(saved_gb)
        return (
            f"AVIF takes {_dollars(compute)} more compute per million images and saves {saved / webp_bytes:.0%} of "
            f"the bytes, {saved_gb:.1f} GB. In storage alone that takes {months:.0f} months to come back; in transfer "
            f"at ten cents a GB, it has come back when every thumbnail was seen {compute / saved_gb / 0.1:.1f} times."
        )

    def phones(self) -> str:
        """What a million pictures of phones cost."""
        phones, ms = self.model.measured.phones, self.model.billed_ms(self.workload)
        more = phones.heic_ms - phones.jpeg_ms
        compute, everything = self._line("compute").dollars * more / ms, self._dollars_of(self.workload)
        hours = self.model.seconds(_MILLION, self.workload) / 3600
        return (
            f"The default renditions of a phone's picture of 12 megapixels take {phones.heic_ms:.0f} ms of a processor"
            f" as HEIC and {phones.jpeg_ms:.0f} ms as JPEG, measured in turns on {phones.date}. So a million of them"
            f" as HEIC cost {_dollars(everything + compute)} instead of {_dollars(everything)}, in"
            f" {hours * (ms + more) / ms:.1f} hours instead of {hours:.1f} at the default concurrency; compute is then"
            f" {(self._line('compute').dollars + compute) / (everything + compute):.0%} of it all."
        )

    def memory(self) -> str:
        """Time and price of a million images by memory setting."""
        rows = []
        for each in self.model.measured.memory.settings:
            workload = replace(self.workload, memory_mb=each.memory_mb)
            dollars = [
                self._line("compute", replace(workload, architecture="arm64")).dollars,
                self._line("compute", replace(workload, architecture="x86_64")).dollars,
            ]
            ms = self.model.billed_ms(workload)
            hours = self.model.seconds(_MILLION, workload) / 3600
            rows.append([f"{each.memory_mb:,}", f"{ms:.0f}", f"{hours:.1f}", *map(_dollars, dollars)])
        return table(["memory, MB", "ms an image", "hours a million", "arm64", "x86_64"], rows, texts=_TEXTS)

    def months(self) -> str:
        """What whole months cost, by how many images come in them."""
        trickle = replace(self.workload, batch=1, trace_rate=1)
        cases = [
            (0, "", self.workload),
            (10_000, "one at a time", trickle),
            (_MILLION, "one at a time", trickle),
            (_MILLION, "in full batches", self.workload),
            (100 * _MILLION, "in full batches", self.workload),
        ]
        rows = [
            [f"{images:,}", how, _dollars(total(self.model.month(images, workload, self.stack)))]
            for images, how, workload in cases
        ]
        return table(["images in the month", "that come", "dollars"], rows, texts=_TEXTS)

    # ── completion events ────────────────────────────────────────────────────────────────────────────

    def events_idle(self) -> str:
        """What events cost in a month in which nothing happens."""
        idle = _dollars(total(announcing.idle_events()))
        return f"Switched on, it costs {idle} in a month in which nothing happens, for its alarms."

    def events(self) -> str:
        """What it costs to announce a million images, each alone."""
        return self._lines(announcing.events(_MILLION))

    # ── the change stream ────────────────────────────────────────────────────────────────────────────

    def changes_idle(self) -> str:
        """What a change stream costs in a month in which nothing happens, beside the rest of the stack."""
        idle = total(self.model.idle(self.stack))
        on_demand = total(announcing.idle_changes("on-demand"))
        shard = total(announcing.idle_changes("provisioned"))
        return (
            f"A change stream that is on demand costs {_dollars(on_demand)} a month in which nothing happens, and one"
            f" of one shard {_dollars(shard)}. All else that is there by default costs {_dollars(idle)}: a stream on"
            f" demand idles at {on_demand / idle:.1f} times as much as the rest of the stack."
        )

    def changes(self) -> str:
        """What it costs to bring the events of a million images through a stream on demand into the archive."""
        return self._lines(announcing.changes(_MILLION, "on-demand"))

    # ── the front door ───────────────────────────────────────────────────────────────────────────────

    def api_idle(self) -> str:
        """What a front door costs in a month in which nobody comes."""
        idle = _dollars(total(asking.idle_api()))
        return f"Switched on, it costs {idle} in a month in which nobody comes, for its alarms."

    def asks(self) -> str:
        """What it costs to grant a million uploads."""
        return self._lines(asking.asks(_MILLION))

    def users(self) -> str:
        """What ten thousand users who sign in cost."""
        return self._lines(asking.users(10_000))

    # ── the door for devices ─────────────────────────────────────────────────────────────────────────

    def devices_idle(self) -> str:
        """What a door for devices costs in a month in which none comes, and what one that is connected adds."""
        idle, one = total(connecting.idle_devices()), total(connecting.connected(1))
        return (
            f"Switched on, it costs {_dollars(idle)} in a month in which no device comes, for its alarms, and"
            f" ${one:.4f} for each device that stays connected all month."
        )

    def devices(self) -> str:
        """What a million uploads of a thousand devices cost that are always connected."""
        return self._lines([*connecting.connected(1_000), *connecting.uploads(_MILLION)])

    def devices_by_message(self) -> str:
        """What pictures cost that come in the message itself, by their size, beside those that are put."""
        put = total(connecting.uploads(_MILLION))
        rows = [["put to a signed address, of any size", _dollars(put), _dollars(0)]]
        for kilobytes in _BODIES_KB:
            within = total(connecting.uploads(_MILLION, picture_bytes=kilobytes * 1024))
            rows.append([f"in the message, of {kilobytes} KB", _dollars(within), f"+{_dollars(within - put)}"])
        return table(["that come", "dollars per million pictures", "more"], rows, texts=_TEXTS)

    # ── bulk jobs ────────────────────────────────────────────────────────────────────────────────────

    def bulk(self, kind: Literal["import", "backfill"]) -> str:
        """What a job of this kind costs on top of making the thumbnails of a million images that were there before."""
        alike = {line.what for line in self.model.once(_MILLION, self.workload)} - {"send"}
        job = Job(kind, _MILLION, self._bytes(_MILLION), rewritten=_MILLION)
        return self._lines([line for line in self._estimate(job).once if line.what not in alike])

    def bulk_jobs(self) -> str:
        """Price and time of imports and backfills by size."""
        rows = []
        for images in _SIZES:
            for job in self._jobs(images):
                default, good = self._estimate(job), self._estimate(job, self._good_concurrency(job))
                rows.append(
                    [
                        self._named(job),
                        f"{images:,}",
                        _dollars(default.dollars),
                        _dollars(default.monthly_dollars),
                        f"{spoken(default.seconds)} at {default.capacity.concurrency}",
                        f"{spoken(good.seconds)} at {good.capacity.concurrency}",
                    ]
                )
        return table(
            ["job", "images", "dollars once", "dollars a month", "by default", "with a good setting"],
            rows,
            texts=_TEXTS,
        )

    def off(self) -> str:
        """How far off an estimate is when the measured time is."""
        estimate = self._estimate(self._jobs(_MILLION)[0])
        cheap, dear = estimate.dollars_between
        soon, late = estimate.seconds_between
        return (
            f"A million images of {estimate.job.bytes / _MILLION / 1e6:.2f} MB cost {_dollars(estimate.dollars)} to"
            f" import, in {spoken(estimate.seconds)}; {_dollars(cheap)} in {spoken(soon)} if Lambda takes half the time"
            f" that was measured, and {_dollars(dear)} in {spoken(late)} if it takes twice as long."
        )

    def nothing_to_do(self) -> str:
        """What a backfill costs that finds nothing to do."""
        idle, inventory = (
            self._estimate(Job("backfill", 0, 0, examined=_MILLION, inventory=each)).dollars for each in (False, True)
        )
        return (
            f"A backfill that finds nothing to do costs {_dollars(idle)} for a million objects, and"
            f" {_dollars(inventory)} where it reads an S3 Inventory."
        )

    def jobs_idle(self) -> str:
        """What it costs to be able to have bulk jobs in the account, and to have one all the time."""
        idle, metrics = total(ranging.idle_jobs()), ranging.jobs_metrics().dollars
        return (
            f"`jobs` is off unless you ask for it. Switched on, it costs {_dollars(idle)} in a month without a job, for"
            f" its alarms and because Lambda polls its queue; its metrics cost {_dollars(metrics)} in a month in which"
            " there is always one."
        )

    def capacity(self) -> str:
        """How much of each limit of AWS a job uses."""
        return self._usages(self._estimate(self._jobs(_MILLION)[0], _MOST_CONCURRENCY).capacity)

    @staticmethod
    def _usages(capacity: JobCapacity) -> str:
        rows = [
            [
                each.service,
                _link(each.what, each.limit.page),
                _amount(each.demand),
                _amount(each.most),
                f"{each.share:.0%}",
                f"{each.saturates_at:,.0f}" if each.saturates_at else "",
            ]
            for each in capacity.usages
        ]
        return table(["service", "what", "this job", "allowed", "used", "full at"], rows, texts=_TEXTS)

    def concurrencies(self) -> str:
        """How long jobs take by concurrency, and what is full first."""
        job = self._jobs(_MILLION)[0]
        concurrencies = sorted({20, 100, self._good_concurrency(job), _MOST_CONCURRENCY})
        rows = []
        for concurrency in concurrencies:
            of_each = [self._estimate(each, concurrency).capacity for each in self._same_job(job)]
            first = of_each[0].first
            saturates = f"{first.service}: {first.what}, at {first.saturates_at:,.0f}" if first else "nothing"
            times = [spoken(each.seconds) for each in of_each]
            # Of the longest, in which what comes before everything runs hardly counts.
            rate = of_each[-1].demand.images / of_each[-1].seconds
            rows.append([f"{concurrency:,}", f"{rate:,.0f}", *times, saturates])
        headings = ["at a time", "images a second", *(f"{images:,}" for images in _SIZES), "saturates first"]
        return table(headings, rows, texts=_TEXTS)

    def verdicts(self) -> str:
        """What holds up three jobs, in words."""
        verdicts = []
        for images, concurrency in ((_MILLION, _MOST_CONCURRENCY), (100 * _MILLION, 20), (1000 * _MILLION, 20)):
            capacity = self._estimate(self._jobs(images)[0], concurrency).capacity
            verdicts.append(f"- **{images:,} images, {concurrency:,} at a time.** {' '.join(capacity.verdict)}")
        return "\n".join(verdicts)

    def in_account(self) -> str:
        """How long bulk jobs in the account take by the number of ranges at a time, and what is full first."""
        good = self._good_concurrency(self._jobs(_MILLION)[2])
        few, many = _RANGES_SHOWN
        cases = [
            *((name, each, None) for name in ("backfill, nothing to do", "reconcile") for each in (few, many)),
            *(("backfill, everything to do", few, concurrency) for concurrency in (None, good)),
        ]
        rows = []
        for name, ranges, concurrency in cases:
            of_each = [self._in_account(name, objects, ranges, concurrency) for objects in _SIZES]
            slowest = max(of_each[-1].capacities.values(), key=lambda capacity: capacity.seconds)
            first = slowest.first
            saturates = f"{first.service}: {first.what}, at {first.saturates_at:,.0f}" if first else "nothing"
            at_a_time = [f"{each.setting} = {each.concurrency:,}" for each in of_each[-1].capacities.values()]
            rate = f"{slowest.demand.images / slowest.seconds:,.0f}"
            rows.append([name, ", ".join(at_a_time), rate, *(spoken(each.seconds) for each in of_each), saturates])
        headings = ["job", "with", "objects a second", *(f"{objects:,}" for objects in _SIZES), "saturates first"]
        return table(headings, rows, texts=_TEXTS)

    def in_account_limits(self) -> str:
        """How much of each limit of AWS a backfill in the account uses that finds nothing to do."""
        return self._usages(
            self._in_account("backfill, nothing to do", _SIZES[-1], DEFAULT_RANGES).capacities["objects"]
        )

    def in_account_verdicts(self) -> str:
        """What holds up a job in the account, in words."""
        verdicts = []
        for ranges in _RANGES_SHOWN:
            found = self._in_account("reconcile", _SIZES[-1], ranges)
            verdicts.append(f"- **{_SIZES[-1]:,} objects, {ranges:,} ranges at a time.** {' '.join(found.verdict)}")
        return "\n".join(verdicts)

    def in_account_dollars(self) -> str:
        """What bulk jobs in the account cost by size."""
        rows = [
            [name, *(_dollars(self._in_account(name, objects, DEFAULT_RANGES).dollars) for objects in _SIZES)]
            for name in ("backfill, nothing to do", "reconcile", "backfill, everything to do")
        ]
        return table(["job", *(f"{objects:,}" for objects in _SIZES)], rows, texts=_TEXTS)

    def in_account_lines(self) -> str:
        """What it costs to look at a million objects in the account."""
        found = self._in_account("backfill, nothing to do", _MILLION, DEFAULT_RANGES)
        return self._lines([each for each in found.once if each.amount])

    def ramp(self) -> str:
        """What a job loses while Lambda's pollers ramp up."""
        job, longer, _ = self._same_job(self._jobs(_MILLION)[0])
        good, of_longer = (self._estimate(each, self._good_concurrency(job)).capacity for each in (job, longer))
        lost = good.ramp_seconds
        return (
            f"It takes Lambda's pollers {spoken(good.full_after_seconds)} to come to {good.concurrency:,} at a time,"
            f" and a job loses {spoken(lost)} by it: {lost / good.seconds:.0%} of the time of a million images, and"
            f" {lost / of_longer.seconds:.1%} of that of a hundred million."
        )

    def limits(self) -> str:
        """The limits of AWS that capacity is computed from."""
        limits = self._estimate(self._jobs(1)[0]).capacity.limits
        rows = [
            [_link(name.replace("_", " "), each.page), f"{each.value:,.0f}", each.unit, each.remedy]
            for name, each in limits.each().items()
        ]
        heading = f"Read on {limits.date}; where regions differ, the least:"
        return "\n".join([heading, "", table(["limit", "value", "of", "with"], rows, texts=_TEXTS)])

    def _jobs(self, images: int) -> tuple[Job, ...]:
        """An import of new images, a backfill of images without a row, and one of images that have to be made anew."""
        size = self._bytes(images)
        return (
            Job("import", images, size),
            Job("backfill", images, size),
            Job("backfill", images, size, rewritten=images),
        )

    def _bytes(self, images: int) -> int:
        return images * round(self.model.measured.per_image.source_bytes)

    def _same_job(self, job: Job) -> list[Job]:
        return [replace(job, objects=images, bytes=self._bytes(images)) for images in _SIZES]

    def _named(self, job: Job) -> str:
        return f"{job.kind}, all anew" if job.rewritten else job.kind

    def _estimate(self, job: Job, concurrency: int | None = None) -> Estimate:
        workload = default_workload(job.kind)
        if concurrency is not None:
            workload = replace(workload, maximum_concurrency=concurrency)
        return Estimate.of(job, workload, model=self.model)

    def _in_account(self, name: str, objects: int, ranges: int, concurrency: int | None = None) -> Estimate:
        """A job over so many objects, all of which have to be made anew or none."""
        made = objects if name == "backfill, everything to do" else 0
        kind: Literal["backfill", "reconcile"] = "reconcile" if name == "reconcile" else "backfill"
        job = Job(kind, made, self._bytes(made), examined=objects, rewritten=made, ranges=ranges)
        return self._estimate(job, concurrency)

    def _good_concurrency(self, job: Job) -> int:
        return self._estimate(job).capacity.good

    # ── what it rests on ─────────────────────────────────────────────────────────────────────────────

    def measured(self) -> str:
        """What the benches measured of one image."""
        measured = self.model.measured
        one = measured.per_image
        calls = ", ".join(f"{number:g} {name}" for name, number in one.calls.items())
        rows = [
            ["calls", calls],
            ["source", f"{one.source_bytes:,.0f} bytes"],
            ["thumbnails", f"{one.thumbnail_bytes:,.0f} bytes"],
            ["row in the catalog", f"{one.row_bytes:,.0f} bytes"],
            ["log, metrics included", f"{one.log_bytes:,.0f} bytes"],
            [f"billed at {MEASURED_MEMORY_MB} MB", f"{one.billed_ms:,.0f} ms"],
        ]
        sources = [
            f"- one image: {one.date}, {one.by}",
            f"- memory settings: {measured.memory.date}, {measured.memory.by}",
            f"- encoders: {measured.encoders.date}, {measured.encoders.by}",
        ]
        return "\n".join([table(["one image", "measured"], rows, texts=_TEXTS), "", *sources])

    def prices(self) -> str:
        """The list prices that all is computed from."""
        rows = [
            [
                _link(name.replace("_", " "), price.page),
                f"{price.dollars:.10f}".rstrip("0").rstrip("."),
                f"{price.per:,}",
                price.unit,
                _link(urlsplit(price.seen).hostname or "", price.seen),
            ]
            for name, price in self.model.prices.each().items()
        ]
        heading = f"List prices of {self.model.prices.region} on {self.model.prices.date}:"
        return "\n".join([heading, "", table(["price", "dollars", "for", "of", "figure"], rows, texts=_TEXTS)])

    # ── parts of them ────────────────────────────────────────────────────────────────────────────────

    def _dollars_of(self, workload: Workload) -> float:
        return total(self.model.once(_MILLION, workload))

    def _line(self, what: str, workload: Workload | None = None) -> Line:
        lines = self.model.once(_MILLION, workload or self.workload)
        return next(line for line in lines if line.what.startswith(what))

    def _as_avif(self) -> tuple[Rendition, ...]:
        return tuple(replace(each, format="avif", quality=60) for each in self.workload.renditions)

    @staticmethod
    def _lines(lines: Sequence[Line], *, shares: bool = False) -> str:
        everything = total(lines)
        headings = ["service", "what", "how many", "of", "dollars", *(["share"] if shares else [])]
        rows = []
        for line in lines:
            what, amount = _link(line.what, line.rule), _amount(line.amount)
            share = [f"{line.dollars / everything:.1%}"] if shares else []
            rows.append([line.service, what, amount, line.price.unit, _dollars(line.dollars), *share])
        last = ["**all**", "", "", "", f"**{_dollars(everything)}**", *([""] if shares else [])]
        return table(headings, [*rows, last], texts=_TEXTS)


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= _FEW else f"{number:.3g}"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.3f}"


def _link(text: str, target: str) -> str:
    return f"[{text}]({target})"


FIGURES = CostFigures.load()
