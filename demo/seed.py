"""Fills the service with the demo's hospitals, as hospitals would do it themselves: set-up token, invitation, approval, statements.

Invariant: every key is made by a client, reaches the server through the public API, and is kept on the client's side alone. What is there
already is not made again.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from demo.cast import PLACES, Duty, Member, Place
from demo.service import ROOT, manage
from demo.steps import Stop, step
from demo.templates import add_templates
from demo.world import FOLDER, World
from wardline_client.account import Account
from wardline_client.founding import found_hospital
from wardline_client.http import Api, ApiError
from wardline_client.protocol import Profile, decode, encode


def seed(address: str) -> World:
    """The demo's world, made where it is missing.

    Raises:
        Stop: the database is not the one this world was made in.
    """
    world = World.read()
    try:
        for place in PLACES:
            if place.slug not in world.done:
                with step(f"Demo: {place.name}"):
                    _furnish(world, address, place)
        if "partners" not in world.done:
            with step("Demo: the hospitals accept each other"):
                _accept_each_other(world, address)
        if "escalation" not in world.done:
            with step("Demo: whom the clock alarms"):
                _set_escalation(world, address)
        if "rosters" not in world.done:
            with step("Demo: rosters"):
                _plan(world, address)
        if "figures" not in world.done:
            with step("Demo: beds"):
                _open_figures(world)
        if "templates" not in world.done:
            with step("Demo: request templates"):
                add_templates(world, address)
        if "judgements" not in world.done:
            with step("Demo: what the hospitals say of their beds"):
                _judge(world, address)
        if "past" not in world.done:
            with step("Demo: an invented week of figures"):
                _invent_past(world)
    except ApiError as error:
        raise Stop(f"The demo could not be filled ({error.code}); if the database is not the one it began with: make reset") from error
    return world


def _furnish(world: World, address: str, place: Place) -> None:
    registrar = _found(world, address, place)
    for figure in place.figures:
        _add_unit(world, registrar, place, figure.unit)
    for member in place.members:
        if member.key not in world.people:
            world.keep(member.key, _join(address, registrar, member))
    for duty in place.duties:
        if f"{place.slug}/{duty.name}" not in world.roles:
            _create_duty(world, address, registrar, place, duty)
    world.done.append(place.slug)
    world.write()


def _found(world: World, address: str, place: Place) -> Account:
    """The registrar, signed in, of a hospital that is founded if it is not yet."""
    if place.slug in world.hospitals:
        return world.account(address, place.registrar.key)
    where = ["--city", place.city, "--latitude", str(place.latitude), "--longitude", str(place.longitude)]
    token = manage("hospital_setup", place.slug, place.name, *where).strip().rpartition("/")[2]
    person = place.registrar
    founded = found_hospital(Api(address), token, Profile(person.name, person.title, person.profession, person.unit))
    keyring = founded.session.keyring
    world.hospitals[place.slug] = {
        "id": str(keyring.hospital),
        "root": encode(keyring.root),
        "archive": str(founded.archive),
        "archive_seed": encode(founded.archive_seed),
    }
    account = Account(founded.session)
    world.keep(person.key, account)
    # Printed and locked away in a real hospital; nothing here reads it again.
    root = FOLDER / f"root-{place.slug}.txt"
    with open(os.open(root, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(founded.root_code + "\n")
    return account


def _add_unit(world: World, registrar: Account, place: Place, name: str) -> None:
    key = f"{place.slug}/{name}"
    if key not in world.units:
        world.units[key] = str(registrar.registrar.add_unit(name))
        world.write()


def _join(address: str, registrar: Account, member: Member) -> Account:
    """Invitation, passkey and keys, the comparison of the fingerprint, approval, sign-in."""
    link = registrar.registrar.invite(**vars(member.profile))
    account = Account.join(Api(address), link, label="Demo")
    pending = next(entry for entry in registrar.registrar.pending() if entry.person == account.person)
    registrar.registrar.approve(pending)
    account.sign_in()
    return account


def _create_duty(world: World, address: str, registrar: Account, place: Place, duty: Duty) -> None:
    unit = world.units[f"{place.slug}/{place.figures[0].unit}"] if duty is place.duties[0] else None
    eligible = [UUID(world.people[key]["person"]) for key in duty.eligible]
    role = registrar.registrar.create_role(name=duty.name, eligible=eligible, categories=duty.categories, unit=UUID(unit) if unit else None)
    world.account(address, duty.eligible[0]).take_duty(role)
    world.roles[f"{place.slug}/{duty.name}"] = str(role)
    world.write()


def _accept_each_other(world: World, address: str) -> None:
    for place in PLACES:
        registrar = world.account(address, place.registrar.key)
        for other in PLACES:
            mark = f"{place.slug} accepts {other.slug}"
            if other is place or mark in world.done:
                continue
            partner = world.hospitals[other.slug]
            registrar.registrar.accept_partner(UUID(partner["id"]), decode(partner["root"]))
            world.done.append(mark)
            world.write()
    world.done.append("partners")
    world.write()


def _set_escalation(world: World, address: str) -> None:
    """In the night story's third step nobody answers for five minutes; a demo seeded before it had this gets its duties now."""
    for place in PLACES:
        leading = [duty for duty in place.duties if duty.leads_to]
        if not leading:
            continue
        registrar = world.account(address, place.registrar.key)
        for duty in place.duties:
            if f"{place.slug}/{duty.name}" not in world.roles:
                _create_duty(world, address, registrar, place, duty)
        for duty in leading:
            target = str(world.role(place.slug, duty.leads_to))
            important = [_alarm(300, target), _alarm(300, target, whom="eligible")]
            registrar.registrar.set_escalation(world.role(place.slug, duty.name), [_alarm(900, None), _alarm(900, target)], important)
    world.done.append("escalation")
    world.write()


