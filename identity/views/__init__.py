"""HTTP in, services, HTTP out: a module per noun, its shapes beside it."""
