"""The cast is what the product would have made: its key directory is believed by a client that pinned the root."""

from wardline_client.protocol import Directory, decode, parse_statement


def test_is_believed_by_a_client(night):
    answer = night.adler.get("statements").json()
    stated = [parse_statement(decode(row["h"]), decode(row["s"])) for row in answer["results"] if row["h"]]

    directory = Directory({night.kreis.id: night.kreis.root.public}, stated)

    believed = {person.id: directory.principal(person.id).kem for person in (night.adler, night.brandt, night.kreis.archive)}
    assert believed == {person.id: person.keys.kem.public for person in (night.adler, night.brandt, night.kreis.archive)}
    assert directory.principal(night.uni.role.id).eligible == (night.brandt.id, night.dorn.id)
    assert directory.device(night.adler.device_id).sign == night.adler.device_key.public
    # Only the one who waits is not believed.
    assert {entry.statement.by for entry in directory.refused} == {night.pending.id}
