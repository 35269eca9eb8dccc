"""Environment variables, read strictly: what is not usable raises Systemic and names the variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


class Variables:
    """What Terraform and Lambda tell a function. Every method raises Systemic: no image can be processed without."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str) -> str:
        """A variable that must be there, and not be empty."""
        value = self._environment.get(name, "")
        if not value:
            raise Systemic(f"the environment variable {name} is not set: deploy with the Terraform module")
        return value

    def text_if_set(self, name: str) -> str:
        """A variable that may be missing, and is empty then."""
        return self._environment.get(name, "")

    def number(self, name: str) -> int:
        """A whole number that must be there."""
        value = self.text(name)
        if not value.isdecimal():
            raise Systemic(f"the environment variable {name} is {value!r}, not a whole number")
        return int(value)

    def number_if_set(self, name: str) -> int | None:
        """A whole number from one on, or None where it is missing."""
        if not self._environment.get(name):
            return None
        if (given := self.number(name)) == 0:
            raise Systemic(f"the environment variable {name} is 0: nothing would ever be done")
        return given

    def switch(self, name: str, *, default: bool) -> bool:
        """Either true or false."""
        value = self._environment.get(name) or str(default).lower()
        if value not in {"true", "false"}:
            raise Systemic(f"the environment variable {name} is {value!r}, neither true nor false")
        return value == "true"

    def settings(self, name: str) -> Settings:
        """The document that says what to render."""
        try:
            return Settings.from_json(self.text(name))
        except ValueError as error:
            raise Systemic(f"the environment variable {name} is not usable: {error}") from error
