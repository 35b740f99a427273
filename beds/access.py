"""The only lookups of capacity, requests and candidates by id.

Invariant: every query starts at the actor's hospital. What is not theirs does not exist for them, so guessing ids teaches an outsider
nothing, a hospital that was asked never learns which others were, and one that is to be asked later, or was never, learns nothing at all.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Protocol
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Exists, FilteredRelation, OuterRef, Prefetch, Q, QuerySet, Value, When
from django.db.models.functions import JSONObject
from django.db.models.lookups import Exact

from backend.errors import Forbidden, Invalid, NotFound
from beds.models import Alarm, Bed, Candidate, Capacity, EscalationStep, Request, RequestTemplate, SignedStep
from beds.transitions import TERMINAL, Side, State
from identity.access import partner_hospitals
from identity.actors import Actor
from identity.models import DutyRole, Holder, Hospital, Partnership, Unit

# Two requests further apart than this are two patients, whatever else they have in common.
SIMILAR_WITHIN = timedelta(hours=24)
_STEP = ("variant", "wait", "target_role_id", "whom", "how")  # beds.escalation.StoredStep


class OfHospital(Protocol):
    """Whoever acts for one hospital: a person, or its software."""

    @property
    def hospital_id(self) -> UUID: ...


def requests_of(actor: OfHospital, *, state: str | None = None) -> QuerySet[Request]:
    """Requests the actor's hospital made or was asked.

    ``state`` is ``open`` or ``closed``: for the origin by the request's last candidate, for an asked hospital by its own alone.
    """
    asked = Candidate.objects.filter(_was_asked(actor), request=OuterRef("pk"))
    made = Q(origin=actor.hospital_id)
    requests = Request.objects.prefetch_related(Prefetch("candidates", candidates_of(actor).order_by("wave", "created_at", "id")))
    if state is None:
        return requests.filter(made | Exists(asked))
    is_closed = state == "closed"
    asked = asked.filter(state__in=TERMINAL) if is_closed else asked.exclude(state__in=TERMINAL)
    return requests.filter(made & Q(closed_at__isnull=not is_closed) | Exists(asked))


def request_of(actor: OfHospital, request_id: UUID) -> Request:
    """One request with its candidates, their history and the ids of ``similar`` requests.

    Raises:
        NotFound: there is none, or neither made by nor asked of the actor's hospital.
    """
    found: Any = requests_of(actor).prefetch_related("candidates__transitions")
    request: Request | None = found.annotate(similar=ArraySubquery(_similar(actor))).filter(pk=request_id).first()
    if request is None:
        raise NotFound
    return request


def _similar(actor: OfHospital) -> QuerySet[Request, Any]:
    """Open requests that may be about the same need, for the origin alone: an asked hospital must not learn what else is sought."""
    near = OuterRef("created_at") - SIMILAR_WITHIN, OuterRef("created_at") + SIMILAR_WITHIN
    others = Request.objects.filter(origin=actor.hospital_id, category=OuterRef("category"), closed_at=None, created_at__range=near)
    # What one of the two leaves open may be what the other says.
    same_age = Q(age_band="") | Q(age_band=OuterRef("age_band")) | Q(Exact(OuterRef("age_band"), Value("")))
    same_sex = Q(sex="") | Q(sex=OuterRef("sex")) | Q(Exact(OuterRef("sex"), Value("")))
    of_origin = others.filter(same_age, same_sex, origin=OuterRef("origin")).exclude(pk=OuterRef("pk"))
    return of_origin.order_by("-created_at", "pk").values("pk")


def own_templates(actor: Actor) -> QuerySet[RequestTemplate]:
    return RequestTemplate.objects.filter(hospital=actor.hospital_id)


def own_template(actor: Actor, template_id: UUID) -> RequestTemplate:
    """A template of the actor's hospital, locked until the transaction ends.

    Raises:
        NotFound: there is none in the actor's hospital.
    """
    found = own_templates(actor).select_for_update().filter(pk=template_id).first()
    if found is None:
        raise NotFound
    return found


def candidate_of(actor: OfHospital, candidate_id: UUID) -> Candidate:
    """A candidate at one of whose two ends the actor's hospital stands.

    Raises:
        NotFound: there is none, or it is not the actor's to see.
    """
    candidate = candidates_of(actor).select_related("request").filter(pk=candidate_id).first()
    if candidate is None:
        raise NotFound
    return candidate


def candidates_of(actor: OfHospital) -> QuerySet[Candidate]:
    """With what is shown of each: hold, offer, chain and alarms, in two queries however many there are."""
    made = Q(request__origin=actor.hospital_id)
    offer = FilteredRelation("signed_steps", condition=Q(signed_steps__kind=SignedStep.Kind.OFFER))
    # Whom the clock alarms next is of interest only while it may.
    chain = Case(When(state=State.SUBMITTED, then=_chain_of_its_role()), default=None)
    alarms: Any = Prefetch("alarms", Alarm.objects.order_by("position"), to_attr="calls")
    theirs: Any = Candidate.objects.filter(made | _was_asked(actor)).prefetch_related(alarms)
    found: QuerySet[Candidate] = theirs.annotate(offer=offer, chain=chain).select_related("hold__capacity", "offer")
    return found


def _chain_of_its_role() -> ArraySubquery:
    steps = usable_steps().filter(role=OuterRef("role"))
    return ArraySubquery(steps.values(step=JSONObject(**{name: name for name in _STEP})))


def _was_asked(actor: OfHospital) -> Q:
    """Not by its state: a draft that was cancelled is cancelled like any other."""
    return Q(hospital=actor.hospital_id, asked_at__isnull=False)


def usable_steps() -> QuerySet[EscalationStep]:
    """Steps of chains in their order, without those that lead to a role that is closed."""
    return EscalationStep.objects.filter(Q(target_role=None) | Q(target_role__closed_at=None)).order_by("role", "variant", "position")


def sides_of(actor: Actor, candidate: Candidate, request: Request) -> set[Side]:
    """The sides the actor may act for now: the requester or the holder of the request's role; the holder of the role that was asked, or of
    one that was alarmed since.
    """
    sides = set()
    if _stands_for_origin(actor, request):
        sides.add(Side.ORIGIN)
    if candidate.hospital_id == actor.hospital_id and not actor.roles.isdisjoint(answering_roles(candidate)):
        sides.add(Side.DESTINATION)
    return sides


def answering_roles(candidate: Candidate) -> list[UUID]:
    """Whose holders answer for the asked hospital: the role that was asked, then those alarmed, in their order."""
    return list(dict.fromkeys([candidate.role_id, *(alarm.role_id for alarm in candidate.calls)]))


def _stands_for_origin(actor: Actor, request: Request) -> bool:
    return request.origin_id == actor.hospital_id and (request.requester_id == actor.person_id or request.role_id in actor.roles)


def role_to_act_in(actor: Actor, candidate: Candidate, side: Side, role: UUID | None) -> UUID | None:
    """The role in which the actor takes a step of ``side``; the destination acts in the role that was asked or in one that was alarmed.

    Raises:
        Forbidden: ``role.not_on_duty``, or ``request.not_yours`` when the actor does not stand for the origin.
    """
    if side == Side.ORIGIN:
        return role_at_origin(actor, candidate.request, role)
    answering = answering_roles(candidate)
    if role is None:
        role = next((one for one in answering if one in actor.roles), candidate.role_id)
    if candidate.hospital_id != actor.hospital_id or role not in answering:
        raise Forbidden("role.not_on_duty", "Only who holds the asked duty role, or one alarmed since, may answer.")
    return actor.require_role(role)


def role_at_origin(actor: Actor, request: Request, role: UUID | None) -> UUID | None:
    """The role in which the actor decides for the origin: the one named, else the request's own if held.

    Raises:
        Forbidden: ``request.not_yours``, ``role.not_on_duty``.
    """
    if not _stands_for_origin(actor, request):
        raise Forbidden("request.not_yours", "Only the requester or the holder of the request's duty role may decide.")
    if role is None and request.role_id in actor.roles:
        return request.role_id
    return actor.require_role(role)


def require_role_still(actor: Actor, role: UUID | None) -> None:
    """To be asked under the request's lock: who waited for it may have been relieved meanwhile.

    Raises:
        Forbidden: ``role.not_on_duty``.
    """
    if role is not None and not Holder.objects.filter(role=role, person=actor.person_id).exists():
        raise Forbidden("role.not_on_duty", "Somebody else holds this role now, or nobody.")


def own_capacity(actor: Actor, capacity_id: UUID) -> Capacity:
    """A figure of the actor's hospital, locked until the transaction ends.

    Raises:
        NotFound: there is none in the actor's hospital.
    """
    return locked_capacity(actor.hospital_id, capacity_id)


def locked_capacity(hospital_id: UUID, capacity_id: UUID) -> Capacity:
    """Raises: NotFound: there is none in that hospital."""
    return _locked_figure(Capacity.objects.filter(pk=capacity_id, unit__hospital=hospital_id))


def _locked_figure(figures: QuerySet[Capacity]) -> Capacity:
    found = figures.select_for_update(of=("self",)).select_related("unit__hospital").first()
    if found is None:
        raise NotFound
    return found


def capacity_on_board(actor: Actor, capacity_id: UUID) -> Capacity:
    """A figure of an open unit of the actor's hospital or a partner's. Raises: NotFound."""
    shown = Capacity.objects.filter(unit__hospital__in=hospitals_on_board(actor.hospital_id), unit__closed_at=None)
    found = shown.filter(pk=capacity_id).first()
    if found is None:
        raise NotFound
    return found


def own_unit(actor: Actor, unit_id: UUID) -> Unit:
    """An open unit of the actor's hospital. Raises: NotFound."""
    found = Unit.objects.filter(pk=unit_id, hospital=actor.hospital_id, closed_at=None).first()
    if found is None:
        raise NotFound
    return found


