"""The log looked at."""

from uuid import uuid4

from tests.audit.bundles import publish
from tests.audit.exporting import made
from tests.audit.walk import Attempt, Prepare, Scene, row
from tests.platform.test_lists import QUERIES

LOOKS = {
    "audit/events": "audit.search",
    "audit/break-glass": "audit.read_break_glass",
    "audit/sign-in-failures": "audit.read_sign_in_failures",
    "audit/activity": "audit.read_activity",
    "audit/roster": "audit.read_roster",
    "audit/reviews": "audit.list_reviews",
    "audit/exports": "audit.list_exports",
    "audit/witnesses": "audit.read_witnesses",
    "audit/export": "audit.export",
}


def looking(path: str) -> Prepare:
    def prepare(scene: Scene) -> Attempt:
        assert scene.registrar.get("duty").status_code == 200
        publish(scene.night.kreis.id)
        return lambda: scene.registrar.get(path + QUERIES.get(path, ""))

    return prepare


for path, action in LOOKS.items():
    row(f"GET {path}", f"{action}: kreis")(looking(path))


@row("GET audit/timeline", "audit.read_timeline: kreis")
def timeline(scene: Scene) -> Attempt:
    asked = scene.ward.asks("uni")
    publish(scene.night.kreis.id)
    return lambda: scene.registrar.get(f"audit/timeline?request={asked.id}")


@row("GET audit/disclosures/{case}", "audit.read_disclosures: kreis")
def disclosures(scene: Scene) -> Attempt:
    asked = scene.ward.asks("uni")
    publish(scene.night.kreis.id)
    return lambda: scene.registrar.get(f"audit/disclosures/{asked.id}")


@row("POST audit/reviews", "audit.review: kreis")
def review(scene: Scene) -> Attempt:
    span = {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}
    said = {"id": uuid4(), **span, "scope": "everything", "finding": "nothing", "action": "none"}
    return lambda: scene.registrar.post("audit/reviews", said)


@row("POST audit/erasures", "audit.delete_export: kreis", "privacy.erased: kreis")
def erase(scene: Scene) -> Attempt:
    egger = scene.night.egger
    assert egger.get("duty").status_code == 200
    scene.registrar.post(f"members/{egger.id}/end")
    made(scene.registrar)
    return lambda: scene.registrar.post("audit/erasures", {"person": egger.id})


@row("POST audit/exports", "audit.ask_export: kreis")
def ask(scene: Scene) -> Attempt:
    assert scene.registrar.get("duty").status_code == 200
    publish(scene.night.kreis.id)
    return lambda: scene.registrar.post("audit/exports", {"format": "csv"})


@row("GET audit/exports/{export}", "audit.read_export: kreis")
def read_export(scene: Scene) -> Attempt:
    assert scene.registrar.get("duty").status_code == 200
    export = made(scene.registrar, "csv")
    return lambda: scene.registrar.get(export["status_url"])


@row("GET audit/exports/{export}/content", "audit.download_export: kreis")
def download(scene: Scene) -> Attempt:
    assert scene.registrar.get("duty").status_code == 200
    export = made(scene.registrar, "csv")
    return lambda: scene.registrar.get(export["content_url"])


@row("DELETE audit/exports/{export}", "audit.delete_export: kreis")
def delete_export(scene: Scene) -> Attempt:
    assert scene.registrar.get("duty").status_code == 200
    export = made(scene.registrar, "csv")
    return lambda: scene.registrar.delete(export["status_url"])
