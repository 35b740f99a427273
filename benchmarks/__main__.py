"""``python -m benchmarks``: see ``benchmarks.messages``."""

from benchmarks.messages import main

main()
