"""The tables of docs/cost.md and the sentence in the README, computed, and put between their markers.

<!-- costs:NAME -->
whatever stands here is replaced by the block NAME
<!-- costs:end -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from costs.errors import CostsError
from costs.model import BUCKET_KEY_MISSES, MEASURED_MEMORY_MB, Line, Model, Stack, Workload, by_service, total
from thumbctl.render import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from thumbnailer.renditions import Rendition

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = (REPOSITORY / "docs" / "cost.md", REPOSITORY / "README.md")

_BLOCK = re.compile(r"(<!-- costs:(?!end)(\S+) -->\n).*?(<!-- costs:end -->)", re.DOTALL)
_MILLION = 1_000_000
_FEW = 10
_TEXTS = frozenset({"service", "what", "with", "that come", "one image", "price", "of", "figure"})


@dataclass(frozen=True)
class Document:
    """The blocks, by name, of a model and what is asked of it."""

    model: Model
    workload: Workload
    stack: Stack

    @classmethod
    def load(cls) -> Document:
        """Of the checked-in figures, the module's defaults and the stack that it makes."""
        return cls(Model.load(), Workload(DEFAULT.renditions), Stack())

    def rewritten(self, text: str) -> str:
        """`text` with every block as it is now. Raises CostsError where it names one that there is not."""
        blocks = self.blocks()

        def block(match: re.Match[str]) -> str:
            if match[2] not in blocks:
                raise CostsError(f"there is no block costs:{match[2]}: use one of {', '.join(sorted(blocks))}")
            return f"{match[1]}{blocks[match[2]]}\n{match[3]}"

        return _BLOCK.sub(block, text)

    def blocks(self) -> dict[str, str]:
        """Every block by its name."""
        return {
            "summary": self._summary(),
            "once": self._once(),
            "dominates": self._dominates(),
            "levers": self._levers(),
            "avif": self._avif(),
            "memory": self._memory(),
            "kept": self._lines(self.model.kept(_MILLION, self.workload)),
            "idle": self._lines(self.model.idle(self.stack)),
            "in-use": self._lines(self.model.in_use(self.stack)),
            "months": self._months(),
            "measured": self._measured(),
            "prices": self._prices(),
        }

    def _summary(self) -> str:
        once, idle = self._dollars_of(self.workload), total(self.model.idle(self.stack))
        hours = self.model.seconds(_MILLION, self.workload) / 3600
        return (
            f"A million images cost about ${once:.0f} to process and take {hours:.1f} hours at the default "
            f"concurrency; a stack that idles costs ${idle:.2f} a month. List prices, {self.model.prices.region}, "
            f"{self.model.prices.date}: [docs/cost.md](docs/cost.md) says what for, and what changes it."
        )

    def _once(self) -> str:
        return self._lines(self.model.once(_MILLION, self.workload), shares=True)

    def _dominates(self) -> str:
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

    def _levers(self) -> str:
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
        return _table(["with", "dollars per million images"], rows)

    def _avif(self) -> str:
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

    def _memory(self) -> str:
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
        return _table(["memory, MB", "ms an image", "hours a million", "arm64", "x86_64"], rows)

    def _months(self) -> str:
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
        return _table(["images in the month", "that come", "dollars"], rows)

    # ── what it rests on ─────────────────────────────────────────────────────────────────────────────

    def _measured(self) -> str:
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
        return "\n".join([_table(["one image", "measured"], rows), "", *sources])

    def _prices(self) -> str:
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
        return "\n".join([heading, "", _table(["price", "dollars", "for", "of", "figure"], rows)])

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
        return _table(headings, [*rows, last])


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= _FEW else f"{number:.3g}"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.3f}"


def _link(text: str, target: str) -> str:
    return f"[{text}]({target})"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---" if heading in _TEXTS else "---:" for heading in headings]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))
