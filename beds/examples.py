"""One example of every call of beds, and the error codes each may answer with, for the API's description (docs/openapi.yaml).

Invariant: data only, invented; ``tests/beds/test_api_manner.py`` holds every example against the schema of its own operation, and every
code against the code that raises it, so neither outlives a change.
"""

from typing import Any, NamedTuple

HOUSE, PARTNER = "0b0c7f9e-5c1e-4f3b-9a51-000000000001", "0b0c7f9e-5c1e-4f3b-9a51-000000000002"
PERSON, COLLEAGUE = "0b0c7f9e-5c1e-4f3b-9a51-000000000003", "0b0c7f9e-5c1e-4f3b-9a51-000000000004"
OUR_ROLE, ROLE, BACKGROUND = (f"0b0c7f9e-5c1e-4f3b-9a51-00000000000{n}" for n in (5, 6, 7))
UNIT, CAPACITY, BED = (f"0b0c7f9e-5c1e-4f3b-9a51-00000000001{n}" for n in (1, 2, 3))
REQUEST, CANDIDATE, TALK, TEMPLATE = (f"0b0c7f9e-5c1e-4f3b-9a51-00000000002{n}" for n in (1, 2, 3, 4))
ASKED, SEEN, OFFERED, ENDS = (f"2026-11-24T0{time}:00.000000Z" for time in ("3:02", "3:04", "3:09", "3:39"))
SIGNED = {"h": "eyJ2IjoxfQ", "s": "c2lnbmF0dXJl"}

COUNTS = {"staffed": 18, "occupied": 15, "blocked": 1}
JUDGED = {
    "reserve_24h": 1,
    "reserve_72h": 2,
    "assessment": "limited",
    "limits": ["staff"],
    "free_ecmo": 1,
    "free_crrt": None,
    "sex_restriction": "",
    "age_bands": ["adult", "senior"],
}
FIGURE = {
    "capacity": CAPACITY,
    "unit": UNIT,
    "name": "ITS 1",
    "category": "icu-high",
    **COUNTS,
    "held": 1,
    "available": 1,
    "capabilities": ["invasive-vent", "ecmo"],
    **JUDGED,
    "reported_at": "2026-11-24T02:50:00.000000Z",
    "is_stale": False,
    "source": "manual",
    "override": "",
    "is_by_bed": False,
    "version": 7,
}
ON_BOARD = {
    "hospital": PARTNER,
    "distance_km": 34,
    "stale_after_seconds": 43_200,
    "roles": [{"role": ROLE, "categories": ["icu-high", "icu-low"], "escalates_to": [BACKGROUND], "on_duty": True}],
    "units": [FIGURE],
}
POINT = {
    "at": "2026-11-23T18:00:00.000000Z",
    **COUNTS,
    "free": 2,
    "free_least": 1,
    "assessment": "limited",
    "source": "manual",
    "cause": "report",
}
BED_OUT = {
    "bed": BED,
    "capacity": CAPACITY,
    "category": "icu-high",
    "label": "7",
    "status": "U",
    "is_held": False,
    "changed_at": SEEN,
    "version": 3,
}

