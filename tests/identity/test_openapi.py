"""The OpenAPI document describes identity's endpoints without a warning."""

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from identity.urls import urlpatterns


def test_every_operation_is_described():
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        document = SchemaGenerator(patterns=urlpatterns).get_schema(request=None, public=True)

    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(document["paths"]) == len(urlpatterns)
    assert all(operation.get("description") for operation in operations)
