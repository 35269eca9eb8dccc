"""The API's document held against an API: what comes back is no fault, and as it is documented, whatever is sent."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.requests import cursor
from support.front_door import document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# An image that was deleted, and one larger than allowed, are answered so although the request is of the form. To a
# method that is no route, the gateway answers 404.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
_SETTINGS: Final = """
[checks]
positive_data_acceptance.expected-statuses = {accepted}
negative_data_rejection.expected-statuses = ["401", "404", "409", "413", "415", "422"]
unsupported_method.enabled = false
"""
_ACCEPTED: Final = ("2xx", "3xx", "401", "404", "409", "410")
_TOO_MANY: Final = "429"


def deployed(limits: Mapping[str, Any], renditions: Iterable[str], **ids: str) -> dict[str, Any]:
    """The document of a deployment with these images, whose limits, renditions and cursors everybody knows."""
    known = copy.deepcopy(document())
    known["components"]["parameters"]["Id"]["examples"] = {name: {"value": each} for name, each in ids.items()}
    wanted = known["components"]["schemas"]["Wanted"]["properties"]
    wanted["type"]["enum"] = list(limits["types"])
    wanted["bytes"]["maximum"] = limits["bytes"]
    (after,) = [each for each in known["paths"]["/v1/images"]["get"]["parameters"] if each["name"] == "cursor"]
    after["schema"]["enum"] = [cursor(each) for each in ids.values()]
    (name,) = [
        each for each in known["paths"]["/v1/images/{id}/renditions/{name}"]["parameters"] if each.get("name") == "name"
    ]
    name["examples"] = {each: {"value": each} for each in renditions}
    return known


def explore(
    url: str,
    known: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    examples: int,
    folder: Path,
    limited: bool = False,
) -> None:
    """Send what the document allows and what it forbids, the same every time; fail on any answer that it does not say.

    `limited` says that there may be one ask too many. Files of the run are left in `folder`.
    """
    accepted = [*_ACCEPTED, _TOO_MANY] if limited else [*_ACCEPTED]
    (folder / "openapi.json").write_text(json.dumps(known))
    (folder / "schemathesis.toml").write_text(_SETTINGS.format(accepted=json.dumps(accepted)))
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json", "--url", url, "--no-color",
        *(part for name, value in headers.items() for part in ("--header", f"{name}: {value}")),
        "--max-examples", str(examples), "--generation-deterministic", "--max-redirects", "0",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