NEED = {
    "category": "icu-high",
    "capabilities": ["invasive-vent"],
    "urgency": "stat",
    "age_band": "adult",
    "sex": "",
    "transport_mode": "air",
}
TEMPLATE_BODY = {
    "speciality": "pneumology",
    "category": "icu-high",
    "capabilities": ["ecmo", "invasive-vent"],
    "urgency": "stat",
    "age_band": "adult",
    "transport_mode": "air",
}
TEMPLATE_OUT = {"id": TEMPLATE, **TEMPLATE_BODY, "version": 1}
ALARM = {
    "position": 0,
    "role": ROLE,
    "whom": "holder",
    "how": "alarm",
    "raised_at": ASKED,
    "reached_at": ASKED,
    "failed_at": None,
    "failure": "",
}
CANDIDATE_OUT = {
    "id": CANDIDATE,
    "hospital": PARTNER,
    "role": ROLE,
    "conversation": TALK,
    "state": "held",
    "reason": "",
    "wave": 1,
    "asked_at": ASKED,
    "acknowledge_by": "2026-11-24T03:07:00.000000Z",
    "escalation": 0,
    "alarms": [ALARM],
    "next_alarm": None,
    "hold": {"capacity": CAPACITY, "unit": UNIT, "bed": None, "expires_at": ENDS},
    "offer": SIGNED,
    "version": 3,
    "changed_at": OFFERED,
    "actions": ["confirm", "withdraw", "cancel"],
}
HISTORY = [
    {"action": action, "source": source, "target": target, "reason": "", "person": COLLEAGUE, "software": "", "role": ROLE, "at": at}
    for action, source, target, at in (("acknowledge", "submitted", "acknowledged", SEEN), ("hold", "acknowledged", "held", OFFERED))
]
REQUEST_HEAD = {
    "id": REQUEST,
    "origin": HOUSE,
    "requester": PERSON,
    "software": "",
    "role": OUR_ROLE,
    **NEED,
    "created_at": ASKED,
    "closed_at": None,
    "wave_interval": None,
    "next_wave_at": None,
}
DETAIL = {**REQUEST_HEAD, "candidates": [{**CANDIDATE_OUT, "transitions": HISTORY}], "similar": []}
NEW_REQUEST = {
    "id": REQUEST,
    "role": OUR_ROLE,
    **NEED,
    "candidates": [
        {
            "id": CANDIDATE,
            "hospital": PARTNER,
            "role": ROLE,
            "wave": 1,
            "conversation": {"id": TALK, "epoch": {"h": "eyJ2IjoxfQ", "w": ["d3JhcA"], "s": "c2lnbmF0dXJl"}},
            "message": {"h": "eyJ2IjoxfQ", "c": "Y2lwaGVydGV4dA", "s": "c2lnbmF0dXJl"},
        }
    ],
}
CHAIN_STEP = {"wait": 180, "target": BACKGROUND, "whom": "holder", "how": "alarm"}
CHAIN = {"normal": [{**CHAIN_STEP, "wait": 900}], "important": [CHAIN_STEP]}
TIMES = {
    "acknowledge": {"count": 41, "median": 145, "p90": 390},
    "offer": {"count": 30, "median": 610, "p90": 1500},
    "confirm": {"count": 17, "median": 900, "p90": 2100},
    "arrive": {"count": 4, "median": None, "p90": None},
}
NUMBERS = {
    "asked": 44,
    "open": 2,
    "escalated": 5,
    "ended": {"arrived": 4, "cancelled": 6, "declined": 9, "diverted": 0, "expired": 1, "no-response": 3, "withdrawn": 19},
    "declined_because": {"diversion": 0, "no-bed": 6, "no-capability": 1, "no-staff": 2, "other": 0, "wrong-speciality": 0},
    "times": TIMES,
}


class Shown(NamedTuple):
    """A body sent (where there is one), the answer to it, and the codes of what may be refused beside those of every call."""

    answer: Any
    body: Any = None
    codes: tuple[str, ...] = ()


