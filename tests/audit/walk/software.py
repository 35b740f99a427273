"""The hospital's software: who lets it in."""

from tests.audit.walk import Attempt, Scene, row
from tests.integration.software import Software


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
