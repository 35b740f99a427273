"""Recovery officers, what members deposit with them, and a key given back."""

from tests.audit.walk import Attempt, Scene, row
from tests.identity.browser import Browser, new_token
from tests.identity.restoring import Attempt as RestorationAttempt
from tests.identity.restoring import Trio
from tests.identity.restoring import of_root as officers_of_root
from tests.identity.restoring import propose as officers_proposed
from tests.identity.test_auditors import appoint
from wardline_client.protocol import encode


def trio(scene: Scene) -> Trio:
    return Trio(scene.night).named().deposits()


def naming(scene: Scene) -> Attempt:
    three = Trio(scene.night)
    appoint(scene.registrar, three.second)
    url, body = f"officers/proposals/{three.proposed()}/confirm", officers_of_root(three.place, three.people)
    return lambda: three.second.post(url, body)


@row("GET officers", "identity.read_officers: kreis")
def read_officers(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("officers")


@row("POST officers/proposals", "identity.propose_officers: kreis")
def propose_officers(scene: Scene) -> Attempt:
    three = Trio(scene.night)
    return lambda: officers_proposed(scene.registrar, three.people)


@row("POST officers/proposals/{proposal}/withdraw", "identity.withdraw_officers: kreis")
def withdraw_officers(scene: Scene) -> Attempt:
    proposal = Trio(scene.night).proposed()
    return lambda: scene.registrar.post(f"officers/proposals/{proposal}/withdraw")


@row("POST officers/proposals/{proposal}/confirm", "identity.statement: kreis", "identity.confirm_officers: kreis")
def confirm_officers(scene: Scene) -> Attempt:
    return naming(scene)


@row("GET deposit", "identity.read_deposit: kreis")
def read_deposit(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("deposit")


@row("POST deposit", "identity.make_deposit: kreis")
def make_deposit(scene: Scene) -> Attempt:
    three = Trio(scene.night).named()
    body = three.draft()
    return lambda: three.owner.post("deposit", body)


@row("POST deposit/decline", "identity.withdraw_deposit: kreis")
def decline_deposit(scene: Scene) -> Attempt:
    trio(scene)
    return lambda: scene.night.adler.post("deposit/decline")


@row("POST members/{person}/restoration", "identity.start_restoration: kreis")
def start_restoration(scene: Scene) -> Attempt:
    trio(scene)
    return lambda: scene.registrar.post(f"members/{scene.night.adler.id}/restoration", {"token": new_token()})


@row("GET restorations", "identity.read_restorations: kreis")
def read_restorations(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("restorations")


@row("POST restorations/look", "identity.look_restoration: kreis")
def look_restoration(scene: Scene) -> Attempt:
    attempt = trio(scene).started()
    return lambda: Browser().post("restorations/look", {"token": attempt.token})


@row("POST restorations/ask", "identity.ask_restoration: kreis")
def ask_restoration(scene: Scene) -> Attempt:
    attempt = trio(scene).started()
    return lambda: attempt.browser.post("restorations/ask", {"token": attempt.token, "header": encode(attempt.ask.h)})


def agreed(scene: Scene) -> RestorationAttempt:
    attempt = trio(scene).started().asks()
    assert [attempt.approve(place).status_code for place in (0, 1)] == [200, 200]
    return attempt


@row("POST restorations/wait", "identity.collect_restoration: kreis")
def collect_restoration(scene: Scene) -> Attempt:
    attempt = agreed(scene)
    return lambda: attempt.browser.post("restorations/wait", {"token": attempt.token, "device": str(attempt.browser.device_id)})


@row("POST restorations/{restoration}/approve", "identity.approve_restoration: kreis")
def approve_restoration(scene: Scene) -> Attempt:
    attempt = trio(scene).started().asks()
    body = attempt.approval(0)
    return lambda: attempt.trio.people[0].post(f"restorations/{attempt.id}/approve", body)


@row("POST restorations/{restoration}/end", "identity.refuse_restoration: kreis")
def end_restoration(scene: Scene) -> Attempt:
    attempt = trio(scene).started()
    return lambda: attempt.end(scene.night.adler)


@row("POST enrolment restore", "identity.statement: kreis", "identity.restore: kreis", "identity.sign_in: kreis")
def restore(scene: Scene) -> Attempt:
    attempt = agreed(scene)
    body = attempt.body()
    return lambda: attempt.browser.post("enrolment", body)
