"""How people come, go and look after their accounts."""

import os
from typing import Any
from uuid import uuid4

from tests.audit.walk import Attempt, Scene, row
from tests.beds.test_parting import ending
from tests.identity.browser import Browser, new_token, shown, wrap
from tests.identity.renewing import Phone
from tests.identity.test_auditors import appoint, end
from tests.identity.test_hospitals import accepting, api, prepared_token
from tests.identity.test_join import INVITED, Newcomer, approve
from tests.identity.test_registrars import of_root, propose, proposed
from tests.identity.test_roles import Draft, next_generation
from tests.identity.test_roster_import import Desk as ImportDesk
from tests.identity.test_rosters import Desk
from wardline_client.founding import found_hospital
from wardline_client.protocol import Profile, Revocation, encode


def signed_out(scene: Scene) -> Browser:
    phone = Browser().becomes(scene.night.adler)
    assert phone.delete("session").status_code == 204
    return phone


@row("POST session", "identity.sign_in: kreis")
def sign_in(scene: Scene) -> Attempt:
    phone = signed_out(scene)
    body = phone.assertion()
    return lambda: phone.post("session", body)


@row("DELETE session", "identity.sign_out: kreis")
def sign_out(scene: Scene) -> Attempt:
    phone = Browser().becomes(scene.night.adler)
    return lambda: phone.delete("session")


