"""The hospital's software: who lets it in, and what it does."""

from typing import Any
from uuid import uuid4

from django.utils import timezone

from audit.exports.jobs import run_exports
from beds.models import Bed
from integration.scopes import OFFERED
from tests.audit.bundles import publish
from tests.audit.walk import Attempt, Prepare, Scene, row
from tests.cast import Someone
from tests.integration.receiver import WEBHOOK, webhook_of
from tests.integration.software import Software, occupancy, order


@row("GET integration-clients", "integration.read_clients: kreis")
def clients(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("integration-clients")


@row("PUT integration-clients/{client}", "integration.add_client: kreis")
def add(scene: Scene) -> Attempt:
    software = Software(scene.registrar)
    return software.enters


@row("PUT integration-clients/{client} change", "integration.change_client: kreis")
def change(scene: Scene) -> Attempt:
    software = Software(scene.registrar).entered()
    return lambda: software.enters(scopes=["system/Location.r"])


@row("POST integration-clients/{client}/revoke", "integration.revoke_client: kreis")
def revoke(scene: Scene) -> Attempt:
    software = Software(scene.registrar).entered()
    return lambda: scene.registrar.post(f"integration-clients/{software.id}/revoke")


@row("GET webhooks", "integration.read_webhooks: kreis")
def webhooks(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("webhooks")


@row("PUT webhooks/{webhook}", "integration.add_webhook: kreis")
def add_webhook(scene: Scene) -> Attempt:
    return lambda: scene.registrar.put(f"webhooks/{uuid4()}", WEBHOOK)


@row("PUT webhooks/{webhook} change", "integration.change_webhook: kreis")
def change_webhook(scene: Scene) -> Attempt:
    known = webhook_of(scene.registrar)
    return lambda: scene.registrar.put(f"webhooks/{known}", WEBHOOK | {"name": "SMS"})


@row("PUT webhooks/{webhook}/secret", "integration.renew_webhook_secret: kreis")
def renew_secret(scene: Scene) -> Attempt:
    known = webhook_of(scene.registrar)
    return lambda: scene.registrar.put(f"webhooks/{known}/secret", {"generation": 2})


@row("POST webhooks/{webhook}/try", "integration.try_webhook: kreis")
def try_webhook(scene: Scene) -> Attempt:
    known = webhook_of(scene.registrar)
    return lambda: scene.registrar.post(f"webhooks/{known}/try")


@row("POST webhooks/{webhook}/end", "integration.end_webhook: kreis")
def end_webhook(scene: Scene) -> Attempt:
    known = webhook_of(scene.registrar)
    return lambda: scene.registrar.post(f"webhooks/{known}/end")


def signed_in(scene: Scene, registrar: Someone | None = None) -> Software:
    """With its token, whose issue is an event of its own."""
    software = Software(registrar or scene.registrar).entered()
    software.kept = software.token()
    return software


def posting(kind: str) -> Prepare:
    def prepare(scene: Scene) -> Attempt:
        software = signed_in(scene)
        return lambda: software.searches(kind, "_count=1")

    return prepare


def searching(kind: str) -> Prepare:
    def prepare(scene: Scene) -> Attempt:
        software = signed_in(scene)
        return lambda: software.reads(kind)

    return prepare


LOG = "AuditEvent"
for kind in OFFERED:
    looked = "audit.search" if kind == LOG else "integration.search_resources"
    row(f"GET fhir/{kind}", f"{looked}: kreis")(searching(kind))
    row(f"POST fhir/{kind}/_search", f"{looked}: kreis")(posting(kind))


def seen(scene: Scene) -> Software:
    """Whose hospital has a log to read."""
    software = signed_in(scene)
    publish(scene.night.kreis.id)
    return software


@row("GET fhir/AuditEvent/{id}", "audit.read: kreis")
def event(scene: Scene) -> Attempt:
    software = seen(scene)
    (entry,) = software.reads("AuditEvent?_count=1").json()["entry"]
    return lambda: software.reads(f"AuditEvent/{entry['resource']['id']}")


def asked(software: Software) -> Any:
    return software.reads("$export", Prefer="respond-async")


@row("GET fhir/$export", "audit.ask_export: kreis")
def ask_export(scene: Scene) -> Attempt:
    software = seen(scene)
    return lambda: asked(software)


def address(software: Software) -> str:
    return str(asked(software).headers["Content-Location"]).partition("/fhir/")[2]


@row("GET fhir/$export/{export}", "audit.read_export: kreis")
def export(scene: Scene) -> Attempt:
    software = seen(scene)
    at = address(software)
    return lambda: software.reads(at)


@row("DELETE fhir/$export/{export}", "audit.delete_export: kreis")
def delete_export(scene: Scene) -> Attempt:
    software = seen(scene)
    at = address(software)
    return lambda: software.deletes(at)


@row("GET fhir/$export/{export}/AuditEvent.ndjson", "audit.download_export: kreis")
def fetch_export(scene: Scene) -> Attempt:
    software = seen(scene)
    at = address(software)
    while run_exports(seconds=30):
        pass
    return lambda: software.reads(f"{at}/AuditEvent.ndjson")


@row("GET fhir/Organization/{id}", "integration.read_resource: kreis")
def hospital(scene: Scene) -> Attempt:
    software = signed_in(scene)
    return lambda: software.reads(f"Organization/{scene.night.kreis.id}")


@row("GET fhir/PractitionerRole/{id}", "integration.read_resource: kreis")
def duty_role(scene: Scene) -> Attempt:
    software = signed_in(scene)
    return lambda: software.reads(f"PractitionerRole/{scene.night.kreis.role.id}")


@row("GET fhir/Location/{id}", "integration.read_resource: kreis")
def bed(scene: Scene) -> Attempt:
    software, found = signed_in(scene), Bed.objects.create(unit_id=scene.night.kreis.unit_id, category="icu-high", label="7")
    return lambda: software.reads(f"Location/{found.pk}")


@row("GET fhir/MeasureReport/{id}", "integration.read_resource: kreis")
def report(scene: Scene) -> Attempt:
    software = signed_in(scene)
    known = software.pushes(occupancy(scene.ward.night.kreis.unit_id, 1, timezone.now())).json()["id"]
    return lambda: software.reads(f"MeasureReport/{known}")


@row("POST fhir/ServiceRequest", "beds.request: kreis uni")
def request(scene: Scene) -> Attempt:
    software, night = signed_in(scene), scene.night
    return lambda: software.asks_for(order(night.kreis.role.id, night.uni.role.id))


@row("POST fhir/ServiceRequest again", "integration.read_resource: kreis")
def request_again(scene: Scene) -> Attempt:
    software, night = signed_in(scene), scene.night
    told = order(night.kreis.role.id, night.uni.role.id)
    assert software.asks_for(told, once=True).status_code == 201
    return lambda: software.asks_for(told, once=True)


@row("GET fhir/ServiceRequest/{id}", "integration.read_resource: kreis")
def read_request(scene: Scene) -> Attempt:
    software, asked = signed_in(scene), scene.ward.asks("uni")
    return lambda: software.reads(f"ServiceRequest/{asked.id}")


@row("GET fhir/Task/{id}", "integration.read_resource: kreis uni")
def task(scene: Scene) -> Attempt:
    software, asked = signed_in(scene, scene.night.uni.registrar), scene.ward.asks("uni")
    return lambda: software.reads(f"Task/{asked['uni']}")


@row("PUT fhir/Task/{id}", "beds.cancel: kreis uni")
def move(scene: Scene) -> Attempt:
    software, asked = signed_in(scene), scene.ward.asks("uni")
    shown = software.reads(f"Task/{asked['uni']}").json()
    return lambda: software.moves(shown, "cancelled", reason="improved")


@row("PUT fhir/Task/{id} again", "integration.read_resource: kreis")
def move_nowhere(scene: Scene) -> Attempt:
    software, asked = signed_in(scene), scene.ward.asks("uni")
    shown = software.reads(f"Task/{asked['uni']}").json()
    return lambda: software.moves(shown, "requested")


@row("POST fhir/MeasureReport", "beds.report_figure: kreis")
def push(scene: Scene) -> Attempt:
    software, told = signed_in(scene), occupancy(scene.ward.night.kreis.unit_id, 1, timezone.now())
    return lambda: software.pushes(told)


@row("POST fhir/MeasureReport again", "integration.read_resource: kreis")
def push_again(scene: Scene) -> Attempt:
    software, told = signed_in(scene), occupancy(scene.ward.night.kreis.unit_id, 1, timezone.now())
    assert software.pushes(told).status_code == 201
    return lambda: software.pushes(told)


@row("POST fhir/Subscription", "integration.subscribe: kreis")
def subscribe(scene: Scene) -> Attempt:
    software = signed_in(scene)
    return lambda: software.subscribes(WEBHOOK["endpoint"])


@row("GET fhir/Subscription/{id}", "integration.read_resource: kreis")
def read_subscription(scene: Scene) -> Attempt:
    software = signed_in(scene)
    made = software.subscribes(WEBHOOK["endpoint"]).json()["id"]
    return lambda: software.reads(f"Subscription/{made}")


@row("DELETE fhir/Subscription/{id}", "integration.unsubscribe: kreis")
def unsubscribe(scene: Scene) -> Attempt:
    software = signed_in(scene)
    made = software.subscribes(WEBHOOK["endpoint"]).json()["id"]
    return lambda: software.deletes(f"Subscription/{made}")
