"""Runs are shared out fairly, each once."""

from hypothesis import given, strategies as st

from flyroom.sweeps.queue import Queue


def test_a_first_round_is_equal():
    queue = Queue(range(8), workers=2)
    assert [queue.take(4), queue.take(4), queue.take(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], []]


def test_the_rest_is_shared():
    queue = Queue(range(20), workers=2)
    first = [queue.take(8), queue.take(8)]
    assert [len(taken) for taken in first] == [8, 8]
    assert [queue.take(8), queue.take(8)] == [[16, 17], [18]]


@given(
    runs=st.integers(0, 60),
    workers=st.integers(1, 5),
    asks=st.lists(st.integers(1, 9), min_size=80, max_size=80),
)
def test_every_run_is_taken_once_and_in_order(runs, workers, asks):
    queue = Queue(range(runs), workers)
    taken = [run for most in asks for run in queue.take(most)]
    assert taken == list(range(runs))
    assert len(queue) == 0
