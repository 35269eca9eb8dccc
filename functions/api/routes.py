"""What each route does. functions/api/openapi.json says the same to clients."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from api.answers import Answer
from api.config import ApiConfig
from api.ids import new_image_id
from api.images import Shelf, Window, entity_tag
from api.lookup import Lookup
from api.requests import Request, cursor
from thumbnail_pipeline.asking.asks import AskTable
from thumbnail_pipeline.asking.aws import Aws
from thumbnail_pipeline.asking.intake import PENDING
from thumbnail_pipeline.asking.problems import Problem, Refusal
from thumbnail_pipeline.outcomes import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from thumbnail_pipeline.asking.intake import Known
    from thumbnail_pipeline.environment import LambdaContext
    from thumbnail_pipeline.rows import Row

__all__ = ["ROUTES", "FrontDoor"]

_MOST_WAIT_SECONDS: Final = 15.0
_LOOK_EVERY_SECONDS: Final = 0.5
# For what comes after a wait: the last look, and the answer.
_RESERVED_SECONDS: Final = 3.0
_RETRY_AFTER_SECONDS: Final = 2


@dataclass(frozen=True)
class FrontDoor:
    """What a warm function keeps between requests.

    door = FrontDoor.start(os.environ)
    door.answer(Request.read(event, door.config.own_issuer), context)
    """

    config: ApiConfig
    aws: Aws
    asks: AskTable
    lookup: Lookup
    shelf: Shelf
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> FrontDoor:
        """Read the environment; nothing goes over the network. Raises Systemic."""
        config = ApiConfig.from_environment(environment)
        return cls.over(config, Aws(config.access))

    @classmethod
    def over(cls, config: ApiConfig, aws: Aws) -> FrontDoor:
        """Make one over these services."""
        return cls(
            config,
            aws,
            AskTable(aws, config.asks_table, config.limits),
            Lookup(aws, config),
            Shelf(aws, config.thumbnails_bucket),
        )

    def answer(self, request: Request, context: LambdaContext) -> Answer:
        """Do what the request asks for. Raises Refusal, Transient, and whatever nobody thought of."""
        route = ROUTES.get(request.route)
        if route is None:
            raise Refusal(Problem.NOT_FOUND)
        return route(self, request, context)

    def ask(self, request: Request, _: LambdaContext) -> Answer:
        """Grant an upload: a URL for one PUT of exactly what was announced."""
        wanted = request.wanted(self.config.limits)
        now = self.clock()
        granted = self.asks.grant(
            request.owner, wanted, once=request.idempotency_key, image_id=new_image_id(now), now=now
        )
        document = {
            "id": granted.image_id,
            "status": PENDING,
            "upload": self.lookup.upload(request.owner, wanted, granted),
        }
        return Answer(201, document, {"location": f"/v1/images/{granted.image_id}"})

    def show(self, request: Request, context: LambdaContext) -> Answer:
        """Show one image, or say that it is not decided yet."""
        found, waited = self._found(request, context)
        applied = {"preference-applied": f"wait={request.wait_seconds}"} if waited else {}
        if not found.decided:
            later = {"retry-after": str(_RETRY_AFTER_SECONDS)}
            return Answer(202, self.shelf.shown(request.image_id, None, self._window()), {**later, **applied})
        row, window = _shown(found), self._window()
        headers = {**applied, "etag": entity_tag(row, window), "cache-control": self._fresh(window)}
        if request.has(headers["etag"]):
            return Answer(304, None, headers)
        return Answer(200, self.shelf.shown(request.image_id, row, window), headers)

    def listed(self, request: Request, _: LambdaContext) -> Answer:
        """List the user's images, the newest first."""
        page = self.lookup.page(request.owner, after=request.after, most=request.limit)
        rows, window = self.lookup.many(request.owner, page.ids), self._window()
        document: dict[str, Any] = {"images": [self.shelf.shown(each, rows.get(each), window) for each in page.ids]}
        if page.ids and not page.is_last:
            document["cursor"] = cursor(page.ids[-1])
        return Answer(200, document)

    def rendition(self, request: Request, context: LambdaContext) -> Answer:
        """Lead to a thumbnail."""
        found, _ = self._found(request, context)
        renditions = _shown(found).attributes.get("renditions", ()) if found.decided else ()
        key = next((each["key"] for each in renditions if each["name"] == request.path.get("name")), None)
        if key is None:
            raise Refusal(Problem.NOT_FOUND)
        window = self._window()
        where = {"location": self.shelf.url(key, window), "cache-control": self._fresh(window)}
        return Answer(302, None, where)

    def delete(self, request: Request, _: LambdaContext) -> Answer:
        """Delete the source; the pipeline deletes what was made of it. What is not there is deleted already."""
        # Without an object, S3 would write a delete marker, and the pipeline a tombstone, for any id one thinks of.
        if self.lookup.uploaded(request.owner, request.image_id):
            self.lookup.delete(request.owner, request.image_id)
        self.asks.forget(request.owner, request.image_id)
        return Answer(202)

    def _found(self, request: Request, context: LambdaContext) -> tuple[Known, bool]:
        """Look for an image, for as long as the client waits. Raises Refusal where it is not, or no longer, there."""
        owner, image_id = request.owner, request.image_id
        found, waited = self.lookup.one(owner, image_id, self.clock()), False
        if not found.decided and found.asked and request.wait_seconds:
            found, waited = self._awaited(request, found, context)
        if found.row is not None and found.row.status is Status.DELETED:
            raise Refusal(Problem.GONE)
        if found.row is None and not found.asked and not self.lookup.uploaded(owner, image_id):
            raise Refusal(Problem.NOT_FOUND)
        return found, waited

    def _awaited(self, request: Request, found: Known, context: LambdaContext) -> tuple[Known, bool]:
        began = self.clock()
        left = context.get_remaining_time_in_millis() / 1000 - _RESERVED_SECONDS
        seconds = min(float(request.wait_seconds), _MOST_WAIT_SECONDS, left)
        slot = self.asks.begin_waiting(request.owner, seconds=seconds, now=began) if seconds > 0 else None
        if slot is None:
            return found, False
        while not found.decided and (over := began + seconds - self.clock()) > 0:
            self.sleep(min(_LOOK_EVERY_SECONDS, over))
            found = self.lookup.one(request.owner, request.image_id, self.clock())
        self.asks.end_waiting(request.owner, slot)
        return found, True

    def _window(self) -> Window:
        return Window.at(self.clock(), self.config.limits.url_minutes)

    def _fresh(self, window: Window) -> str:
        return f"private, max-age={window.fresh_for(self.clock())}"


def _shown(found: Known) -> Row:
    if found.row is None:
        raise Refusal(Problem.NOT_FOUND)
    return found.row


ROUTES: Final[Mapping[str, Callable[[FrontDoor, Request, LambdaContext], Answer]]] = {
    "POST /v1/images": FrontDoor.ask,
    "GET /v1/images": FrontDoor.listed,
    "GET /v1/images/{id}": FrontDoor.show,
    "GET /v1/images/{id}/renditions/{name}": FrontDoor.rendition,
    "DELETE /v1/images/{id}": FrontDoor.delete,
}
