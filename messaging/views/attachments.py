"""Attachments. Chunks are raw bytes, known by their number; a repetition changes nothing."""

from io import BytesIO
from typing import IO, Any
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.errors import Invalid, TooLarge
from backend.idempotency import idempotent
from backend.parsing import parsed
from identity.authentication import ActorRequest
from messaging import attachments
from messaging.envelopes import refusal
from messaging.serializers import AttachmentShape, NewAttachment
from wardline_client.protocol.encoding import decode
from wardline_client.protocol.errors import ProtocolError


class ChunkParser(BaseParser):
    """Raw bytes up to one chunk, as a buffer that the view closes.

    The request is part of a reference cycle: bytes that it kept would stay until the interpreter's next full collection, and an upload
    would cost the server many chunks instead of one.
    """

    media_type = "application/octet-stream"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        content = stream.read(attachments.CHUNK + 1)
        if len(content) > attachments.CHUNK:
            raise TooLarge("attachment.chunk_too_large", "A chunk has at most 1 MiB and 16 bytes.", limit=attachments.CHUNK)
        return BytesIO(content)


class AttachmentsView(APIView):
    @extend_schema(request=NewAttachment, responses={201: AttachmentShape, 200: AttachmentShape})
    @idempotent
    def post(self, request: ActorRequest) -> Response:
        """Announce a file's ciphertext by size and SHA-256."""
        given = parsed(NewAttachment, request.data)
        try:
            digest = decode(given["sha256"])
        except ProtocolError as error:
            raise refusal(error) from None
        made, is_new = attachments.announce(
            actor=request.actor, id=given["id"], conversation_id=given["conversation"], size=given["size"], sha256=digest
        )
        return Response(attachments.state(request.actor, made.pk), status=201 if is_new else 200)


class AttachmentView(APIView):
    @extend_schema(responses=AttachmentShape)
    def get(self, request: ActorRequest, attachment_id: UUID) -> Response:
        """Which chunks have arrived, to go on from there."""
        return Response(attachments.state(request.actor, attachment_id))


class ChunkView(APIView):
    parser_classes = [ChunkParser]

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={201: OpenApiResponse(), 200: OpenApiResponse(description="Had it already.")},
    )
    def put(self, request: ActorRequest, attachment_id: UUID, number: int) -> Response:
        """One chunk: 1 MiB and 16 bytes, the last one the rest."""
        body: Any = request.data
        if not isinstance(body, BytesIO):
            raise Invalid("attachment.chunk_size", "A chunk is not empty.")
        with body:
            content = body.getvalue()
        is_new = attachments.store_chunk(actor=request.actor, attachment_id=attachment_id, number=number, content=content)
        return Response(status=201 if is_new else 200)


class CompleteView(APIView):
    @extend_schema(request=None, responses=AttachmentShape)
    def post(self, request: ActorRequest, attachment_id: UUID) -> Response:
        """All chunks are there: check size and SHA-256."""
        attachments.complete(actor=request.actor, attachment_id=attachment_id)
        return Response(attachments.state(request.actor, attachment_id))


class ContentView(APIView):
    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: ActorRequest, attachment_id: UUID) -> StreamingHttpResponse:
        """The ciphertext. The opening is in the audit log before the first byte leaves."""
        attachment, chunks = attachments.open_content(actor=request.actor, attachment_id=attachment_id)
        read = attachments.stream_async if isinstance(request._request, ASGIRequest) else attachments.stream
        headers = {"Content-Length": str(attachment.size), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return StreamingHttpResponse(read(attachment, chunks), content_type="application/octet-stream", headers=headers)
