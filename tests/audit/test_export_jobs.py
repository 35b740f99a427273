"""Exports as jobs: asked for, made in slices by workers that may die, fetched in parts, deleted, forgotten."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection

from audit.exports import files, jobs
from audit.exports.jobs import expire_exports, run_exports
from audit.models import Export
from identity.models import SignIn
from tests.audit.bundles import judged, lines_of, publish
from tests.audit.exporting import ask, auditor, content, made, saved
from tests.beds.asking import Ward
from tests.cast import Night, Someone
from wardline_verify.bundle import Verdict
from wardline_verify.notes import Checkpoint


@pytest.fixture
def egger(night: Night) -> Someone:
    """An auditor; and nothing waits that another test has left."""
    Export.objects.exclude(hospital=night.kreis.id).update(state="gone")
    return auditor(night, night.egger)


def acts(someone: Someone, times: int = 1) -> None:
    for _ in range(times):
        assert someone.get("duty").status_code == 200


def actions(night: Night) -> list[str]:
    return [action for action in night.actions_of(night.kreis) if action.endswith(("_export", "_exports"))]


def test_asked_made_and_fetched_and_each_step_is_an_event(night: Night, egger: Someone, tmp_path: Path) -> None:
    acts(night.adler)
    answer = ask(egger)
    asked = answer.json()
    assert (answer.status_code, asked["state"], asked["content_url"]) == (202, "waiting", None)
    assert answer.headers["Content-Location"] == asked["status_url"]

    assert run_exports(seconds=30) == 1

    ready = egger.get(asked["status_url"]).json()
    assert (ready["state"], ready["progress"]["done"]) == ("ready", ready["progress"]["total"])
    bundle = tmp_path / "bundle"
    bundle.write_bytes(content(egger, ready))
    assert (len(bundle.read_bytes()), hashlib.sha256(bundle.read_bytes()).hexdigest()) == (ready["progress"]["bytes"], ready["sha256"])
    assert judged(bundle, night.kreis.id).verdict is Verdict.INTACT
    steps = ["ask", "begin", "finish", "read", "download"]
    assert actions(night) == [f"audit.{step}_export" for step in steps]
    told = {event.action: event for event in night.audit_of(night.kreis)}
    assert told["audit.ask_export"].agent["person"] == str(egger.pseudonym)
    assert told["audit.begin_export"].agent["method"] == "system"
    assert told["audit.download_export"].detail["bytes"] == ready["progress"]["bytes"]


def test_the_same_bundle_as_the_one_in_one_stream(night: Night, egger: Someone) -> None:
    acts(night.adler, 3)
    export = ask(egger).json()
    run_exports(seconds=30)

    streamed = b"".join(egger.get("audit/export").streaming_content)

    assert content(egger, egger.get(export["status_url"]).json()) == streamed


class TestWorker:
    """Slices, takeovers and the death of the worker."""

    def undone(self) -> Export:
        return Export.objects.get(state__in=Export.UNDONE, pk=self.export)

    @pytest.fixture(autouse=True)
    def asked(self, night: Night, egger: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jobs, "PAGE", 5)
        acts(night.adler, 30)
        self.night, self.reader = night, egger
        self.export = ask(egger).json()["id"]

    def test_a_slice_ends_and_the_next_goes_on(self, tmp_path: Path) -> None:
        rounds, seen = 0, []
        while Export.objects.filter(pk=self.export, state__in=Export.UNDONE).exists():
            run_exports(seconds=0.001)
            rounds += 1
            seen.append(Export.objects.get(pk=self.export).next_place)
            assert rounds < 500
        assert rounds > 1
        assert seen == sorted(seen)
        assert self.verdict(tmp_path) is Verdict.INTACT

    def test_killed_at_any_point_another_one_finishes_the_same_file(self, tmp_path: Path) -> None:
        """A process is killed in the middle of a page that is written but not noted: the bytes beyond the note are cut off."""
        run_exports(seconds=0.0)
        before = self.undone()
        program = (
            "import django, os, signal; django.setup()\n"
            "from django.conf import settings; settings.DATABASES['default']['NAME'] = os.environ['TEST_DATABASE']\n"
            "from audit.exports import jobs\n"
            "jobs.PAGE, write, pages = 5, jobs.Format, []\n"
            "page = jobs.page\n"
            "def dying(*given, **more):\n"
            "    pages.append(1)\n"
            "    if len(pages) == 4:\n"
            "        path = jobs.files.path_of(os.environ['EXPORT'])\n"
            "        os.write(os.open(path, os.O_WRONLY | os.O_APPEND), b'half a l')\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "    return page(*given, **more)\n"
            "jobs.page = dying\n"
            "jobs.run_exports(seconds=60)\n"
        )
        state = {"WARDLINE_STATE": str(django_settings.STATE_DIR), "TEST_DATABASE": connection.settings_dict["NAME"], "EXPORT": self.export}
        done = subprocess.run([sys.executable, "-c", program], env=os.environ | state, capture_output=True, text=True, check=False)

        assert done.returncode == -signal.SIGKILL, done.stderr
        assert files.path_of(before.pk).stat().st_size > before.bytes, "the killed worker had made progress"
        run_exports(seconds=30)
        assert self.verdict(tmp_path) is Verdict.INTACT
        assert [line.get("index") for line in lines_of(tmp_path / "bundle")[1:-1]] == list(range(before.size))

    def test_two_workers_take_turns(self) -> None:
        with files.turn(self.undone().pk) as is_mine:
            assert is_mine
            assert run_exports(seconds=30) == 0
            assert self.undone().state == "waiting"
        assert run_exports(seconds=30) == 1

    def test_a_lost_state_folder_means_from_the_beginning(self, tmp_path: Path) -> None:
        while not Export.objects.get(pk=self.export).next_place:
            run_exports(seconds=0.001)
        assert self.undone().bytes
        files.path_of(self.undone().pk).unlink()
        run_exports(seconds=30)
        assert self.verdict(tmp_path) is Verdict.INTACT

    def test_deleted_while_it_is_made(self) -> None:
        run_exports(seconds=0.0)
        assert self.reader.delete(f"audit/exports/{self.export}").status_code == 204
        assert run_exports(seconds=30) == 0
        assert not list(Path(django_settings.STATE_DIR, "exports").glob("*.export"))

    def test_what_cannot_be_made_is_given_up_and_keeps_nobody_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        other = ask(self.reader, "csv").json()["id"]
        page = jobs.page
        broken = Export.objects.get(pk=self.export)

        def failing(log: Any, start: int, end: int, wanted: Any, *, with_others: bool) -> Any:
            if with_others:
                raise ValueError
            return page(log, start, end, wanted, with_others=with_others)

        monkeypatch.setattr(jobs, "page", failing)
        for _ in range(4):
            run_exports(seconds=30)
        broken.refresh_from_db()
        assert (broken.state, Export.objects.get(pk=other).state) == ("failed", "ready")
        failed = [event for event in self.night.audit_of(self.night.kreis) if event.action == "audit.fail_export"]
        assert [event.outcome for event in failed] == ["failed"]
        assert self.reader.get(f"audit/exports/{self.export}/content").status_code == 410

    def verdict(self, tmp_path: Path) -> Verdict:
        path = tmp_path / "bundle"
        path.write_bytes(content(self.reader, self.reader.get(f"audit/exports/{self.export}").json()))
        return judged(path, self.night.kreis.id).verdict


class TestFetching:
    @pytest.fixture(autouse=True)
    def export(self, night: Night, egger: Someone) -> None:
        acts(night.adler)
        self.reader, self.night = egger, night
        self.ready = made(egger)
        self.whole = content(egger, self.ready)

    @pytest.mark.parametrize(
        ("asked", "start", "end"), [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=5-99999999", 5, None)]
    )
    def test_a_range(self, asked: str, start: int, end: int | None) -> None:
        answer = self.reader.get(self.ready["content_url"], Range=asked)
        part = b"".join(answer.streaming_content)

        assert (answer.status_code, part) == (206, self.whole[start:end])
        size, at = len(self.whole), start % len(self.whole)
        assert answer.headers["Content-Range"] == f"bytes {at}-{at + len(part) - 1}/{size}"
        assert answer.headers["Content-Length"] == str(len(part))

    def test_after_a_break_the_rest_makes_the_same_file(self) -> None:
        tag = self.reader.get(self.ready["content_url"]).headers["ETag"]
        answer = self.reader.get(self.ready["content_url"], Range="bytes=100-", **{"If-Range": tag})
        rest = b"".join(answer.streaming_content)
        assert hashlib.sha256(self.whole[:100] + rest).hexdigest() == self.ready["sha256"]

    @pytest.mark.parametrize("asked", ["bytes=", "bytes=5-2", "lines=1-2", "bytes=1-2,4-5", "bytes=a-b", "bytes=\u0661-\u0662"])
    def test_what_is_no_single_range_gets_the_whole(self, asked: str) -> None:
        answer = self.reader.get(self.ready["content_url"], Range=asked.encode().decode("latin-1"))
        assert (answer.status_code, b"".join(answer.streaming_content)) == (200, self.whole)

    def test_a_range_of_another_file_gets_the_whole(self) -> None:
        answer = self.reader.get(self.ready["content_url"], Range="bytes=5-", **{"If-Range": '"another"'})
        assert (answer.status_code, b"".join(answer.streaming_content)) == (200, self.whole)

    @pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
    def test_beyond_the_end(self, asked: str) -> None:
        answer = self.reader.get(self.ready["content_url"], Range=asked)
        assert (answer.status_code, answer.json()["code"], answer.json()["size"]) == (416, "export.range", len(self.whole))

    def test_deleted(self) -> None:
        assert self.reader.delete(self.ready["status_url"]).status_code == 204
        assert self.reader.get(self.ready["content_url"]).status_code == 410
        assert self.reader.delete(self.ready["status_url"]).status_code == 404
        assert self.reader.get("audit/exports").json() == {"results": []}
        assert "audit.delete_export" in actions(self.night)

    def test_expired(self) -> None:
        assert expire_exports() == 0
        self.night.clock.advance(days=7, minutes=1)
        assert self.fetched_by_somebody_still_signed_in() == 410
        assert expire_exports() == 1
        assert not files.present()
        assert actions(self.night)[-1] == "audit.expire_export"

    def fetched_by_somebody_still_signed_in(self) -> int:
        SignIn.objects.filter(pk=self.reader.sign_in_id).update(expires_at=self.night.clock.advance() + timedelta(hours=1))
        status: int = self.reader.get(self.ready["content_url"]).status_code
        return status

    def test_a_file_that_no_row_wants_is_swept_away(self) -> None:
        stray = files.path_of(uuid4())
        stray.write_bytes(b"x")
        expire_exports()
        assert not stray.exists()
        assert content(self.reader, self.ready) == self.whole

    def test_an_erasure_takes_it_away_because_the_name_is_in_it(self, night: Night) -> None:
        night.kreis.registrar.post(f"members/{night.conrad.id}/end")
        assert night.kreis.registrar.post("audit/erasures", {"person": night.conrad.id}).status_code == 201
        assert self.reader.get(self.ready["content_url"]).status_code == 410
        assert not files.present()


class TestWho:
    @pytest.fixture(autouse=True)
    def export(self, night: Night, egger: Someone) -> None:
        self.ready = made(egger)

    def statuses(self, someone: Any) -> set[int]:
        return {
            someone.get(self.ready["status_url"]).status_code,
            someone.get(self.ready["content_url"]).status_code,
            someone.delete(self.ready["status_url"]).status_code,
        }

    @pytest.mark.parametrize(
        ("who", "status"), [("adler", 403), ("outsider", 403), ("former_colleague", 401), ("pending", 403), ("anonymous", 401)]
    )
    def test_who_is_no_auditor(self, night: Night, who: str, status: int) -> None:
        assert self.statuses(night.person(who)) == {status}
        assert night.person(who).post("audit/exports", {"format": "csv"}).status_code == status

    def test_a_registrar_who_did_not_ask_has_none(self, night: Night) -> None:
        assert self.statuses(night.kreis.registrar) == {404}

    def test_an_auditor_of_elsewhere_has_none(self, night: Night) -> None:
        assert self.statuses(auditor(night, night.dorn)) == {404}

    def test_another_auditor_of_the_hospital_has_it(self, night: Night) -> None:
        conrad = auditor(night, night.conrad)
        assert [export["is_mine"] for export in conrad.get("audit/exports").json()["results"]] == [False]
        assert conrad.get(self.ready["content_url"]).status_code == 200

    def test_who_was_an_auditor(self, night: Night, egger: Someone) -> None:
        night.kreis.registrar.post(f"members/{egger.id}/auditor/end", {"reason": "done"})
        assert self.statuses(egger) == {403}


def test_no_more_than_five_at_a_time_also_when_asked_at_once(night: Night, egger: Someone) -> None:
    publish(night.kreis.id)
    calls = [egger.posting("audit/exports", {"format": "csv"}) for _ in range(7)]

    answers = [answer.status_code for answer in night.at_once(*calls)]

    assert sorted(answers) == [202] * 5 + [409] * 2


def test_asked_twice_with_one_key_is_asked_once(night: Night, egger: Someone) -> None:
    publish(night.kreis.id)
    key = uuid4()
    first, second = (egger.post("audit/exports", {"format": "csv"}, key=key) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert Export.objects.filter(hospital=night.kreis.id).count() == 1


class TestFilters:
    """What is shown, what is withheld, and that it shows."""

    @pytest.fixture(autouse=True)
    def deeds(self, night: Night, egger: Someone) -> None:
        acts(night.adler, 3)
        self.asked = Ward(night).asks("uni")
        acts(night.conrad, 2)
        self.night, self.reader = night, egger

    def bundle(self, tmp_path: Path, **asked: Any) -> Path:
        return saved(self.reader, tmp_path / "bundle", filter=asked)

    def events(self, path: Path) -> list[dict[str, Any]]:
        return [json.loads(b64decode(line["leaf"])) for line in lines_of(path) if "leaf" in line]

    def test_by_person_the_others_are_hashes(self, tmp_path: Path) -> None:
        path = self.bundle(tmp_path, person=str(self.night.conrad.id))
        assert {event["agent"]["person"] for event in self.events(path)} == {str(self.night.conrad.pseudonym)}
        report = judged(path, self.night.kreis.id)
        assert (report.verdict, [finding[1] for finding in report.findings]) == (Verdict.INCOMPLETE, ["withheld"])
        assert report.checked == ["signature", "root"]
        assert report.withheld == report.size - len(self.events(path))

    def test_one_line_less_shows(self, tmp_path: Path) -> None:
        path = self.bundle(tmp_path, person=str(self.night.conrad.id))
        lines = path.read_bytes().splitlines(keepends=True)
        at = next(at for at, line in enumerate(lines) if b'"hash"' in line)
        path.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
        assert judged(path, self.night.kreis.id).verdict is Verdict.TAMPERED

    def test_by_request_with_its_conversations(self, tmp_path: Path) -> None:
        path = self.bundle(tmp_path, request=str(self.asked.id))
        shown = self.events(path)
        assert {"beds.create_request", "messaging.send"} & {event["action"] for event in shown}
        assert not any(event["action"] == "identity.read_duty" for event in shown)

    def test_by_action_part_and_outcome(self, tmp_path: Path) -> None:
        assert self.night.adler.get("audit/exports").status_code == 403
        path = self.bundle(tmp_path, action=["api."], outcome=["refused"])
        assert {event["action"] for event in self.events(path)} == {"api.refused"}

    def test_by_time_the_rest_is_a_few_subtrees(self, tmp_path: Path) -> None:
        self.night.clock.advance()
        events = self.night.audit_of(self.night.kreis)
        since, until = events[4].at, events[7].at
        path = self.bundle(tmp_path, since=since, until=until)
        assert [event["at"] for event in self.events(path)] == [event.at for event in events[4:7]]
        outside = [line for line in lines_of(path) if "height" in line]
        assert outside
        assert judged(path, self.night.kreis.id).findings[0][1] == "withheld"

    def test_a_saved_checkpoint_stays_checkable_where_the_auditor_says_how_long_it_is(self, tmp_path: Path) -> None:
        before = Checkpoint.parse(publish(self.night.kreis.id))
        acts(self.night.adler, 6)
        since = self.night.audit_of(self.night.kreis)[-1].at
        path = saved(self.reader, tmp_path / "bundle", filter={"since": since}, cut=before.size)
        assert "saved" in judged(path, self.night.kreis.id, before).checked
        path = saved(self.reader, tmp_path / "bundle", filter={"since": since}, cut=before.size - 1)
        assert "saved_unreachable" in [finding[1] for finding in judged(path, self.night.kreis.id, before).findings]

    def test_nothing_found_is_still_a_whole_log(self, tmp_path: Path) -> None:
        path = self.bundle(tmp_path, since="2001-01-01T00:00:00Z", until="2001-01-02T00:00:00Z")
        assert self.events(path) == []
        report = judged(path, self.night.kreis.id)
        assert (report.checked, report.withheld) == (["signature", "root"], report.size)

    def test_a_persons_id_tells_no_pseudonym_of_whom_the_log_does_not_know(self) -> None:
        shown = ask(self.reader, filter={"person": str(self.night.outsider.id)}).json()["wanted"]
        assert shown == {"agents": [str(self.night.outsider.id)]}

    @pytest.mark.parametrize(
        "asked", [{"action": ["x"]}, {"action": ["Beds.confirm"]}, {"person": "x"}, {"since": "x"}, {"outcome": ["maybe"]}]
    )
    def test_what_is_no_filter(self, asked: dict[str, Any]) -> None:
        assert ask(self.reader, filter=asked).status_code == 400
