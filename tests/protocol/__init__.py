"""The protocol against its vectors and its properties. Nothing here needs the service."""