def locked_bed(hospital_id: UUID, bed_id: UUID) -> tuple[Capacity, Bed]:
    """A bed of the hospital and the figure it counts in, locked in the order of all locks: the figure, then the bed.

    Raises:
        NotFound: there is none in that hospital.
    """
    return locked_beds(hospital_id, [bed_id])[bed_id]


def locked_beds(hospital_id: UUID, bed_ids: Iterable[UUID]) -> dict[UUID, tuple[Capacity, Bed]]:
    """Several as ``locked_bed``, figures and then beds each in the order of their ids: two who lock the same never wait for each other.

    Beds of one figure share the ``Capacity``. Raises: NotFound: one of them is not of that hospital.
    """
    wanted = set(bed_ids)
    places = {bed.pk: (bed.unit_id, bed.category) for bed in Bed.objects.filter(pk__in=wanted, unit__hospital=hospital_id)}
    if places.keys() != wanted:
        raise NotFound
    counted_in = reduce(or_, (Q(unit=unit, category=category) for unit, category in places.values()))
    figures = Capacity.objects.filter(counted_in).order_by("pk").select_for_update(of=("self",)).select_related("unit__hospital")
    found = {(figure.unit_id, figure.category): figure for figure in figures}
    if found.keys() != set(places.values()):
        raise NotFound
    return {bed.pk: (found[places[bed.pk]], bed) for bed in Bed.objects.filter(pk__in=wanted).order_by("pk").select_for_update()}


