"""moto's server, taught what Terraform's provider would wait for in vain. Run by the environment that has it.

python serving.py 5000
"""

from __future__ import annotations

import json
import sys
from typing import Any

from moto.iot.responses import IoTResponse
from moto.server import main
from moto.sqs.models import SQSBackend

_told = SQSBackend.get_queue_attributes


def attributes_with_who_may_redrive(self: SQSBackend, name: str, wanted: list[str]) -> dict[str, Any]:
    """Tell of `RedriveAllowPolicy` too, which moto keeps, and forgets to tell.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
    """
    allowed = getattr(self.get_queue(name), "redrive_allow_policy", None)
    return {**_told(self, name, wanted), **({"RedriveAllowPolicy": allowed} if allowed else {})}


def no_tags(_: IoTResponse) -> str:
    """Tags of things of AWS IoT, of which moto knows none.

    https://docs.aws.amazon.com/iot/latest/apireference/API_ListTagsForResource.html
    """
    return json.dumps({"tags": []})


if __name__ == "__main__":
    setattr(SQSBackend, "get_queue_attributes", attributes_with_who_may_redrive)  # noqa: B010 - of another type
    setattr(IoTResponse, "list_tags_for_resource", no_tags)  # noqa: B010 - moto has none
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
