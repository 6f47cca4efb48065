"""A plain row made from a template has the very bytes of the record that it stands for."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from akrasia.importers import SourceRow
from akrasia.importers.records import RecordMaker
from akrasia.ledger.step_rows import csv_line
from akrasia.records import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def plain_rows(draw: st.DrawFn) -> SourceRow:
    actions = draw(st.sampled_from([(), ("A", "B", "C")]))
    answers = st.sampled_from(actions) if actions else TEXT.filter(bool)
    done = draw(st.none() | answers)
    optimal = draw(st.sampled_from([(), (done,) if done is not None else (), (draw(answers),)]))
    return SourceRow(
        where=draw(TEXT),
        item=draw(TEXT),
        trial=draw(st.none() | st.integers(0, 10**6)),
        variant=draw(st.sampled_from(["", "a", 'b "quoted"'])),
        done=done,
        status="ok" if done is not None else draw(st.sampled_from(["error", "unparsable"])),
        optimal=optimal,
        actions=actions,
        form="action" if actions else draw(st.sampled_from(["text", "number"])),
        graded=draw(st.sampled_from(["source", "match"])),
        text=draw(TEXT),
        leaks=draw(st.sampled_from(["", "oracle"])),
        question=draw(TEXT),
        step=draw(st.integers(0, 2)),
    )


@given(st.lists(plain_rows(), min_size=1, max_size=6))
def test_a_template_gives_the_bytes_of_the_record(rows: list[SourceRow]) -> None:
    fast, slow = RecordMaker("table", "t"), RecordMaker("table", "t")
    for row in rows:
        made = fast.made(row)
        whole = slow.made(replace(row, latency=0.5))  # what needs an answer of its own is no plain row
        expected, _ = slow.record(row, made.key[:3], _situation(made.data), made.key[3], made.trial)
        assert made.data == encode(expected) and made.line == csv_line(made.data)
        assert made.stored is None and whole.stored is not None and whole.key == made.key


def _situation(data: bytes) -> str:
    return data.partition(b'"situation":"')[2][:32].decode()
