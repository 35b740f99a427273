"""The logs as C2SP tlog-tiles has them: checkpoint, tiles of hashes, bundles of entries.

Invariant: hashes and signatures are public, because a log that only its operator can read convinces nobody; they say nothing about what
happened. Entries do, so they are for the hospital's registrars and auditors, and reading them is itself an event, committed before the
first byte leaves. Nothing beyond the last signed checkpoint is served: what is served is immutable.
"""

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import tree
from audit.api import tile_paths
from audit.api.access import actor_of, log_of_reader, newest_checkpoint, signed_size
from audit.checkpoints import origin_of, verifier_keys
from audit.events import Event
from audit.leaves import OPERATOR
from audit.models import Log
from audit.services import record
from backend.errors import NotFound
from backend.negotiation import AnyAccept
from backend.streaming import NEVER

FOR_EVER = "public, max-age=31536000, immutable"
A_MOMENT = "public, max-age=1"


class PublicView(APIView):
    authentication_classes = []
    permission_classes = []
    content_negotiation_class = AnyAccept


@extend_schema(exclude=True)
class Logs(PublicView):
    def get(self, request: Request) -> Response:
        logs = list(Log.objects.order_by("created_at", "id"))
        keys = verifier_keys([log.id for log in logs])
        results = [_shown(log, keys[log.id]) for log in logs]
        return Response({"results": results}, headers={"Cache-Control": A_MOMENT})


@extend_schema(exclude=True)
class NewestCheckpoint(PublicView):
    def get(self, request: Request, log: UUID) -> HttpResponse:
        note = newest_checkpoint(log).note
        return HttpResponse(note, content_type="text/plain; charset=utf-8", headers={"Cache-Control": A_MOMENT})


@extend_schema(exclude=True)
class HashTile(PublicView):
    def get(self, request: Request, log: UUID, level: str, index: str, width: str | None = None) -> HttpResponse:
        tile = _signed_tile(log, level, index, width)
        content = b"".join(tree.hashes(log, tile.level, tile.start, tile.width))
        return HttpResponse(content, content_type="application/octet-stream", headers={"Cache-Control": FOR_EVER})


@extend_schema(exclude=True)
class EntryBundle(APIView):
    content_negotiation_class = AnyAccept

    def get(self, request: Request, log: UUID, index: str, width: str | None = None) -> HttpResponse:
        actor = actor_of(request)
        log_of_reader(actor, log)
        tile = _signed_tile(log, "0", index, width)
        detail = {"first": tile.start, "count": tile.width}
        with transaction.atomic():
            record(
                event=Event(action="audit.read", agent=actor.agent(), hospitals=[actor.hospital_id], subjects={"log": log}, detail=detail)
            )
        content = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in _leaves(log, tile))
        return HttpResponse(content, content_type="application/octet-stream", headers={"Cache-Control": NEVER})


def _signed_tile(log: UUID, level: str, index: str, width: str | None) -> tile_paths.Tile:
    tile = tile_paths.parse(level, index, width)
    if tile is None or tile.leaves() > signed_size(log):
        raise NotFound
    return tile


def _leaves(log: UUID, tile: tile_paths.Tile) -> list[bytes]:
    with connection.cursor() as cursor:
        query = """
            SELECT leaf FROM audit_leaf JOIN audit_event ON audit_event.id = audit_leaf.event
            WHERE log = %s AND leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index"""
        cursor.execute(query, [log, tile.start, tile.start + tile.width])
        return [bytes(leaf) for (leaf,) in cursor.fetchall()]


def _shown(log: Log, key: str) -> dict[str, Any]:
    hospital = None if log.hospital == OPERATOR else str(log.hospital)
    return {"id": str(log.id), "hospital": hospital, "origin": origin_of(log.id), "key": key}