CONDITIONAL = ("capacity.version_missing", "capacity.changed")
BY_ADT = ("capacity.fed_by_adt", "override.not_fed")
TEMPLATES = ("template.version_missing", "template.changed", "template.not_yours", "actor.not_human")
MOVING = ("actor.not_human", "role.not_on_duty", "request.not_yours", "reason.unknown", "candidate.wrong_state")
SEALING = ("conversation.id_reused", "epoch.stale_recipients", "signature.invalid")
PROMISING = (
    *("offer.missing", "offer.expired", "acceptance.missing", "promise.mismatch", "promise.wrong_clock", "promise.wrong_signer"),
    *("signature.invalid", "encoding.not_canonical", "capacity.full", "bed.taken"),
)
SHOWN: dict[str, Shown] = {
    "begin_conversation": Shown(
        CANDIDATE_OUT,
        {"id": TALK, "epoch": {"h": "eyJ2IjoxfQ", "w": ["d3JhcA"], "s": "c2lnbmF0dXJl"}, "role": ROLE},
        ("candidate.conversation_begun", "candidate.wrong_state", "role.not_on_duty", "request.not_yours", *SEALING),
    ),
    "board": Shown({"hospitals": [ON_BOARD]}),
    "report_capacity": Shown(
        FIGURE,
        COUNTS | {"assessment": "limited"},
        (*CONDITIONAL, *BY_ADT, "capacity.out_of_bounds", "capacity.counted_by_bed", "capacity.reserve_order", "capacity.no_such_slot"),
    ),
    "undo_report": Shown(FIGURE, codes=(*CONDITIONAL, "capacity.nothing_to_undo", "capacity.out_of_bounds", "capacity.counted_by_bed")),
    "capacity_history": Shown(
        {
            "capacity": CAPACITY,
            "since": "2026-11-17T03:00:00.000000Z",
            "until": "2026-11-24T03:00:00.000000Z",
            "is_thinned": False,
            "points": [POINT],
        },
        codes=("history.span",),
    ),
    "unit_beds": Shown({"beds": [BED_OUT]}),
    "report_bed": Shown(
        {"bed": BED_OUT, "figure": FIGURE},
        {"status": "U"},
        ("capacity.version_missing", "bed.changed", "bed.promised", "bed.not_counted", *BY_ADT),
    ),
    "request_templates": Shown({"results": [TEMPLATE_OUT]}),
    "save_request_template": Shown(TEMPLATE_OUT, TEMPLATE_BODY, (*TEMPLATES, "template.known", "template.too_many")),
    "delete_request_template": Shown({"id": TEMPLATE}, codes=TEMPLATES),
    "escalation": Shown({**CHAIN, "role": ROLE, "version": 2}),
    "change_escalation": Shown(
        {**CHAIN, "role": ROLE, "version": 3},
        CHAIN,
        ("escalation.version_missing", "escalation.changed", "escalation.unknown_role", "registrar.required"),
    ),
    "requests": Shown(
        {"next": None, "previous": None, "results": [{**REQUEST_HEAD, "candidates": [CANDIDATE_OUT]}]}, codes=("cursor.malformed",)
    ),
    "create_request": Shown(
        DETAIL,
        NEW_REQUEST,
        (
            *("actor.not_human", "role.not_on_duty", "request.cannot_ask", "request.hospital_twice", "request.role_does_not_answer"),
            *("request.waves", "request.id_reused", *SEALING),
        ),
    ),
    "request": Shown(DETAIL),
    "cancel_request": Shown(
        {
            **DETAIL,
            "closed_at": ENDS,
            "candidates": [
                {
                    **CANDIDATE_OUT,
                    "state": "cancelled",
                    "reason": "improved",
                    "hold": None,
                    "offer": None,
                    "actions": [],
                    "transitions": HISTORY,
                }
            ],
        },
        {"role": OUR_ROLE, "reason": "improved"},
        ("request.closed", *MOVING),
    ),
    "take_step": Shown(
        CANDIDATE_OUT, {"role": ROLE, "offer": SIGNED}, (*MOVING, *PROMISING, "request.already_confirmed", "request.cannot_ask")
    ),
    "receipt": Shown({"format": "wardline-receipt/1"}, codes=("receipt.none",)),
    "statistics": Shown(
        {
            "side": "made",
            "group": "hospital",
            "since": "2026-10-26",
            "until": "2026-11-24",
            "time_zone": "Europe/Berlin",
            "total": NUMBERS,
            "rows": [{**NUMBERS, "key": PARTNER, "name": "Universitätsklinikum Hohenfeld"}],
        },
        codes=("statistics.period",),
    ),
    "statistics_csv": Shown(
        "since,until,side,hospital,name,asked\r\n2026-10-26,2026-11-24,made,total,,44\r\n", codes=("statistics.period",)
    ),
}
