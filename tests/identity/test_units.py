"""Units are the registrar's."""

from uuid import uuid4


def test_units_are_the_registrars_to_add(night):
    unit = {"id": uuid4(), "name": "Burns"}
    assert night.kreis.registrar.post("units", unit).status_code == 201
    assert night.kreis.registrar.post("units", unit).json()["code"] == "unit.known"
    assert night.uni.registrar.post("units", unit).json()["code"] == "unit.known"
