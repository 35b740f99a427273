"""Rings and closings as the socket process hears them."""

import redis

from backend.realtime import Frame, decode_frames


class Ear:
    def __init__(self, subscription: "redis.client.PubSub") -> None:
        self._subscription = subscription

    def frames(self, kind: str, *targets: object) -> list[Frame]:
        """What was published so far of this kind to any of these."""
        wanted, heard = set(map(str, targets)), []
        while (message := self._subscription.get_message(timeout=0.2)) is not None:
            if message["type"] == "message":
                heard += list(decode_frames(message["data"].decode()))
        return [frame for frame in heard if frame.kind == kind and wanted & set(frame.targets)]
