"""The pages in which cog writes what is computed."""

from __future__ import annotations

from cogapp import Cog

from devtools.docs.cost_figures import FIGURES
from devtools.localaws.stack import REPOSITORY


def test_every_page_has_what_is_computed_as_it_is_now() -> None:
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")), REPOSITORY / "terraform/README.md"]
    options = ["--check", "--diff", "--check-fail-msg=run: make docs", "--verbosity=1"]
    Cog().callable_main(["cog", *options, *map(str, pages)])


def test_every_figure_of_costs_is_on_a_page() -> None:
    pages = "".join(
        (REPOSITORY / page).read_text(encoding="utf-8") for page in ("README.md", "docs/cost.md", "docs/capacity.md")
    )
    names = [name for name in vars(type(FIGURES)) if not name.startswith("_") and name != "load"]
    assert [name for name in names if f"FIGURES.{name}(" not in pages] == []