def roles_to_ask(actor: OfHospital, role_ids: Iterable[UUID]) -> dict[UUID, DutyRole]:
    """Open duty roles of partner hospitals, by id.

    Raises:
        Invalid: ``request.cannot_ask``: one is closed, unknown, or of a hospital without a mutual partnership; which of these stays untold.
    """
    wanted = set(role_ids)
    partners = partner_hospitals(actor.hospital_id)
    roles = DutyRole.objects.select_related("hospital").filter(pk__in=wanted, closed_at=None, hospital__in=partners)
    found = {role.pk: role for role in roles}
    if found.keys() != wanted:
        raise Invalid("request.cannot_ask", "One of the duty roles cannot be asked by your hospital.")
    return found


def own_role(actor: OfHospital, role_id: UUID) -> DutyRole:
    """An open duty role of the actor's hospital. Raises: Invalid: ``request.no_such_role``."""
    found = DutyRole.objects.filter(pk=role_id, hospital=actor.hospital_id, closed_at=None).first()
    if found is None:
        raise Invalid("request.no_such_role", "Your hospital has no such duty role.")
    return found


def roles_still_to_ask(request: Request, role_ids: Iterable[UUID]) -> set[UUID]:
    """Those of ``role_ids`` that are open, and of a hospital that is a partner, still."""
    partners = partner_hospitals(request.origin_id)
    return set(DutyRole.objects.filter(pk__in=role_ids, closed_at=None, hospital__in=partners).values_list("pk", flat=True))


def hospitals_on_board(hospital_id: UUID) -> QuerySet[Hospital]:
    """The hospital itself and those with an open partnership in both directions, as one subquery."""
    open_ones = Partnership.objects.filter(ended_at=None)
    accepted = open_ones.filter(hospital=hospital_id, partner=OuterRef("pk"))
    accepting = open_ones.filter(hospital=OuterRef("pk"), partner=hospital_id)
    return Hospital.objects.filter(Q(pk=hospital_id) | Exists(accepted) & Exists(accepting))
