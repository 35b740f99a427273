"""The one-time links that ``make run`` ends with: this browser becomes a device of somebody in the story."""

from demo.cast import NEWCOMER
from demo.steps import say, step
from demo.world import World

# Who opens a link gets to it when they get to it: a day, instead of the ten minutes of a hospital.
LASTS_MINUTES = 24 * 60
OFFERED = (
    ("adler", "Dr. Adler, Kreisklinik Wiesenbrück (asks for a bed)"),
    ("brandt", "Dr. Brandt, Universitätsklinikum Hohenfeld (has one)"),
    ("registrar-hohenfeld", "Martin Winter, registrar in Hohenfeld"),
)


def show(address: str) -> None:
    world = World.read()
    with step("One-time links"):
        links = [(who, world.account(address, key).make_device_link(LASTS_MINUTES)) for key, who in OFFERED]
        registrar = world.account(address, "registrar-hohenfeld").registrar
        invitation = registrar.invite(**vars(NEWCOMER.profile))
    say()
    say(f"Wardline is at {address}")
    say()
    say("Each link works once, for a day, and makes the browser that opens it a device of")
    for who, link in links:
        say(f"  {who}:")
        say(f"    {address}{link}")
    say(f"or invites a new colleague, {NEWCOMER.title} {NEWCOMER.name}, whom the registrar then approves:")
    say(f"    {address}{invitation}")
    say()
    say("Ctrl-C stops it.")
