"""Writes the vectors beside this file: `python tests/vectors/make.py`.

Invariant: every run writes the same bytes. All inputs are fixed; what HPKE sealed once is taken over from the former `hpke.json`.
"""

from chains import make_directory, make_statements
from logs import make_heads
from promised import make_receipts
from restored import make_restored
from sealed import make_epochs, make_messages
from seeds import make_hpke, make_images, make_keys, make_role_seeds
from texts import make_bodies, make_encoding, make_links, make_profiles
from watched import make_watched


def main() -> None:
    make_encoding()
    make_keys()
    make_profiles()
    make_statements()
    make_directory()
    make_heads()
    make_watched()
    make_epochs()
    make_messages()
    make_bodies()
    make_images()
    make_role_seeds()
    make_receipts()
    make_links()
    make_restored()
    make_hpke()


if __name__ == "__main__":
    main()
