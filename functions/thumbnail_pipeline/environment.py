"""What Lambda and Terraform tell a function: its environment, read strictly, and the context of an invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from thumbnail_pipeline.errors import Systemic
from thumbnail_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


class LambdaContext(Protocol):
    """The part that functions use of https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the invocation."""


class Variables:
    """Environment variables by name. Every method raises Systemic, naming a variable that cannot be used.

    given = Variables(os.environ)
    table, days = given.text("CATALOG_TABLE"), given.number("TOMBSTONE_DAYS")
    """

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