@row("GET session/unlock", "identity.unlock: kreis")
def unlock(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("session/unlock")


@row("POST session/wraps", "identity.add_wrap: kreis")
def add_wrap(scene: Scene) -> Attempt:
    adler = scene.night.adler
    body = wrap("recovery", adler.keys.seed, os.urandom(16), adler.id)
    return lambda: adler.post("session/wraps", body)


@row("POST invitations", "identity.invite: kreis")
def invite(scene: Scene) -> Attempt:
    return lambda: scene.registrar.post("invitations", INVITED)


@row("GET invitations", "identity.read_invitations: kreis")
def open_invitations(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("invitations")


@row("POST invitations/check", "identity.check_invitations: kreis")
def check_sheet(scene: Scene) -> Attempt:
    return lambda: scene.registrar.post("invitations/check", {"sheet": encode(b"name,profession\nNina,nurse\n")})


@row("POST invitations/bulk", "identity.invite: kreis", "identity.invite: kreis")
def invite_sheet(scene: Scene) -> Attempt:
    return lambda: scene.registrar.post("invitations/bulk", {"sheet": encode(b"name,profession\nNina,nurse\nNils,nurse\n")})


@row("POST invitations/{person}/withdraw", "identity.withdraw_invitation: kreis")
def withdraw_invitation(scene: Scene) -> Attempt:
    newcomer = Newcomer(scene.night)
    return lambda: scene.registrar.post(f"invitations/{newcomer.id}/withdraw")


@row("POST members/{person}/reject", "identity.reject_member: kreis", "identity.end_member: kreis")
def reject_member(scene: Scene) -> Attempt:
    newcomer = Newcomer(scene.night)
    newcomer.joins()
    return lambda: scene.registrar.post(f"members/{newcomer.id}/reject", {"reason": "fingerprint_differs"})


@row("POST device-links", "identity.offer_link: kreis")
def offer_link(scene: Scene) -> Attempt:
    body = {"token": new_token(), "sealed": encode(b"sealed")}
    return lambda: scene.night.adler.post("device-links", body)


@row("POST invitations/look", "identity.look_invitation: kreis")
def look_at_invitation(scene: Scene) -> Attempt:
    token = scene.registrar.post("invitations", INVITED).json()["token"]
    return lambda: Browser().post("invitations/look", {"token": token})


@row("POST device-links/look", "identity.look_link: kreis")
def look_at_link(scene: Scene) -> Attempt:
    token = new_token()
    scene.night.adler.post("device-links", {"token": token, "sealed": encode(b"sealed")})
    return lambda: Browser().post("device-links/look", {"token": token})


@row("POST setup/look", "identity.look_setup: new")
def look_at_setup(scene: Scene) -> Attempt:
    token = prepared_token()
    return lambda: Browser().post("setup/look", {"token": token})


@row("POST enrolment join", "identity.statement: kreis", "identity.join: kreis", "identity.sign_in: kreis")
def join(scene: Scene) -> Attempt:
    newcomer = Newcomer(scene.night)
    body = newcomer.body()
    return lambda: newcomer.browser.post("enrolment", body)


@row("POST enrolment link", "identity.statement: kreis", "identity.link_device: kreis", "identity.sign_in: kreis")
def link(scene: Scene) -> Attempt:
    tablet, token, adler = Browser(), new_token(), scene.night.adler
    assert adler.post("device-links", {"token": token, "sealed": encode(b"sealed")}).status_code == 201
    body = tablet.enrolment(token=token, purpose="link", person=adler.id, hospital=adler.hospital, keys=adler.keys)
    return lambda: tablet.post("enrolment", body)


def offered_recovery(scene: Scene) -> str:
    """A registrar's link for Adler, who has a printed code."""
    adler, token = scene.night.adler, new_token()
    adler.post("session/wraps", wrap("recovery", adler.keys.seed, os.urandom(16), adler.id))
    assert scene.night.kreis.registrar.post(f"members/{adler.id}/recovery", {"token": token}).status_code == 201
    return token


@row("POST members/{person}/recovery", "identity.offer_recovery: kreis")
def offer_recovery(scene: Scene) -> Attempt:
    offered_recovery(scene)
    night = scene.night
    return lambda: night.kreis.registrar.post(f"members/{night.adler.id}/recovery", {"token": new_token()})


def lost_phone(scene: Scene) -> Phone:
    """Adler's first phone, another one having been lost."""
    phone = Phone(scene.night.adler)
    phone.loses(Browser().becomes(scene.night.adler))
    return phone


@row("GET renewal", "identity.read_renewal: kreis")
def read_renewal(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("renewal")


@row("POST renewal", "identity.offer_renewal: kreis")
def offer_renewal(scene: Scene) -> Attempt:
    phone = lost_phone(scene)
    body = phone.draft()
    return lambda: phone.owner.post("renewal", body)


@row("GET members/renewals", "identity.read_renewals: kreis")
def read_renewals(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("members/renewals")


@row("POST members/{person}/renew", "identity.statement: kreis", "identity.statement: kreis", "identity.renew_key: kreis")
def renew(scene: Scene) -> Attempt:
    phone = lost_phone(scene)
    assert phone.owner.post("renewal", phone.draft()).status_code == 201
    body = {"statement": shown(phone.vouched(scene.registrar))}
    return lambda: scene.registrar.post(f"members/{phone.owner.id}/renew", body)


@row("POST recoveries/open", "identity.open_recovery: kreis")
def open_recovery(scene: Scene) -> Attempt:
    token = offered_recovery(scene)
    return lambda: Browser().post("recoveries/open", {"token": token})


@row("POST enrolment recover", "identity.statement: kreis", "identity.recover: kreis", "identity.sign_in: kreis")
def recover(scene: Scene) -> Attempt:
    adler, phone = scene.night.adler, Browser()
    body = phone.enrolment(token=offered_recovery(scene), purpose="recover", person=adler.id, hospital=adler.hospital, keys=adler.keys)
    return lambda: phone.post("enrolment", body)


class LastStep(Exception):
    """Of founding a hospital, which is not taken yet."""


class Founding:
    """A hospital's first registrar in front of the last button."""

    def __init__(self, scene: Scene) -> None:
        self.api, self.body = api(), {}
        self.token, send = prepared_token(), self.api.post

        def keep(path: str, body: Any = None) -> Any:
            if path != "setup":
                return send(path, body)
            self.body = body
            raise LastStep

        self.api.post = keep  # type: ignore[method-assign]
        try:
            found_hospital(self.api, self.token, Profile(name="Renate Register"))
        except LastStep:
            return
        raise AssertionError("the client asked for no setup")

    def __call__(self) -> Any:
        return self.api._send("POST", "setup", json=self.body, headers=self.api._write_headers())


@row(
    "POST setup",
    *["identity.statement: new"] * 4,
    "identity.set_up_hospital: new",
    "identity.statement: new",
    "identity.add_archive: new",
    "identity.sign_in: new",
)
def set_up(scene: Scene) -> Attempt:
    return Founding(scene)


@row("GET devices", "identity.read_devices: kreis")
def devices(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("devices")


@row("GET members/{person}/devices", "identity.read_devices: kreis")
def devices_of_a_member(scene: Scene) -> Attempt:
    night = scene.night
    return lambda: night.kreis.registrar.get(f"members/{night.adler.id}/devices")


@row("POST devices/{device}/revoke", "identity.statement: kreis", "identity.revoke_device: kreis")
def revoke(scene: Scene) -> Attempt:
    adler = scene.night.adler
    lost = Browser().becomes(adler)
    body = {"statement": shown(adler.states("device-revoked", lost.device_id, Revocation(adler.id, "lost")))}
    return lambda: adler.post(f"devices/{lost.device_id}/revoke", body)


@row("PUT hospital/idle-lock", "identity.change_idle_lock: kreis")
def change_idle_lock(scene: Scene) -> Attempt:
    return lambda: scene.night.kreis.registrar.put("hospital/idle-lock", {"minutes": 10})


@row("GET directory", "identity.read_directory: kreis")
def directory(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("directory")


@row("GET members/pending", "identity.read_pending: kreis")
def pending(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("members/pending")


@row("POST members/{person}/approve", "identity.statement: kreis", "identity.approve_member: kreis")
def approval(scene: Scene) -> Attempt:
    newcomer = Newcomer(scene.night)
    assert newcomer.joins().status_code == 201
    return lambda: approve(scene.registrar, newcomer, newcomer.vouched_by(scene.registrar))


@row("POST members/{person}/end", "identity.end_member: kreis")
def end_member(scene: Scene) -> Attempt:
    return lambda: scene.registrar.post(f"members/{scene.night.egger.id}/end")


@row("POST members/{person}/auditor", "identity.appoint_auditor: kreis")
def appoint_auditor(scene: Scene) -> Attempt:
    return lambda: appoint(scene.night, scene.night.egger)


@row("POST members/{person}/auditor/end", "identity.end_auditor: kreis")
def end_auditor(scene: Scene) -> Attempt:
    appoint(scene.night, scene.night.egger)
    return lambda: end(scene.night, scene.night.egger)


@row("POST units", "identity.add_unit: kreis")
def add_unit(scene: Scene) -> Attempt:
    body = {"id": uuid4(), "name": f"ITS {uuid4()}"}
    return lambda: scene.registrar.post("units", body)


@row("POST roles", "identity.statement: kreis", "identity.create_role: kreis")
def create_role(scene: Scene) -> Attempt:
    draft = Draft(scene.registrar, [scene.night.egger], name=f"Role {uuid4()}")
    return draft.post


@row("GET roles", "identity.read_roles: kreis")
def read_roles(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("roles")


@row("POST roles/{role}/close", "identity.close_role: kreis")
def close_role(scene: Scene) -> Attempt:
    draft = Draft(scene.registrar, [scene.night.egger], name=f"Role {uuid4()}")
    assert draft.post().status_code == 201
    return lambda: scene.registrar.post(f"roles/{draft.id}/close")


@row("GET duty/{role}/seals", "identity.read_role_seals: kreis")
def read_role_seals(scene: Scene) -> Attempt:
    return lambda: scene.night.conrad.get(f"duty/{scene.night.kreis.role.id}/seals")


@row("POST duty/{role}/history", "identity.add_role_history: kreis")
def add_role_history(scene: Scene) -> Attempt:
    draft = Draft(scene.registrar, [scene.night.egger], name=f"Role {uuid4()}")
    assert draft.post().status_code == 201
    assert next_generation(draft, [scene.night.egger], history=None, name=draft.name).post().status_code == 201
    return lambda: scene.night.egger.post(f"duty/{draft.id}/history", {"generation": 2, "history": encode(os.urandom(48))})


@row("GET me", "identity.read_settings: kreis")
def me(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("me")


@row("PATCH me", "identity.change_settings: kreis")
def change_me(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.patch("me", {"quiet_from": "22:00", "quiet_until": "06:00"})


@row("POST partners", "identity.statement: kreis", "identity.accept_partner: fern kreis")
def partners(scene: Scene) -> Attempt:
    return lambda: accepting(scene.registrar, scene.night.fern)


@row("GET partners", "identity.read_partners: kreis")
def neighbours(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("partners")


@row(
    "POST partners/{hospital}/end",
    "beds.part: kreis uni",
    "messaging.close_conversations: kreis uni",
    "identity.statement: kreis",
    "identity.end_partner: kreis uni",
)
def end_partner(scene: Scene) -> Attempt:
    scene.ward.asks("uni")
    body = ending(scene.registrar, scene.night.uni)
    return lambda: scene.registrar.post(f"partners/{scene.night.uni.id}/end", body)


@row("GET registrars", "identity.read_registrars: kreis")
def registrars(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("registrars")


@row("POST registrars/proposals", "identity.propose_registrar: kreis")
def propose_registrar(scene: Scene) -> Attempt:
    return lambda: propose(scene.registrar, scene.night.adler)


@row("POST registrars/proposals/{proposal}/withdraw", "identity.withdraw_proposal: kreis")
def withdraw_proposal(scene: Scene) -> Attempt:
    proposal = proposed(scene.registrar, scene.night.adler)
    return lambda: scene.registrar.post(f"registrars/proposals/{proposal}/withdraw")


def confirming(scene: Scene) -> Attempt:
    adler, second = scene.night.adler, scene.night.egger
    appoint(scene.registrar, second)
    url = f"registrars/proposals/{proposed(scene.registrar, adler)}/confirm"
    body = of_root(scene.night.kreis, adler, adler.keys.sign.public)
    return lambda: second.post(url, body)


@row("POST registrars/proposals/{proposal}/confirm", "identity.statement: kreis", "identity.confirm_registrar: kreis")
def confirm_registrar(scene: Scene) -> Attempt:
    return confirming(scene)


@row("POST registrars/{person}/end", "identity.statement: kreis", "identity.end_registrar: kreis")
def end_registrar(scene: Scene) -> Attempt:
    assert confirming(scene)().status_code == 200
    body = of_root(scene.night.kreis, scene.night.adler, None)
    return lambda: scene.registrar.post(f"registrars/{scene.night.adler.id}/end", body)


@row("POST members/leavers", "identity.end_member: kreis")
def leavers(scene: Scene) -> Attempt:
    egger = scene.night.egger
    return lambda: scene.registrar.post("members/leavers", {"people": [egger.id]})


@row("GET members/owed-revocations", "identity.read_devices: kreis")
def owed_revocations(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("members/owed-revocations")


@row("GET duty", "identity.read_duty: kreis")
def duty(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("duty")


@row("POST duty/{role}/take", "identity.take_duty: kreis")
def take_duty(scene: Scene) -> Attempt:
    return lambda: scene.night.conrad.post(f"duty/{scene.night.kreis.role.id}/take")


@row("GET rosters/{role}", "identity.read_roster: kreis")
def read_roster(scene: Scene) -> Attempt:
    desk = Desk(scene.night)
    return lambda: desk.read(scene.night.conrad)


@row("PUT rosters/{role}/shifts/{shift}", "identity.change_roster: kreis")
def plan_shift(scene: Scene) -> Attempt:
    desk = Desk(scene.night)
    return lambda: desk.shift(scene.night.conrad, 3, 15, version="0")


@row("DELETE rosters/{role}/shifts/{shift}", "identity.change_roster: kreis")
def drop_shift(scene: Scene) -> Attempt:
    desk, id = Desk(scene.night), uuid4()
    desk.shift(scene.night.conrad, 3, 15, id=id)
    return lambda: desk.registrar.delete(f"{desk.url}/shifts/{id}", If_Match="1")


@row("PUT rosters/{role}/patterns/{pattern}", "identity.change_roster: kreis")
def plan_pattern(scene: Scene) -> Attempt:
    desk = Desk(scene.night)
    return lambda: desk.pattern(scene.night.conrad, "07:00", "19:00", version="0")


@row("DELETE rosters/{role}/patterns/{pattern}", "identity.change_roster: kreis")
def drop_pattern(scene: Scene) -> Attempt:
    desk = Desk(scene.night)
    desk.pattern(scene.night.conrad, "07:00", "19:00")
    pattern = desk.read().json()["patterns"][0]["id"]
    return lambda: desk.registrar.delete(f"{desk.url}/patterns/{pattern}", If_Match="1")


@row("POST rosters/import", "identity.change_roster: kreis", "identity.import_roster: kreis")
def import_roster(scene: Scene) -> Attempt:
    desk = ImportDesk(scene.night)
    return lambda: desk.give(csv=desk.csv(desk.line(scene.night.conrad.name, 7, 19)))


@row("POST rosters/import rehearsed", "identity.rehearse_roster: kreis")
def rehearse_import(scene: Scene) -> Attempt:
    desk = ImportDesk(scene.night)
    return lambda: desk.give(csv=desk.csv(desk.line(scene.night.conrad.name, 7, 19)), is_dry_run=True)


@row("POST duty/{role}/hand-over", "identity.hand_over_duty: kreis")
def hand_over_duty(scene: Scene) -> Attempt:
    night = scene.night
    return lambda: night.adler.post(f"duty/{night.kreis.role.id}/hand-over", {"to": night.conrad.id})