def _plan(world: World, address: str) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    for place in PLACES:
        registrar = world.account(address, place.registrar.key).registrar
        for duty in place.duties:
            for shift in duty.roster:
                person = UUID(world.people[shift.person]["person"])
                role = world.role(place.slug, duty.name)
                registrar.plan_pattern(role, person, begins=shift.begins, ends=shift.ends, first=tomorrow)
    world.done.append("rosters")
    world.write()


def _alarm(wait: int, target: str | None, whom: str = "holder") -> dict[str, str | int | None]:
    return {"wait": wait, "target": target, "whom": whom, "how": "alarm"}


def _open_figures(world: World) -> None:
    lines = [
        json.dumps(
            {
                "unit": world.units[f"{place.slug}/{figure.unit}"],
                "category": figure.category,
                "staffed": figure.staffed,
                "occupied": figure.occupied,
                "blocked": figure.blocked,
                "capabilities": figure.capabilities,
                "beds": figure.beds,
            }
        )
        for place in PLACES
        for figure in place.figures
    ]
    command = [sys.executable, str(ROOT / "manage.py"), "open_capacities"]
    done = subprocess.run(command, input="\n".join(lines), check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise Stop(f"The demo's beds could not be opened: {done.stderr.strip().splitlines()[-1]}")
    world.done.append("figures")
    world.write()


def _judge(world: World, address: str) -> None:
    for place in PLACES:
        judged = {(figure.unit, figure.category): figure.judgement for figure in place.figures if figure.judgement}
        if not judged:
            continue
        beds = world.account(address, place.members[0].key).beds
        own = next(row for row in beds.board() if row["hospital"] == world.hospitals[place.slug]["id"])
        for unit in own["units"]:
            said = judged.get((unit["name"], unit["category"]))
            if said and unit["assessment"] == "unknown":
                report: dict[str, Any] = {name: unit[name] for name in ("staffed", "occupied", "blocked", "version")} | said
                beds.update_capacity(UUID(unit["capacity"]), **report)
    world.done.append("judgements")
    world.write()


def _invent_past(world: World) -> None:
    fed = [
        f"{world.units[f'{place.slug}/{figure.unit}']}/{figure.category}" for place in PLACES for figure in place.figures if figure.is_fed
    ]
    done = subprocess.run([sys.executable, "-m", "demo.past", *fed], cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise Stop(f"The demo's past could not be invented: {done.stderr.strip().splitlines()[-1]}")
    world.done.append("past")
    world.write()
