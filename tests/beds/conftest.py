"""Bed requests on top of the cast."""

import pytest

from tests.beds.asking import Ward


@pytest.fixture
def ward(night):
    return Ward(night)
