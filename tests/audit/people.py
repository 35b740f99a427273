"""People with a sign-in, made straight in the tables: how people come to be is identity's to test."""

import hashlib
import secrets
from datetime import timedelta
from uuid import uuid4

from django.contrib.sessions.backends.db import SessionStore
from django.test import AsyncClient, Client
from django.utils import timezone

from identity.actors import session_digest
from identity.models import Device, Hospital, Membership, Person, SignIn, Statement


def make_hospital(identifier) -> Hospital:
    return Hospital.objects.create(id=identifier, slug=f"h-{identifier.hex[:12]}", name="Klinikum")


class Somebody:
    """A member of a hospital on a device, with a client that carries the session cookie."""

    def __init__(self, hospital: Hospital, *, is_registrar: bool) -> None:
        self.person = Person.objects.create(name="Somebody")
        self.membership = Membership.objects.create(
            person=self.person, hospital=hospital, state="active", is_registrar=is_registrar, started_at=timezone.now()
        )
        header = secrets.token_bytes(16)
        statement = Statement.objects.create(
            digest=hashlib.sha256(header).digest(), hospital=hospital, kind="device", subject=uuid4(), header=header, signature=bytes(64)
        )
        self.device = Device.objects.create(person=self.person, public_key=secrets.token_bytes(32), statement=statement)
        session = SessionStore()
        session.create()
        self.sign_in = SignIn.objects.create(
            person=self.person,
            device=self.device,
            session_digest=session_digest(session.session_key),
            challenge_digest=secrets.token_bytes(32),
            expires_at=timezone.now() + timedelta(hours=1),
        )
        self.client, self.async_client = Client(), AsyncClient()
        for client in (self.client, self.async_client):
            client.cookies["wardline"] = session.session_key

    def get(self, path: str):
        return self.client.get(path)
