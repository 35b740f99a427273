"""What a hospital's software sends about requests: a ServiceRequest to make, a Task to move.

Invariant: of a ServiceRequest every element is one that is named here, or the whole is refused: a patient's name, a note or a contained
resource is not passed over in silence. Its identifier is kept as a digest only: a hospital's order numbers find patients.
"""

import hashlib
import json
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from rest_framework import serializers

from backend.errors import Invalid
from backend.parsing import parsed
from beds.services import Need
from beds.services.asking import ASKED_AT_MOST
from beds.vocabulary import Capability, Category, Urgency
from integration.measures import Concept, code_of, refuse_modified
from integration.resources import base, category_system
from integration.workflow import ABSENT, EXTENSIONS, STATUSES, business_system, capability_system, extension, reason_system

_TAKEN: Final = {
    *("resourceType", "id", "meta", "identifier", "status", "intent", "priority", "code", "orderDetail"),
    *("subject", "authoredOn", "requester", "performer", "extension"),
}


class _Identifier(serializers.Serializer):  # type: ignore[type-arg]
    system = serializers.CharField(max_length=255)
    value = serializers.CharField(max_length=255)


class _Role(serializers.Serializer):  # type: ignore[type-arg]
    reference = serializers.CharField(max_length=255)

    def validate_reference(self, text: str) -> UUID:
        try:
            return UUID(text.removeprefix(f"{base()}/").removeprefix("PractitionerRole/"))
        except ValueError:
            raise serializers.ValidationError("invalid", code="invalid") from None


class _Extension(serializers.Serializer):  # type: ignore[type-arg]
    url = serializers.CharField(max_length=255)
    valueCode = serializers.CharField(max_length=64)  # noqa: N815 -- FHIR's name


class _ServiceRequest(serializers.Serializer):  # type: ignore[type-arg]
    resourceType = serializers.ChoiceField(["ServiceRequest"])  # noqa: N815
    identifier = serializers.ListField(child=_Identifier(), min_length=1, max_length=1)
    status = serializers.ChoiceField(["active"])
    intent = serializers.ChoiceField(["order"])
    priority = serializers.ChoiceField(Urgency.choices, default=Urgency.ROUTINE)
    code = Concept()
    orderDetail = serializers.ListField(child=Concept(), max_length=len(Capability), default=list)  # noqa: N815
    requester = _Role()
    performer = serializers.ListField(child=_Role(), min_length=1, max_length=ASKED_AT_MOST)
    extension = serializers.ListField(child=_Extension(), max_length=len(EXTENSIONS), default=list)


class Order(NamedTuple):
    """``number`` is the digest of the identifier; ``role`` stands for the request, ``asked`` are duty roles of other hospitals."""

    number: bytes
    need: Need
    role: UUID
    asked: list[UUID]


def ordered(body: Any) -> Order:
    """Raises: DRF's ValidationError, with the elements. Invalid: ``fhir.modified``, ``fhir.element_not_taken``, ``request.names_patient``,
    ``fhir.unknown_code``."""
    refuse_modified(body)
    told = parsed(_ServiceRequest, body)
    _refuse_more(body)
    need = Need(
        category=_known(code_of(told["code"], category_system()), Category.values, "code"),
        capabilities=[_known(code_of(one, capability_system()), Capability.values, "orderDetail") for one in told["orderDetail"]],
        urgency=told["priority"],
        **_codes(told["extension"]),
    )
    (identifier,) = told["identifier"]
    asked = [one["reference"] for one in told["performer"]]
    return Order(order_number(identifier["system"], identifier["value"]), need, told["requester"]["reference"], asked)


def _refuse_more(body: dict[str, Any]) -> None:
    if not body.keys() <= _TAKEN:
        raise Invalid("fhir.element_not_taken", f"Of a ServiceRequest these are taken, and nothing else: {', '.join(sorted(_TAKEN))}.")
    if body.get("subject") != {"extension": [{"url": ABSENT, "valueCode": "masked"}]}:
        raise Invalid("request.names_patient", "Say nothing about who it is for: subject has the extension data-absent-reason, masked.")


def _codes(extensions: list[dict[str, str]]) -> dict[str, str]:
    known = {extension(name): name for name in EXTENSIONS}
    found = {known.get(one["url"], ""): one["valueCode"] for one in extensions}
    if "" in found:
        raise Invalid("fhir.element_not_taken", f"The extensions taken are {', '.join(known)}.")
    return {name: _known(code, EXTENSIONS[name].values, "extension") for name, code in found.items()}


def _known(code: str, codes: list[str], element: str) -> str:
    if code not in codes:
        fields = {element: ["invalid"]}
        raise Invalid("fhir.unknown_code", f"{element} takes one of {', '.join(codes)}, with its system.", fields=fields)
    return code


def order_number(system: str, value: str) -> bytes:
    return hashlib.sha256(json.dumps([system, value]).encode()).digest()


def number_if_none(header: str) -> bytes:
    """The order that ``If-None-Exist`` names. Raises: Invalid: ``fhir.if_none_exist``."""
    named = parse_qsl(header.removeprefix("?"), keep_blank_values=True)
    if len(named) != 1 or named[0][0] != "identifier" or "|" not in named[0][1]:
        raise Invalid("fhir.if_none_exist", "If-None-Exist is identifier=<system>|<value>, of the identifier in the body.")
    return order_number(*named[0][1].split("|", 1))


class _Meta(serializers.Serializer):  # type: ignore[type-arg]
    versionId = serializers.CharField(max_length=64, required=False, default="")  # noqa: N815


class _Task(serializers.Serializer):  # type: ignore[type-arg]
    resourceType = serializers.ChoiceField(["Task"])  # noqa: N815
    id = serializers.CharField(max_length=64)
    meta = _Meta(required=False, default=dict)
    status = serializers.ChoiceField(STATUSES)
    businessStatus = Concept(required=False)  # noqa: N815
    statusReason = Concept(required=False)  # noqa: N815


class Move(NamedTuple):
    """Where a Task is to be; ``version`` as it was read."""

    status: str
    business: str
    reason: str
    version: str


def moving(body: Any, id: str) -> Move:
    """Raises: DRF's ValidationError, with the elements. Invalid: ``fhir.modified``, ``fhir.other_id``."""
    refuse_modified(body)
    told = parsed(_Task, body)
    if told["id"] != id:
        raise Invalid("fhir.other_id", "The id in the body is the one in the address.")
    business, reason = told.get("businessStatus"), told.get("statusReason")
    return Move(
        told["status"],
        code_of(business, business_system()) if business else "",
        code_of(reason, reason_system()) if reason else "",
        told["meta"].get("versionId", ""),
    )
