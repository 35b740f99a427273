"""The whole workflow against a model of it (``tests.beds.model``), through the API, with actors that race on real connections.

After every rule the tables, read by SQL of its own, say what the model says: no bed promised twice, one confirmed hospital, one version,
one line of history and one audit event for each step, the request closed with its last candidate. What is refused is refused with the
present state; who is not concerned is told nothing. Steps at the same moment must have the outcome of one of their orders.
"""

from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from backend.clock import database_now
from beds.models import Bed, Candidate, Capacity, Hold, Request
from beds.services import sweep
from tests.beds.asking import Ward
from tests.beds.model import ACTIONS, TABLE, Figure, Model, Refused
from tests.cast import Night

CANDIDATES = """
    SELECT c.id::text, c.state, c.version, c.escalation, c.wave,
        (SELECT array_agg(t.action ORDER BY t.id) FROM beds_transition t WHERE t.candidate_id = c.id AND t.action <> 'alarm-failed'),
        (SELECT array_agg(x.action ORDER BY x.event) FROM audit_index x WHERE x.subjects @> ARRAY[c.id] AND x.outcome = 'success'
            AND x.action LIKE 'beds.%%' AND x.action NOT LIKE 'beds.read%%' AND x.action <> 'beds.alarm_failed'),
        (SELECT array_agg(DISTINCT hospital) FROM audit_index x, unnest(x.hospitals) AS hospital WHERE x.subjects @> ARRAY[c.id]),
        ARRAY[r.origin_id, c.hospital_id],
        (SELECT count(*) FROM beds_hold h WHERE h.candidate_id = c.id AND h.during && tstzrange(clock_timestamp(), NULL))
    FROM beds_candidate c JOIN beds_request r ON r.id = c.request_id WHERE r.id = ANY (%s::uuid[])
"""
FIGURES = """
    SELECT f.id, count(h.id), f.staffed - f.occupied - f.blocked, f.version, count(h.id) - count(DISTINCT h.place),
        count(h.bed_id) - count(DISTINCT h.bed_id)
    FROM beds_capacity f LEFT JOIN beds_hold h ON h.capacity_id = f.id AND h.during && tstzrange(clock_timestamp(), NULL)
    WHERE f.id = ANY (%s) GROUP BY f.id
"""
CLOSED = """
    SELECT r.id::text, r.closed_at, max(c.changed_at),
        count(*) FILTER (WHERE c.state IN ('confirmed', 'transport-arranged', 'in-transit', 'arrived'))
    FROM beds_request r JOIN beds_candidate c ON c.request_id = r.id WHERE r.id = ANY (%s::uuid[]) GROUP BY r.id
"""
# Whom a candidate does not exist for, and who is nobody here.
STRANGERS = {"outsider": 404, "former_colleague": 401, "revoked_device": 401, "anonymous": 401, "pending": 403}
PEOPLE = ["adler", "conrad", "egger", "brandt", "dorn", "north", "middle"]
PLANS = [("uni", "nord", "mitte"), ("mitte",), ("nord", "mitte"), ("uni", "nord"), ("uni", "mitte")]
number = st.integers(0, 999)  # taken modulo what there is: what races decide must not change what is drawn


def rows(statement, values):
    with connection.cursor() as cursor:
        cursor.execute(statement, [values])
        return cursor.fetchall()


