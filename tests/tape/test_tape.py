import json
from dataclasses import replace

import numpy as np
import pytest

from jaxmm.errors import InputError
from jaxmm.instrument import Instrument
from jaxmm.tape.npy import NpyWriter
from jaxmm.tape.tape import DECISION_ARRAYS, EVENT_ARRAYS, Code, Tape

INSTRUMENT = Instrument("test", "ABC", tick_size=0.1, lot_size=0.001)


def small_tape(decisions=6, events=20):
    exch_ts = np.arange(events) * 10
    ts_ns = np.arange(1, decisions + 1) * 30
    event = np.stack([np.arange(events) % 4, np.arange(events) + 100, np.ones(events), np.zeros(events)], axis=1)
    return Tape.from_arrays(
        INSTRUMENT,
        ts_ns=ts_ns,
        book_price=np.arange(decisions * 4).reshape(decisions, 2, 2),
        book_qty=np.ones((decisions, 2, 2)),
        exch_ts=exch_ts,
        event=event,
        best=np.ones((events, 2)),
        features=np.arange(decisions)[:, None],
        feature_names=("number",),
    )


def assert_same(one, other):
    assert one.meta == other.meta
    for name in DECISION_ARRAYS + EVENT_ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_saved_tape_opens_memory_mapped_and_equal(tmp_path):
    tape = small_tape()
    tape.save(tmp_path / "tape")
    opened = Tape.open(tmp_path / "tape")
    assert_same(tape, opened)
    assert isinstance(opened.book_price, np.memmap)
    assert [p.name for p in tmp_path.iterdir()] == ["tape"]
    assert json.loads((tmp_path / "tape" / "tape.json").read_text())["bytes_per_decision"] == 8 + 8 + 16 * 2 + 4 + 4


def test_saving_replaces_an_older_tape_but_nothing_else(tmp_path):
    small_tape(5).save(tmp_path / "tape")
    small_tape(6).save(tmp_path / "tape")
    assert Tape.open(tmp_path / "tape").decisions == 6
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match=r"photos: exists and holds no tape\.json"):
        small_tape().save(tmp_path / "photos")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "tape"]


def test_the_cursor_counts_the_events_up_to_and_including_the_decision():
    np.testing.assert_array_equal(small_tape().cursor, [4, 7, 10, 13, 16, 19])


def test_a_slice_keeps_its_decisions_and_the_events_around_them():
    tape = replace(small_tape(), meta=replace(small_tape().meta, lag_ns=25))
    part = tape.slice(2, 4, after_ns=10)
    np.testing.assert_array_equal(part.ts_ns, [90, 120])
    # under way at 90: stamped since 65; the last orders, sent at 120, may meet events up to 130
    np.testing.assert_array_equal(part.exch_ts, [60, 60, 60, *range(70, 131, 10)])
    np.testing.assert_array_equal(part.cursor, [6, 9])
    for k in range(2):
        assert part.exch_ts[part.cursor[k] - 1] <= part.ts_ns[k] < part.exch_ts[part.cursor[k]]
    assert part.meta.trades == np.count_nonzero(part.event[:, 0] <= Code.BUY_TRADE)


def test_a_slice_begins_with_the_book_before_it_as_changes_from_an_empty_one():
    event = [(2, 99, 5, 0), (3, 101, 4, 0), (0, 99, 1, 0), (2, 99, 4, 5), (2, 98, 3, 0), (3, 101, 0, 4), (3, 102, 7, 0)]
    tape = small_tape(events=7)
    part = replace(tape, event=np.array(event, np.int32)).slice(1, 2, after_ns=0)
    np.testing.assert_array_equal(part.event, [(2, 99, 4, 0), (2, 98, 3, 0), (3, 102, 7, 0)])


def test_an_empty_slice_is_refused():
    with pytest.raises(InputError, match="hold none of the 6"):
        small_tape().slice(4, 4)


def test_a_wrong_shape_is_refused_by_name():
    with pytest.raises(InputError, match=r"book_qty is int32\(6, 2, 1\); it must be int32\(6, 2, 2\)"):
        replace(small_tape(), book_qty=np.ones((6, 2, 1), np.int32))


def test_a_tape_of_another_version_or_with_a_missing_or_cut_array_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"tape\.json: No such file"):
        Tape.open(tmp_path)
    small_tape().save(tmp_path / "tape")
    values = (tmp_path / "tape" / "tape.json").read_text()
    (tmp_path / "tape" / "tape.json").write_text(values.replace('"jaxmm_tape": 2', '"jaxmm_tape": 0'))
    with pytest.raises(InputError, match="tape format 0; this jaxmm reads 2"):
        Tape.open(tmp_path / "tape")
    (tmp_path / "tape" / "tape.json").write_text(values)
    with (tmp_path / "tape" / "event.npy").open("r+b") as file:
        file.truncate(200)
    with pytest.raises(InputError, match=r"event\.npy: .*build the tape again"):
        Tape.open(tmp_path / "tape")
    (tmp_path / "tape" / "event.npy").unlink()
    with pytest.raises(InputError, match=r"event\.npy"):
        Tape.open(tmp_path / "tape")


@pytest.mark.parametrize("blocks", [(), (3,), (2, 0, 5)])
def test_rows_appended_in_blocks_read_back_as_one_array(tmp_path, blocks):
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 9, (n, 2, 3), dtype=np.int32) for n in blocks]
    writer = NpyWriter(tmp_path / "a.npy", np.int32, (2, 3))
    for part in parts:
        writer.append(part)
    writer.close()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.concatenate([np.zeros((0, 2, 3), np.int32), *parts]))
