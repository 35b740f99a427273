"""The Python client against the service: real views, real database, real keys."""
