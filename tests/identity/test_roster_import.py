"""A roster made elsewhere: read as spreadsheets write it, all of it or none, with an error for each line that cannot be."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.clock import database_now
from identity.models import Duty, DutyRole, Shift
from identity.roster_lines import lines_of_csv, read_time
from tests.identity.test_rosters import code

BERLIN = ZoneInfo("Europe/Berlin")
ROLE = "Intensive care coordination"


class Desk:
    def __init__(self, night):
        self.night, self.role, self.registrar = night, night.kreis.role, night.kreis.registrar
        self.day = (database_now().astimezone(BERLIN) + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)

    def at(self, hour, form="%d.%m.%Y %H:%M"):
        return (self.day.replace(tzinfo=None) + timedelta(hours=hour)).strftime(form)

    def line(self, person, begins, ends, role=ROLE, form="%d.%m.%Y %H:%M"):
        return {"role": role, "person": person, "since": self.at(begins, form), "until": self.at(ends, form)}

    def csv(self, *lines, separator=";", heading="Dienst;Person;Von;Bis", start="\ufeff"):
        rows = [separator.join(line.values()) for line in lines]
        return start + "\r\n".join([heading.replace(";", separator), *rows] if heading else rows) + "\r\n"

    def give(self, by=None, *, days=7, key=None, **body):
        range_ = {"since": self.day.astimezone(UTC), "until": (self.day + timedelta(days=days)).astimezone(UTC)}
        return (by or self.registrar).post("rosters/import", range_ | body, **({"key": key} if key else {}))

    def shifts(self):
        """(person, hours after the day began)."""
        rows = Shift.objects.filter(role=self.role.id).order_by("starts_at")
        return [
            (row.person_id, (row.starts_at - self.day) / timedelta(hours=1), (row.ends_at - self.day) / timedelta(hours=1)) for row in rows
        ]


@pytest.fixture
def desk(night):
    return Desk(night)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"separator": ",", "heading": "role;person;from;until", "start": ""},
        {"separator": "\t"},
        {"heading": ""},
    ],
)
def test_a_file_as_spreadsheets_write_it(night, desk, how):
    csv = desk.csv(desk.line(night.conrad.name, 7, 19), desk.line(f"dr. {night.adler.name.upper()}", 19, 31), **how)

    answer = desk.give(csv=csv)

    assert (answer.status_code, answer.json()) == (200, {"is_applied": True, "lines": 2, "added": 2, "removed": 0, "problems": []})
    assert desk.shifts() == [(night.conrad.id, 7, 19), (night.adler.id, 19, 31)]
    assert Duty.objects.filter(role=desk.role.id, person=night.conrad.id, planned_by=desk.registrar.id).count() == 1
    assert night.actions_of(night.kreis)[-2:] == ["identity.change_roster", "identity.import_roster"]


def test_lines_of_other_software_with_ids_and_offsets(night, desk):
    since, until = (desk.day + timedelta(hours=7)).isoformat(), (desk.day + timedelta(hours=19)).isoformat()
    line = {"role": str(desk.role.id), "person": str(night.conrad.id), "since": since, "until": until}

    assert desk.give(lines=[line]).json()["added"] == 1
    assert desk.shifts() == [(night.conrad.id, 7, 19)]


def test_it_replaces_the_range_it_names_and_leaves_the_rest(night, desk):
    desk.give(csv=desk.csv(desk.line(night.conrad.name, 7, 19), desk.line(night.conrad.name, 31, 43), desk.line(night.conrad.name, 55, 67)))

    answer = desk.give(csv=desk.csv(desk.line(night.adler.name, 7, 19)), days=2)

    assert (answer.json()["added"], answer.json()["removed"]) == (1, 2)
    assert desk.shifts() == [(night.adler.id, 7, 19), (night.conrad.id, 55, 67)]


def test_the_same_again_changes_nothing(night, desk):
    csv = desk.csv(desk.line(night.conrad.name, 7, 19))
    desk.give(csv=csv)
    version = DutyRole.objects.get(pk=desk.role.id).roster_version

    answer = desk.give(csv=csv)

    assert (answer.json()["added"], answer.json()["removed"]) == (0, 0)
    assert DutyRole.objects.get(pk=desk.role.id).roster_version == version


def test_a_rehearsal_tells_what_it_would_do_and_does_nothing(night, desk):
    csv = desk.csv(desk.line(night.conrad.name, 7, 19), desk.line("Niemand", 19, 31))

    answer = desk.give(csv=csv, is_dry_run=True)

    problems = [{"line": 3, "code": "roster.line_person"}]
    assert (answer.status_code, answer.json()) == (200, {"is_applied": False, "lines": 2, "added": 1, "removed": 0, "problems": problems})
    assert desk.shifts() == []
    assert night.actions_of(night.kreis)[-1] == "identity.rehearse_roster"


def test_every_line_that_cannot_be_read_is_told_and_nothing_is_taken_over(night, desk):
    conrad = night.conrad.name
    lines = [
        desk.line(conrad, 7, 19),
        desk.line(conrad, 7, 19, role="Küche"),
        desk.line("Niemand", 31, 43),
        desk.line(night.egger.name, 31, 43),
        desk.line(conrad, 43, 31),
        desk.line(conrad, 31, 31 + 24 * 8),
        desk.line(conrad, 31, 43) | {"since": "bald"},
        desk.line(conrad, 24 * 8, 24 * 8 + 12),
        desk.line(night.adler.name, 18, 22),
        desk.line(conrad, 55, 67) | {"person": ""},
    ]

    answer = desk.give(csv=desk.csv(*lines))

    assert code(answer) == (400, "roster.lines")
    codes = ["role", "person", "not_eligible", "shift", "shift", "time", "outside", "overlap", "columns"]
    assert answer.json()["problems"] == [{"line": number, "code": f"roster.line_{name}"} for number, name in enumerate(codes, start=3)]
    assert desk.shifts() == []
    assert night.egger.name not in answer.content.decode()


def test_a_name_that_two_have_is_nobodys(night, desk):
    from identity.models import Person

    Person.objects.filter(pk=night.egger.id).update(name=night.conrad.name)

    answer = desk.give(csv=desk.csv(desk.line(night.conrad.name, 7, 19)), is_dry_run=True)

    assert answer.json()["problems"] == [{"line": 2, "code": "roster.line_ambiguous"}]


@pytest.mark.parametrize("who", ["brandt", "outsider", "former_colleague", "pending"])
def test_nobody_of_another_hospital_and_nobody_who_has_left_is_known(night, desk, who):
    answer = desk.give(csv=desk.csv(desk.line(str(night.person(who).id), 7, 19)), is_dry_run=True)

    assert answer.json()["problems"] == [{"line": 2, "code": "roster.line_person"}]


def test_only_a_registrar_imports(night, desk):
    assert code(desk.give(night.adler, csv="")) == (403, "registrar.required")
    theirs = desk.give(night.uni.registrar, csv=desk.csv(desk.line(night.conrad.name, 7, 19, role=str(desk.role.id))), is_dry_run=True)
    assert theirs.json()["problems"] == [{"line": 2, "code": "roster.line_role"}]


def test_one_source_and_a_range(night, desk):
    assert code(desk.give()) == (400, "roster.source")
    assert code(desk.give(csv="", lines=[])) == (400, "roster.source")
    assert code(desk.give(csv="", days=-1)) == (400, "roster.range")
    assert code(desk.give(csv=desk.csv(*[desk.line(night.conrad.name, 7, 19)] * 2001))) == (400, "roster.too_many_lines")


def test_what_is_over_stays(night, desk):
    ids = {"role_id": desk.role.id, "person_id": night.adler.id, "written_by_id": desk.registrar.id}
    desk.day -= timedelta(days=4)
    Shift.objects.create(starts_at=desk.day, ends_at=desk.day + timedelta(hours=7), **ids)

    assert desk.give(csv=desk.csv(desk.line(night.conrad.name, 7, 19), desk.line(night.conrad.name, 96, 100))).status_code == 200

    assert desk.shifts() == [(night.adler.id, 0, 7), (night.conrad.id, 96, 100)]


def test_a_shift_from_before_the_range_that_lies_in_the_way(night, desk):
    ids = {"role_id": desk.role.id, "person_id": night.adler.id, "written_by_id": desk.registrar.id}
    Shift.objects.create(starts_at=desk.day - timedelta(hours=5), ends_at=desk.day + timedelta(hours=8), **ids)

    assert code(desk.give(csv=desk.csv(desk.line(night.conrad.name, 7, 19)))) == (409, "roster.overlap")
    assert len(desk.shifts()) == 1


@pytest.mark.parametrize("text", ["25.10.2026 02:30", "2026-10-25 02:30", "2026-10-25T00:30Z", "25.10.26 02:30"])
def test_times_as_people_write_them(text):
    assert read_time(text, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_an_empty_file_has_no_lines():
    assert list(lines_of_csv("")) == []
    assert list(lines_of_csv("\ufeffDienst;Person;Von;Bis\n;;;\n\n")) == []
