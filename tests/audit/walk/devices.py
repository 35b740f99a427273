"""How a second device comes, and what is seen and ended from another one."""

from identity.models import Passkey
from tests.audit.walk import Attempt, Scene, row
from tests.identity.browser import Browser, new_token
from wardline_client.authenticator import without_prf_results
from wardline_client.protocol import encode


@row("GET sign-ins", "identity.read_sign_ins: kreis")
def read_sign_ins(scene: Scene) -> Attempt:
    return lambda: scene.night.adler.get("sign-ins")


@row("POST sign-ins/{sign_in}/end", "identity.end_sign_in: kreis")
def end_sign_in(scene: Scene) -> Attempt:
    tablet, adler = Browser().becomes(scene.night.adler), scene.night.adler
    (other,) = [row["id"] for row in adler.get("sign-ins").json()["results"] if row["device"] == str(tablet.device_id)]
    return lambda: adler.post(f"sign-ins/{other}/end")


@row("POST sign-ins/end-others", "identity.end_other_sign_ins: kreis")
def end_other_sign_ins(scene: Scene) -> Attempt:
    Browser().becomes(scene.night.adler)
    return lambda: scene.night.adler.post("sign-ins/end-others")


def claimed(scene: Scene) -> tuple[Browser, str]:
    """A new device has answered the link that Adler's phone shows."""
    tablet, token = Browser(), new_token()
    assert scene.night.adler.post("device-links", {"token": token}).status_code == 201
    assert tablet.claims(token).status_code == 201
    return tablet, token


def opened_link(scene: Scene) -> tuple[Browser, str]:
    tablet, token = claimed(scene)
    assert scene.night.adler.post("device-links/open", {"token": token, "opening": "A" * 43}).status_code == 200
    return tablet, token


@row("POST device-links/claim", "identity.claim_link: kreis")
def claim_link(scene: Scene) -> Attempt:
    token = new_token()
    assert scene.night.adler.post("device-links", {"token": token}).status_code == 201
    return lambda: Browser().claims(token)


@row("POST device-links/claimed", "identity.read_claim: kreis")
def read_claim(scene: Scene) -> Attempt:
    _, token = claimed(scene)
    return lambda: scene.night.adler.post("device-links/claimed", {"token": token})


@row("POST device-links/open", "identity.open_link: kreis")
def open_link(scene: Scene) -> Attempt:
    _, token = claimed(scene)
    return lambda: scene.night.adler.post("device-links/open", {"token": token, "opening": "A" * 43})


@row("POST device-links/decide", "identity.approve_link: kreis")
def approve_link(scene: Scene) -> Attempt:
    _, token = opened_link(scene)
    return lambda: scene.night.adler.post("device-links/decide", {"token": token, "sealed": encode(b"sealed")})


@row("POST device-links/wait", "identity.look_link: kreis")
def wait_for_link(scene: Scene) -> Attempt:
    tablet, token = opened_link(scene)
    scene.night.adler.post("device-links/decide", {"token": token, "sealed": encode(b"sealed")})
    return lambda: tablet.waits(token)


def with_synced_passkey(scene: Scene) -> Browser:
    """A new phone with nothing on it but Adler's passkey, in a hospital where that is enough."""
    phone, new = Browser().becomes(scene.night.adler, scene.night.kreis.root.public), Browser()
    Passkey.objects.filter(credential_id=phone.authenticator.credentials[-1].id).update(is_synced=True)
    assert scene.night.kreis.registrar.put("hospital/passkey-rule", {"is_enough": True}).status_code == 200
    new.authenticator = phone.authenticator
    return new


@row("POST passkeys/open", "identity.open_by_passkey: kreis")
def open_by_passkey(scene: Scene) -> Attempt:
    new = with_synced_passkey(scene)
    body = {"credential": without_prf_results(new.asserted())}
    return lambda: new.post("passkeys/open", body)


@row("POST passkeys/device", "identity.statement: kreis", "identity.add_device_by_passkey: kreis", "identity.sign_in: kreis")
def add_by_passkey(scene: Scene) -> Attempt:
    new, adler = with_synced_passkey(scene), scene.night.adler
    body = new.device_by_passkey(new.opens_by_passkey().json(), adler.hospital, adler.keys)
    return lambda: new.post("passkeys/device", body)


@row("GET hospital/passkey-rule", "identity.read_passkey_rule: kreis")
def passkey_rule(scene: Scene) -> Attempt:
    return lambda: scene.night.kreis.registrar.get("hospital/passkey-rule")


@row("PUT hospital/passkey-rule", "identity.change_passkey_rule: kreis")
def change_passkey_rule(scene: Scene) -> Attempt:
    return lambda: scene.night.kreis.registrar.put("hospital/passkey-rule", {"is_enough": True})
