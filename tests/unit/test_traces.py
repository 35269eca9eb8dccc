"""X-Ray documents are put together again, however they were sent."""

from __future__ import annotations

from typing import Any

import pytest

from thumbctl.looking import xray


def document(name: str, start: float, end: float | None, **more: Any) -> dict[str, Any]:
    ended = {} if end is None else {"end_time": end}
    return {"id": f"id-{name}", "name": name, "trace_id": "1-a", "start_time": start, **ended, **more}


def shape(trace: xray.Trace) -> list[tuple[str, int]]:
    return [(span.name, span.depth) for span in trace.spans]


def test_children_inside_a_document_and_in_datagrams_of_their_own_are_the_same() -> None:
    fetch, store = document("fetch", 1.0, 1.2), document("store", 1.2, 1.4)
    together = [document("image", 1.0, 1.5, parent_id="lambda", subsegments=[store, fetch])]
    apart = [
        {**store, "parent_id": "id-image"},
        {**fetch, "parent_id": "id-image"},
        document("image", 1.0, 1.5, parent_id="lambda"),
    ]
    expected = [("image", 0), ("fetch", 1), ("store", 1)]
    assert [shape(trace) for trace in xray.assemble(together)] == [expected]
    assert [shape(trace) for trace in xray.assemble(apart)] == [expected]


def test_what_is_in_progress_is_left_out_until_it_ends() -> None:
    begun = document("image", 1.0, None, in_progress=True)
    assert xray.assemble([begun]) == ()
    (trace,) = xray.assemble([begun, document("image", 1.0, 2.0)])
    assert shape(trace) == [("image", 0)]


def test_traces_are_told_apart_and_the_oldest_comes_first() -> None:
    later, earlier = document("image", 5.0, 6.0), {**document("image", 1.0, 2.0), "trace_id": "1-b"}
    assert [trace.trace_id for trace in xray.assemble([later, earlier])] == ["1-b", "1-a"]


def test_a_span_tells_what_it_was_about() -> None:
    sent = document(
        "image", 1.0, 2.0, annotations={"outcome": "FAILED"}, metadata={"default": {"key": "a.jpg"}}, fault=True
    )
    (span,) = xray.assemble([sent])[0].spans
    assert (span.subject, span.failed) == ("a.jpg", True)
    assert span.detail == "outcome FAILED, key a.jpg"


def test_means_are_over_all_traces() -> None:
    sent = [document("fetch", 1.0, 1.1), {**document("fetch", 2.0, 2.3), "trace_id": "1-b"}]
    (mean,) = xray.means(xray.assemble(sent))
    assert (mean.name, mean.count) == ("fetch", 2)
    assert mean.milliseconds == pytest.approx(200)


def test_a_waterfall_places_each_span_within_the_whole() -> None:
    (trace,) = xray.assemble([document("image", 10.0, 12.0, subsegments=[document("render", 10.5, 11.5)])])
    assert [(bar.offset, bar.width) for bar in xray.waterfall(trace)] == [
        pytest.approx((0, 100)),
        pytest.approx((25, 50)),
    ]


def test_a_trace_without_length_can_be_drawn() -> None:
    (trace,) = xray.assemble([document("image", 1.0, 1.0)])
    assert [(bar.offset, bar.width) for bar in xray.waterfall(trace)] == [(0, 0)]


def test_the_trace_to_draw_shows_most_kinds_of_spans() -> None:
    poor = {**document("image", 1.0, 9.0), "trace_id": "1-poor"}
    rich = document("image", 1.0, 2.0, subsegments=[document("fetch", 1.0, 1.5)])
    chosen = xray.most_telling(xray.assemble([poor, rich]))
    assert chosen is not None
    assert chosen.trace_id == "1-a"
    assert xray.most_telling(()) is None
