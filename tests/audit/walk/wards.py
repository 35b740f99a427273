"""Beds and requests."""

from uuid import uuid4

from beds.models import Bed, Candidate
from beds.services.figures import Figures
from beds.services.opening import open_capacity
from beds.transitions import STEPS, Side
from identity.models import Unit
from tests.audit.walk import Attempt, Prepare, Scene, row
from tests.audit.walk.software import signed_in
from tests.beds.asking import BEFORE
from tests.beds.chains import background, consultant, step, write
from tests.beds.test_templates import TEMPLATE
from tests.integration.software import begins, order

FIGURES = {"staffed": 8, "occupied": 5, "blocked": 1}


@row("GET board", "beds.read_board: kreis")
def board(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("board")


@row("PUT capacities/{capacity_id}", "beds.report_figure: uni")
def report(scene: Scene) -> Attempt:
    url = f"capacities/{scene.ward.figures['uni'].pk}"
    return lambda: scene.night.brandt.put(url, FIGURES, If_Match="1")


@row("GET capacities/{capacity_id}/history", "beds.read_history: kreis")
def history(scene: Scene) -> Attempt:
    url = f"capacities/{scene.ward.figures['uni'].pk}/history"
    return lambda: scene.night.adler.get(url)


@row("POST capacities/{capacity_id}/undo", "beds.undo_report: uni")
def undo(scene: Scene) -> Attempt:
    url = f"capacities/{scene.ward.figures['uni'].pk}"
    scene.night.brandt.put(url, FIGURES, If_Match="1")
    return lambda: scene.night.brandt.post(f"{url}/undo", If_Match="2")


@row("GET units/{unit_id}/beds", "beds.read_beds: uni")
def single_beds(scene: Scene) -> Attempt:
    return lambda: scene.night.brandt.get(f"units/{scene.night.uni.unit_id}/beds")


@row("PUT beds/{bed_id}", "beds.report_bed: uni")
def report_bed(scene: Scene) -> Attempt:
    unit = Unit.objects.create(hospital_id=scene.night.uni.id, name=f"ITS {uuid4()}")
    open_capacity(unit_id=unit.pk, category="imc", figures=Figures(1, 0, 0), beds=["5-01"])
    bed = Bed.objects.get(unit=unit)
    return lambda: scene.night.brandt.put(f"beds/{bed.pk}", {"status": "O"}, If_Match="1")


@row("GET requests", "beds.read_requests: kreis")
def requests(scene: Scene) -> Attempt:
    scene.ward.asks("uni")
    return lambda: scene.night.adler.get("requests")


@row("POST requests", "messaging.create_conversation: kreis uni", "beds.request: kreis uni", "messaging.send: kreis uni")
def request(scene: Scene) -> Attempt:
    body = scene.ward.body("uni")
    return lambda: scene.night.adler.post("requests", body)


@row("GET requests/{request_id}", "beds.read_request: kreis uni")
def read_request(scene: Scene) -> Attempt:
    asked = scene.ward.asks("uni")
    return lambda: scene.night.brandt.get(f"requests/{asked.id}")


@row("POST requests/{request_id}/cancel", "beds.cancel: kreis uni")
def cancel(scene: Scene) -> Attempt:
    asked = scene.ward.asks("uni")
    return lambda: scene.night.adler.post(f"requests/{asked.id}/cancel", {"reason": "improved"})


def stepping(action: str) -> Prepare:
    def prepare(scene: Scene) -> Attempt:
        if action == "submit":
            asked = scene.ward.asks("uni", "nord", waves=(1, 2))
            return lambda: asked.take("nord", "submit")
        asked = scene.ward.asks("uni").at("uni", *BEFORE[action])
        body = asked.step("uni", action)
        return lambda: asked.mover("uni", action).post(asked.url("uni", action), body)

    return prepare


EVENTS = {"submit": ["beds.submit: kreis nord", "messaging.admit: kreis nord"]}
for action, each in STEPS.items():
    if each.by != Side.CLOCK:
        told = EVENTS.get(action, [f"beds.{action.replace('-', '_')}: kreis uni"])
        row(f"POST candidates/{{candidate_id}}/{{action}} {action}", *told)(stepping(action))


@row("POST candidates/{candidate_id}/conversation", "messaging.create_conversation: kreis uni", "beds.begin_conversation: kreis uni")
def begin_conversation(scene: Scene) -> Attempt:
    night, software = scene.night, signed_in(scene)
    request = software.asks_for(order(night.kreis.role.id, night.uni.role.id)).json()["id"]
    return begins(night, night.adler, Candidate.objects.get(request=request).pk, night.kreis.role, [night.uni.role])


@row("GET candidates/{candidate_id}/receipt", "beds.read_receipt: kreis uni")
def receipt(scene: Scene) -> Attempt:
    asked = scene.ward.asks("uni").at("uni", "acknowledge", "hold", "confirm")
    return lambda: scene.night.brandt.get(f"candidates/{asked['uni']}/receipt")


@row("GET statistics/requests", "beds.read_statistics: kreis")
def statistics(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("statistics/requests")


@row("GET statistics/requests.csv", "beds.export_statistics: kreis")
def table(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("statistics/requests.csv")


@row("GET request-templates", "beds.read_templates: kreis")
def templates(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("request-templates")


@row("PUT request-templates/{template_id}", "beds.save_template: kreis")
def save_template(scene: Scene) -> Attempt:
    url = f"request-templates/{uuid4()}"
    return lambda: scene.night.adler.put(url, TEMPLATE, If_Match="0")


@row("DELETE request-templates/{template_id}", "beds.delete_template: kreis")
def delete_template(scene: Scene) -> Attempt:
    url = f"request-templates/{uuid4()}"
    scene.night.adler.put(url, TEMPLATE, If_Match="0")
    return lambda: scene.night.adler.delete(url, If_Match="1")


@row("GET roles/{role}/escalation", "beds.read_escalation: kreis")
def read_chain(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get(f"roles/{scene.night.kreis.role.id}/escalation")


@row("PUT roles/{role}/escalation", "beds.change_escalation: uni")
def write_chain(scene: Scene) -> Attempt:
    role = background(scene.night, consultant(scene.night))
    return lambda: write(scene.night, step(60, role))
