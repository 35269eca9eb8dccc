"""The graph of imports as a Mermaid diagram; cog puts it into docs/imports.md.

Each root is a frame. In it, a box is a package, a module that nobody imports, or all other modules together. Arrows
that follow from others are left out. The contracts in pyproject.toml keep them from going in circles or upwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grimp import ImportGraph

_Edge: TypeAlias = tuple[str, str]

_ROOTS: Final = (
    "devtools",
    "thumbctl",
    "thumbnailer",
    "reconciler",
    "publisher",
    "api",
    "device_asks",
    "device_status",
    "device_admission",
    "range_worker",
    "thumbnail_pipeline",
)


def diagram() -> str:
    """The diagram as a fenced block: a frame for each root, its packages within, arrows from importer to imported."""
    graph = grimp.build_graph(*_ROOTS, cache_dir=None)
    boxes = {module: _box(module, graph) for module in graph.modules}
    edges = [
        (module, other) for module in sorted(graph.modules) for other in graph.find_modules_directly_imported_by(module)
    ]
    between_boxes = {(boxes[one], boxes[other]) for one, other in edges if _root(one) == _root(other)}
    between_roots = {(_root(one), _root(other)) for one, other in edges}
    lines = ["```mermaid", "flowchart TD"]
    for root in _ROOTS:
        inside = sorted({box for module, box in boxes.items() if _root(module) == root})
        lines += [f"  subgraph {root}", *(f"    {_named(box, boxes)}" for box in inside), "  end"]
    lines += [f"  {one} --> {other}" for each in (between_boxes, between_roots) for one, other in _reduced(each)]
    return "\n".join([*lines, "```"])


def _root(module: str) -> str:
    return module.partition(".")[0]


def _box(module: str, graph: ImportGraph) -> str:
    """The id of the box that `module` is in."""
    root, _, rest = module.partition(".")
    child = f"{root}.{rest.partition('.')[0]}"
    packages = {each for each in graph.find_children(root) if graph.find_children(each)}
    if child in packages or (packages and rest and not graph.find_downstream_modules(child)):
        return child.replace(".", "_")
    return f"{root}_modules"


def _named(box: str, boxes: dict[str, str]) -> str:
    """A box with what is written in it."""
    inside = sorted(module.partition(".")[2] for module, its in boxes.items() if its == box and "." in module)
    if box.endswith("_modules"):
        return f'{box}["{", ".join(inside)}"]'
    return f"{box}[{inside[0]}]"


def _reduced(edges: Iterable[_Edge]) -> list[_Edge]:
    """The edges without loops, and without those that others lead around to."""
    kept = {(one, other) for one, other in edges if one != other}
    for edge in sorted(kept):
        if edge[1] in _reached(edge[0], kept - {edge}):
            kept.remove(edge)
    return sorted(kept)


def _reached(start: str, edges: set[_Edge]) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        news = {other for one, other in edges if one == here} - found
        found |= news
        ahead += news
    return found
