"""Identity providers of a test's own."""

from collections.abc import Callable, Iterator

import pytest

from tests.oidc.provider import Provider


@pytest.fixture
def own_provider() -> Iterator[Callable[..., Provider]]:
    """Makes them, and stops them whatever happens."""
    made: list[Provider] = []

    def make(*accounts: str, **options: str) -> Provider:
        made.append(Provider(accounts, **options))
        return made[-1]

    yield make
    for provider in made:
        provider.stop()
