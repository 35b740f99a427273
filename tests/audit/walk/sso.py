"""The hospital's own sign-in service."""

from typing import Any

from tests.audit.walk import Attempt, Scene, row
from tests.cast import Caller
from tests.identity.sso import Sso, draft, signed
from tests.oidc.rogue import Rogue


@row("GET hospital/sso", "identity.read_sso: kreis")
def settings(scene: Scene) -> Attempt:
    return lambda: scene.registrar.get("hospital/sso")


@row("PUT hospital/sso", "identity.configure_sso: kreis")
def configure(scene: Scene) -> Attempt:
    body = draft(Sso(scene.night).provider)
    return lambda: scene.registrar.put("hospital/sso", body)


@row("DELETE hospital/sso", "identity.end_sso: kreis")
def end(scene: Scene) -> Attempt:
    Sso(scene.night)
    return lambda: scene.registrar.delete("hospital/sso")


@row("GET hospital/sso/accounts", "identity.read_sso_accounts: kreis")
def accounts(scene: Scene) -> Attempt:
    Sso(scene.night).bind(scene.night.adler)
    return lambda: scene.registrar.get("hospital/sso/accounts")


@row("POST members/{person}/sso/unbind", "identity.unbind_sso: kreis")
def unbind(scene: Scene) -> Attempt:
    adler = scene.night.adler
    Sso(scene.night).bind(adler)
    return lambda: scene.registrar.post(f"members/{adler.id}/sso/unbind")


@row("POST sso/finish bind", "identity.bind_sso: kreis", "identity.prove_sso: kreis")
def bind(scene: Scene) -> Attempt:
    sso, adler = Sso(scene.night), scene.night.adler
    sso.keep_session(adler)
    returned = sso.returned(adler, sso.account_of(adler), purpose="bind")
    return lambda: adler.post("sso/finish", returned)


@row("POST sso/finish sign-in", "identity.prove_sso: kreis")
def prove(scene: Scene) -> Attempt:
    sso, adler = Sso(scene.night), scene.night.adler
    phone = sso.phone_of(adler)
    returned = sso.returned(phone, sso.account_of(adler), purpose="sign-in", device=str(phone.device_id))
    return lambda: phone.post("sso/finish", returned)


@row("POST session sso", "identity.sign_in: kreis")
def sign_in(scene: Scene) -> Attempt:
    sso, adler = Sso(scene.night), scene.night.adler
    phone = sso.phone_of(adler)
    body = signed(phone, sso.proves(phone, sso.account_of(adler)).json()["challenge"])
    return lambda: phone.post("session", body)


@row("POST sso/logout", "identity.log_out_by_sso: kreis")
def logout(scene: Scene) -> Attempt:
    rogue = Rogue()
    rogue.__enter__()
    sso, adler = Sso(scene.night, rogue), scene.night.adler  # type: ignore[arg-type]
    sso.bind(adler)
    token = rogue.logout_token(sso.account_of(adler))

    def send() -> Any:
        body = f"logout_token={token}"
        return Caller(None).client.post("/api/v1/sso/logout", data=body, content_type="application/x-www-form-urlencoded")

    return send