class Workflow(RuleBasedStateMachine):
    night: Night

    def __init__(self):
        super().__init__()
        with pytest.MonkeyPatch.context() as patch:
            self.night = Night(patch)
        self.ward = ward = Ward(self.night)
        units = {name: ward.figures[name].unit_id for name in ("uni", "nord", "mitte")}
        self.beds = {label: Bed.objects.create(unit_id=units["mitte"], category="icu-high", label=label) for label in ("1", "2")}
        # One bed each: what everybody wants is soon what nobody else gets.
        Capacity.objects.filter(pk=ward.figures["uni"].pk).update(staffed=4)
        Capacity.objects.filter(pk=ward.figures["nord"].pk).update(staffed=1)
        Capacity.objects.filter(pk=ward.figures["mitte"].pk).update(is_by_bed=True)
        figures = {"uni": Figure(4, 2, 1), "nord": Figure(1, 0, 0), "mitte": Figure(0, 0, 0, beds={"1": True, "2": True})}
        for name, figure in figures.items():
            figure.version = Capacity.objects.get(pk=ward.figures[name].pk).version
        self.model, self.asked = Model(figures), []

    # -- who

    def stands_for_origin(self, asked):
        people = {asked.by} | ({"adler"} if asked.body["role"] else set())
        return sorted(people)

    def may(self, asked, hospital, action):
        if TABLE[action][1] == "destination":
            return next(name for name in PEOPLE if getattr(self.night, name) is self.ward.answering[hospital])
        return self.stands_for_origin(asked)[-1]

    # -- rules

    @rule(plan=number, origin=number, waves=number)
    def ask(self, plan, origin, waves):
        by, role = [("adler", None), ("adler", self.night.kreis.role), ("conrad", None), ("middle", None)][origin % 4]
        hospitals = [name for name in PLANS[plan % len(PLANS)] if by != "middle" or name != "mitte"] or ["uni"]
        numbered = [(1, 1, 1), (1, 2, 2), (1, 2, 3), (1, 1, 2), (1, 1, 1)][waves % 5][: len(hospitals)]
        asked = self.ward.asks(*hospitals, by=getattr(self.night, by), role=role, waves=numbered)
        asked.by = by
        self.asked.append(asked)
        self.model.ask(dict(zip(hospitals, numbered, strict=True)))

    def pick(self, chosen, wish):
        """A request, one of its hospitals, and an action: mostly one that the table allows."""
        at = chosen % len(self.asked)
        hospital = sorted(self.asked[at].candidates)[chosen // 7 % len(self.asked[at].candidates)]
        legal = self.model.legal(at, hospital) if wish % 5 else ACTIONS
        return at, hospital, (legal or ACTIONS)[wish // 5 % len(legal or ACTIONS)]

    def details(self, at, hospital, action, wish):
        if action != "hold" or hospital != "mitte" or wish % 3 == 0:
            return None, {}
        label = ("1", "2")[wish % 2]
        return label, {"bed": str(self.beds[label].pk)}

    @precondition(lambda self: self.asked)
    @rule(chosen=number, wish=number)
    def take(self, chosen, wish):
        at, hospital, action = self.pick(chosen, wish)
        bed, more = self.details(at, hospital, action, chosen)
        asked = self.asked[at]
        answer = asked.take(hospital, action, by=getattr(self.night, self.may(asked, hospital, action)), **more)
        self.compare(answer, partial(self.model.step, at, hospital, action, bed=bed))

    @precondition(lambda self: self.asked)
    @rule(chosen=number, wish=number)
    def go_on(self, chosen, wish):
        """Along the straight path, so that the far states are reached often."""
        at, hospital, _ = self.pick(chosen, wish)
        path = ["acknowledge", "hold", "confirm", "arrange-transport", "depart", "arrive"]
        legal = [action for action in path if action in self.model.legal(at, hospital)]
        for action in legal[:1]:
            answer = self.asked[at].take(hospital, action, by=getattr(self.night, self.may(self.asked[at], hospital, action)))
            self.compare(answer, partial(self.model.step, at, hospital, action))

    @precondition(lambda self: self.asked)
    @rule(chosen=number, wish=number, somebody=number)
    def take_as_somebody(self, chosen, wish, somebody):
        at, hospital, action = self.pick(chosen, wish)
        asked, name = self.asked[at], (PEOPLE + sorted(STRANGERS))[somebody % (len(PEOPLE) + len(STRANGERS))]
        answer = asked.take(hospital, action, by=self.night.person(name))
        if name in STRANGERS:
            assert answer.status_code == STRANGERS[name]
        elif self.is_entitled(asked, hospital, action, name):
            self.compare(answer, partial(self.model.step, at, hospital, action))
        else:
            assert answer.status_code == (403 if self.sees(at, hospital, name) else 404), answer.json()

    def is_entitled(self, asked, hospital, action, name):
        return name == self.may(asked, hospital, action) or (TABLE[action][1] == "origin" and name in self.stands_for_origin(asked))

    def sees(self, at, hospital, name):
        """The origin's people, and those of the asked hospital once it is asked."""
        place = getattr(self.night, name).place
        candidate = self.model.requests[at].candidates[hospital]
        return place.id == self.asked[at].origin or (place.name == hospital and candidate.was_asked())

    @precondition(lambda self: self.asked)
    @rule(chosen=number)
    def cancel_all(self, chosen):
        if chosen % 4 == 0:
            at = chosen // 4 % len(self.asked)
            asked = self.asked[at]
            answer = getattr(self.night, asked.by).post(f"requests/{asked.id}/cancel", {"reason": "improved"})
            self.compare(answer, partial(self.model.cancel, at))

    @rule(staffed=number, lag=number)
    def report(self, staffed, lag):
        name = ("uni", "nord")[staffed % 2]
        version, staffed = self.model.figures[name].version - (lag % 4 == 0), staffed // 2 % 6
        self.compare(self.reporting(name, version, staffed)(), partial(self.model.report, name, version, staffed))

    def reporting(self, name, version, staffed):
        figure, person = self.model.figures[name], self.ward.answering[name]
        body = {"staffed": staffed, "occupied": figure.occupied, "blocked": figure.blocked}
        return lambda: person.put(f"capacities/{self.ward.figures[name].pk}", body, If_Match=str(version))

    @rule()
    def shift_changes(self):
        successor = self.night.dorn if self.ward.answering["uni"] is self.night.brandt else self.night.brandt
        self.ward.take_over(self.night.uni.role, successor)
        self.ward.answering["uni"] = successor

    @precondition(lambda self: self.asked)
    @rule(chosen=number)
    def time_passes(self, chosen):
        """Over the hold, the time to acknowledge and the wait for the next wave of one candidate."""
        at, hospital, _ = self.pick(chosen, 1)
        asked, candidate, now = self.asked[at], self.model.requests[at].candidates[hospital], database_now()
        if candidate.state == "held" and not candidate.has_run_out:
            hold = Hold.objects.get(candidate=asked[hospital])
            Hold.objects.filter(pk=hold.pk).update(during=(hold.during.lower, now))
            candidate.has_run_out = True
        if candidate.state == "submitted":
            Candidate.objects.filter(pk=asked[hospital]).update(acknowledge_by=now - timedelta(hours=1))
            candidate.is_overdue = True
        if chosen % 3 == 0 and Request.objects.filter(pk=asked.id, next_wave_at__isnull=False).update(next_wave_at=now):
            self.model.requests[at].is_late = True

    @rule()
    def clock(self):
        sweep()
        self.model.sweep()

    @precondition(lambda self: self.asked)
    @rule(chosen=number, kind=number, wishes=st.lists(number, min_size=2, max_size=4))
    def at_once(self, chosen, kind, wishes):
        """Several steps at the same moment: on one candidate, one request, or one hospital's beds; the clock or a figure among them."""
        entrants = [self.entrant(chosen, kind, wish) for wish in wishes]
        self.race(entrants + ([("clock",)] if kind % 4 == 0 else []), wishes)

    @precondition(lambda self: self.asked)
    @rule(chosen=number, wish=number)
    def everybody_offers(self, chosen, wish):
        """Whoever may offers a bed, and two of them are confirmed at the same moment, by two taps."""
        at = chosen % len(self.asked)
        for hospital, candidate in self.model.requests[at].candidates.items():
            for action in ("acknowledge", "hold"):
                if action in self.model.legal(at, hospital) and candidate.was_asked():
                    answer = self.asked[at].take(hospital, action, by=getattr(self.night, self.may(self.asked[at], hospital, action)))
                    self.compare(answer, partial(self.model.step, at, hospital, action))
        held = [name for name, one in self.model.requests[at].candidates.items() if one.state == "held"]
        if len(held) > 1:
            self.race([("step", at, name, "confirm") for name in held], [wish] * len(held))

    @rule(wish=number)
    def everybody_wants_the_last_bed(self, wish):
        for _ in range(2):
            self.ask(1 if wish % 2 else 2, 0, 0)
            at, hospital = len(self.asked) - 1, "mitte" if wish % 2 else "nord"
            answer = self.asked[at].take(hospital, "acknowledge", by=getattr(self.night, self.may(self.asked[at], hospital, "acknowledge")))
            self.compare(answer, partial(self.model.step, at, hospital, "acknowledge"))
        self.race([("step", number, hospital, "hold") for number in (at - 1, at)], [wish, wish])

    def race(self, entrants, wishes):
        calls, runs = zip(*[self.armed(entrant, wish) for entrant, wish in zip(entrants, [*wishes, 0], strict=False)], strict=True)
        answers = self.night.at_once(*calls)
        sweep()  # what the clock passed by because a person had it
        found = [model for model in self.orders(entrants, runs, answers) if model.shown() == self.tables()]
        assert found, (entrants, [self.told(answer) for answer in answers], self.model.shown(), self.tables())
        self.model = found[0]

    def entrant(self, chosen, kind, wish):
        at, hospital, _ = self.pick(chosen, wish)
        if kind % 3 == 1:
            hospital = sorted(self.asked[at].candidates)[wish % len(self.asked[at].candidates)]
        if kind % 3 == 2:
            near = [number for number, asked in enumerate(self.asked) if hospital in asked.candidates]
            at = near[wish % len(near)]
            if wish % 7 == 0 and hospital != "mitte":
                return "report", hospital, self.model.figures[hospital].version, wish // 7 % 6
        legal = self.model.legal(at, hospital) or ACTIONS
        wanted = [action for action in ("hold", "confirm") if action in legal] if wish % 2 else legal
        return "step", at, hospital, (wanted or legal)[wish // 3 % len(wanted or legal)]

    def armed(self, entrant, wish):
        """The call, and what it does to a model."""
        match entrant:
            case ["clock"]:
                return sweep, lambda model: model.sweep()
            case ["report", hospital, version, staffed]:
                return self.reporting_apart(hospital, version, staffed), lambda model: model.report(hospital, version, staffed)
            case ["step", at, hospital, action]:
                bed, more = self.details(at, hospital, action, wish)
                asked = self.asked[at]
                call = asked.taking(hospital, action, by=getattr(self.night, self.may(asked, hospital, action)), **more)
                return call, lambda model: model.step(at, hospital, action, bed=bed)

    def reporting_apart(self, name, version, staffed):
        """On a client of its own: a thread must not share cookies."""
        person, figure = self.ward.answering[name], self.model.figures[name]
        body = {"staffed": staffed, "occupied": figure.occupied, "blocked": figure.blocked}
        client, path = person.new_client(), f"capacities/{self.ward.figures[name].pk}"
        return lambda: person._write("put", path, body, None, {"If_Match": str(version)}, client)

    def orders(self, entrants, runs, answers):
        """The model after each order in which the answers make sense."""
        raced = frozenset(entrant[1] for entrant in entrants if entrant[0] == "step")
        for order in permutations(range(len(entrants))):
            # The clock passes by what somebody has; it looks again right after.
            for passes_by in (False, True) if ("clock",) in entrants else (False,):
                model = self.model.copy()
                if all(self.fits(model, entrants[n], runs[n], answers[n], raced if passes_by else frozenset()) for n in order):
                    model.sweep()
                    yield model

    def fits(self, model, entrant, run, answer, passed_by):
        if entrant == ("clock",):
            model.sweep(passed_by)
            return True
        after = model.copy()
        try:
            run(after)
        except Refused as refused:
            return self.is_refusal(answer, refused)
        if answer.status_code == 200:
            vars(model).update(vars(after))
            return True
        # Who saw the candidate as it was before another step of this race has lost, even if the table would allow the step again.
        if entrant[0] == "step":
            _, at, hospital, _ = entrant
            seen, now = (one.requests[at].candidates[hospital] for one in (self.model, model))
            return seen.version != now.version and self.is_refusal(answer, Refused(409, now.state))
        return False

    # -- comparing

    def compare(self, answer, run):
        refused = self.refusal(run)
        if refused is None:
            assert answer.status_code == 200, self.told(answer)
        else:
            assert self.is_refusal(answer, refused), (refused, self.told(answer))

    @staticmethod
    def refusal(run):
        """The model's; it is left as it was then."""
        try:
            run()
        except Refused as refused:
            return refused
        return None

    @staticmethod
    def told(answer):
        return answer if not hasattr(answer, "status_code") else (answer.status_code, answer.json() if answer.status_code >= 400 else None)

    @staticmethod
    def is_refusal(answer, refused):
        if answer.status_code != refused.status:
            return False
        return refused.state is None or answer.json().get("state") == refused.state

    def tables(self):
        ids = [asked.id for asked in self.asked]
        by_id = {}
        for id, state, version, alarms, wave, history, audited, logs, ends, promises in rows(CANDIDATES, ids):
            history = history or []
            by_id[id] = (state, version, history, promises, alarms)
            assert audited == ["beds.request", *("beds." + action.replace("-", "_") for action in history)], "one event for each step"
            was_asked = wave == 1 or {"ask-next", "submit"} & set(history)
            assert set(logs) == set(ends if was_asked else ends[:1]), "in the logs of those concerned"
        ends = {id: (closed_at, last, committed) for id, closed_at, last, committed in rows(CLOSED, ids)}
        assert all(committed <= 1 for _, _, committed in ends.values()), "one confirmed hospital"
        assert all(closed_at in (None, last) for closed_at, last, _ in ends.values()), "closed with the last candidate"
        figures = {}
        names = {figure.pk: name for name, figure in self.ward.figures.items() if name != "kreis"}
        for id, held, free, version, places_twice, beds_twice in rows(FIGURES, list(names)):
            figures[names[id]] = (held, free, version)
            assert held <= free, "more beds promised than there are"
            assert places_twice == beds_twice == 0, "one bed promised twice"
        return {
            "candidates": [{name: by_id[id] for name, id in asked.candidates.items()} for asked in self.asked],
            "closed": [ends[asked.id][0] is not None for asked in self.asked],
            "figures": figures,
        }

    @invariant()
    def the_tables_say_what_the_model_says(self):
        assert self.tables() == self.model.shown()

    @precondition(lambda self: self.asked)
    @invariant()
    def each_sees_its_own(self):
        """The latest request, through the API: the origin all of it, an asked hospital its own part, others nothing."""
        asked = self.asked[-1]
        at = len(self.asked) - 1
        assert self.night.outsider.get(f"requests/{asked.id}").status_code == 404
        for name in ("north", "egger"):
            place = getattr(self.night, name).place
            answer = getattr(self.night, name).get(f"requests/{asked.id}")
            visible = [hospital for hospital in asked.candidates if self.sees(at, hospital, name)]
            assert (answer.status_code == 200) == bool(visible)
            if visible:
                shown = {row["id"]: row["state"] for row in answer.json()["candidates"]}
                assert shown == {asked[hospital]: self.model.requests[at].candidates[hospital].state for hospital in visible}, place.name


@contextmanager
def quietly(blocker):
    with blocker.unblock():
        yield
        connection.close()


SHORT = settings(max_examples=3, stateful_step_count=20, derandomize=True)
DEEP = settings(max_examples=10, stateful_step_count=40)


@pytest.mark.race
@pytest.mark.timeout(600)
@pytest.mark.parametrize("profile", [SHORT, pytest.param(DEEP, marks=pytest.mark.long)], ids=["short", "deep"])
def test_the_service_does_what_the_model_does(django_db_setup, django_db_blocker, profile):
    # Nothing is shrunk: with races in it, the same steps need not fail again. The error shows them all.
    with quietly(django_db_blocker):
        run_state_machine_as_test(
            Workflow,
            settings=settings(
                profile,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=False,
                report_multiple_bugs=False,
            ),
        )
