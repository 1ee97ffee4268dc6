"""Tasks against plain Python, and what their splits promise."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom.spec import SpecError, host, replace
from flyroom.tasks import (
    AbstractTask,
    Signature,
    Split,
    bits,
    check_split,
    examples,
    permutation,
    train_size,
)

seeds = st.integers(0, 2**32 - 1)


def inverse(b: int, p: int) -> int | None:
    return next((c for c in range(p) if b * c % p == 1), None)


def divided(a: int, b: int, p: int) -> int | None:
    one = inverse(b % p, p)
    return None if one is None else a * one % p


# Each written once more, for two plain numbers; None where it is undefined.
OPERATIONS = {
    "a + b": lambda a, b, p: (a + b) % p,
    "a - b": lambda a, b, p: (a - b) % p,
    "a * b": lambda a, b, p: a * b % p,
    "a / b": divided,
    "a**2 + a*b + b**2 - 3": lambda a, b, p: (a * a + a * b + b * b - 3) % p,
    "-(a**3) + 2*b": lambda a, b, p: (-(a**3) + 2 * b) % p,
    "a / b if b % 2 else a - b": lambda a, b, p: divided(a, b, p) if b % 2 else (a - b) % p,
    "a if a >= b else b": lambda a, b, p: max(a, b) % p,
    "(a + b) / (a - b)": lambda a, b, p: divided(a + b, a - b, p),
    "(a == b) + 2 * (a < b)": lambda a, b, p: ((a == b) + 2 * (a < b)) % p,
    "a**0": lambda a, b, p: 1 % p,
}


@pytest.mark.parametrize("p", [2, 7, 12])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_tables_equal_plain_python(operation: str, p: int):
    plain = OPERATIONS[operation]
    expected = {
        (a, b): plain(a, b, p)
        for a, b in itertools.product(range(p), repeat=2)
        # The condition `b % 2` has no remainder to take where 2 is 0.
        if not ("% 2" in operation and p == 2)
    }
    expected = {pair: c for pair, c in expected.items() if c is not None}
    task = fr.tasks.ModularArithmetic(p=p, operation=operation)
    if not expected:
        with pytest.raises(SpecError, match="modulo 2 is defined for no pair"):
            task.table()
        return
    inputs, labels = task.table()
    found = dict(zip(map(tuple, inputs.tolist()), labels.tolist(), strict=True))
    assert len(found) == len(labels)
    assert found == expected


def test_division_leaves_out_divisors_without_an_inverse():
    rows = {p: len(fr.tasks.ModularArithmetic(p, operation="a / b").table()[1]) for p in (97, 12)}
    assert rows == {97: 97 * 96, 12: 12 * 4}  # 1, 5, 7 and 11 have one modulo 12


def test_an_operation_may_be_a_function():
    by_text = fr.tasks.ModularArithmetic(9, operation="a*b + 4")
    by_function = fr.tasks.ModularArithmetic(9, operation=lambda a, b: a * b + 4)
    for left, right in zip(by_text.table(), by_function.table(), strict=True):
        assert np.array_equal(left, right)


def test_the_published_number_of_pairs():
    task = fr.tasks.ModularArithmetic(p=67, ordered=False, train_fraction=0.4)
    inputs, labels = task.table()
    assert len(labels) == 2278 == 67 * 68 // 2
    assert (inputs[:, 0] <= inputs[:, 1]).all()
    assert len(np.unique(inputs, axis=0)) == 2278
    split = task.split(0)
    assert (len(split.train.labels), len(split.test.labels)) == (911, 1367)


@pytest.mark.parametrize(
    ("total", "fraction", "size"),
    [(10, 0.3, 3), (12769, 0.3, 3830), (2278, 0.4, 911), (3, 0.99, 2)],
)
def test_a_fraction_is_rounded_down(total: int, fraction: float, size: int):
    assert train_size(total, fraction, None) == size


@pytest.mark.parametrize("operation", ["a / b", "a - b", lambda a, b: a * a + b])
def test_unordered_pairs_need_a_commutative_operation(operation):
    task = fr.tasks.ModularArithmetic(7, operation=operation, ordered=False)
    with pytest.raises(SpecError, match=r"which .* modulo 7 is not. Use ordered=True"):
        task.table()


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("a +", "is not an expression"),
        ("a + c", r"`c` has no meaning; allowed: a, b, whole numbers"),
        ("a / 0", r"`a / 0` modulo 7 is defined for no pair; a / b needs a b with an inverse"),
        ("a % (b - b)", "modulo 7 is defined for no pair"),
        ("a ** b", r"`a \*\* b` has no meaning"),
        ("__import__('os')", "has no meaning"),
        (lambda a, b: a / (b + 1), r"gave float64 of shape \(49,\); allowed: whole numbers"),
        (lambda a, b: 3, r"gave int64 of shape \(\); allowed: whole numbers of shape \(49,\)"),
    ],
)
def test_an_operation_without_meaning_is_refused(operation, message: str):
    with pytest.raises(SpecError, match=message):
        fr.tasks.ModularArithmetic(7, operation=operation).split(0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_fraction": 0.01}, "leaves 0 to train on and 49 to test on"),
        ({"train_count": 49}, "train_count 49 of 49 examples leaves 49 to train on and 0"),
    ],
)
def test_both_sides_need_an_example(settings: dict, message: str):
    with pytest.raises(SpecError, match=message):
        fr.tasks.ModularArithmetic(7, **settings).split(0)


# --- Splits ---


@given(seed=seeds, count=st.integers(1, 300))
def test_a_permutation_has_every_row_once(seed: int, count: int):
    assert sorted(permutation(count, seed).tolist()) == list(range(count))


@given(seed=seeds, count=st.integers(1, 50), more=st.integers(0, 50))
def test_a_longer_stream_of_bits_begins_with_the_shorter(seed: int, count: int, more: int):
    assert np.array_equal(bits(count + more, seed)[:count], bits(count, seed))


def philox(counter: int, key: tuple[int, int]) -> list[int]:
    """One block of Philox-4x64-10, from Salmon et al. 2011, "Parallel Random Numbers"."""
    word = 2**64 - 1
    c, k = [counter, 0, 0, 0], list(key)
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [second >> 64 ^ c[1] ^ k[0], second & word, first >> 64 ^ c[3] ^ k[1], first & word]
        k = [(k[0] + 0x9E3779B97F4A7C15) & word, (k[1] + 0xBB67AE8584CAA73B) & word]
    return c


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_stream_of_bits_is_the_one_of_every_version(seed: int):
    """A changed generator would silently change every split that was ever drawn."""
    stream = philox(1, (seed, 3)) + philox(2, (seed, 3))
    assert bits(8, seed, purpose=3).tolist() == stream
    ranked = philox(1, (seed, 0)) + philox(2, (seed, 0))
    assert permutation(8, seed).tolist() == sorted(range(8), key=ranked.__getitem__)


def rows(side) -> list[tuple]:
    return list(map(tuple, side.inputs.tolist()))


@settings(max_examples=30)
@given(seed=seeds, small=st.floats(0.05, 0.9), more=st.floats(0.0, 0.09))
def test_a_larger_training_set_contains_the_smaller(seed: int, small: float, more: float):
    def train(fraction: float) -> list[tuple]:
        return rows(fr.tasks.ModularArithmetic(p=7, train_fraction=fraction).split(seed).train)

    short, long = train(small), train(small + more)
    assert long[: len(short)] == short


@settings(max_examples=30)
@given(seed=seeds, ordered=st.booleans())
def test_a_split_deals_out_the_whole_table_once(seed: int, ordered: bool):
    task = fr.tasks.ModularArithmetic(8, ordered=ordered)
    split = task.split(seed)
    inputs, labels = task.table()
    table = dict(zip(map(tuple, inputs.tolist()), labels.tolist(), strict=True))
    both = rows(split.train) + rows(split.test)
    assert len(both) == len(table)
    assert set(both) == set(table)
    for side in (split.train, split.test):
        assert [table[row] for row in rows(side)] == side.labels.tolist() == side.truth.tolist()
        assert (side.weights == 1).all()


def test_splits_depend_on_the_seed_alone():
    one, two = fr.tasks.ModularArithmetic(11), fr.tasks.ModularArithmetic(11, operation="a * b")
    assert rows(one.split(3).train) == rows(two.split(3).train)
    assert rows(one.split(3).train) != rows(one.split(4).train)


# --- Sparse parity ---


@pytest.mark.parametrize(("n", "k"), [(6, 2), (9, 3), (5, 5), (62, 4)])
def test_parity_of_signs_and_of_bits_equals_plain_python(n: int, k: int):
    task = fr.tasks.SparseParity(n=n, k=k, train_count=20, test_count=9)
    signs, ones = (replace(task, {"encoding": e}).split(5) for e in ("signs", "bits"))
    for side in ("train", "test"):
        s, o = getattr(signs, side), getattr(ones, side)
        assert s.inputs.dtype == o.inputs.dtype == np.float32
        for row, label in zip(s.inputs.tolist(), s.labels.tolist(), strict=True):
            assert set(row) <= {-1.0, 1.0}
            assert label == int(np.prod(row[:k]) == 1)
        for row, label in zip(o.inputs.tolist(), o.labels.tolist(), strict=True):
            assert len(row) == n + 1
            assert row[-1] == 1
            assert set(row) <= {0.0, 1.0}
            assert label == sum(row[:k]) % 2
        # They are the same examples, written in two ways.
        assert np.array_equal(s.inputs, 1 - 2 * o.inputs[:, :-1])


@settings(max_examples=40)
@given(seed=seeds, n=st.integers(1, 10), data=st.data())
def test_parity_examples_are_all_different(seed: int, n: int, data: st.DataObject):
    count = data.draw(st.integers(2, 2**n))
    train = data.draw(st.integers(1, count - 1))
    task = fr.tasks.SparseParity(n=n, k=1, train_count=train, test_count=count - train)
    split = task.split(seed)
    assert (len(split.train.labels), len(split.test.labels)) == (train, count - train)
    assert len(set(rows(split.train) + rows(split.test))) == count


def test_every_example_of_a_small_parity_can_be_asked_for():
    split = fr.tasks.SparseParity(n=8, k=3, train_count=200, test_count=56).split(0)
    everything = itertools.product((-1.0, 1.0), repeat=8)
    assert sorted(rows(split.train) + rows(split.test)) == sorted(everything)


def test_parity_bits_are_fair():
    split = fr.tasks.SparseParity(n=30, k=2, train_count=4000, test_count=1).split(0)
    # The mean of 4,000 fair signs has a standard deviation of 1/63.
    assert np.abs(split.train.inputs.mean(0)).max() < 4.5 / 63
    assert abs(split.train.labels.mean() - 0.5) < 4.5 / 126


def test_more_examples_than_there_are_is_an_error():
    with pytest.raises(SpecError, match=r"30 training and 3 test examples .* only 32 different"):
        fr.tasks.SparseParity(n=5, k=2, train_count=30, test_count=3)


@settings(max_examples=20)
@given(seed=seeds)
def test_a_larger_parity_sample_begins_with_the_smaller(seed: int):
    small, large = (fr.tasks.SparseParity(n=12, train_count=c).split(seed) for c in (50, 80))
    assert rows(large.train)[:50] == rows(small.train)


@pytest.mark.parametrize("encoding", ["signs", "bits"])
@pytest.mark.parametrize(("n", "k"), [(5, 5), (40, 3), (62, 4)])
def test_fresh_parity_equals_plain_python(n: int, k: int, encoding: str):
    task = fr.tasks.SparseParity(n, k, train_count=20, test_count=9, encoding=encoding, fresh=True)
    assert task.stream is not None
    drawn = jax.jit(task.stream, static_argnums=1)(jax.random.key(3), 50)
    assert np.array_equal(drawn.labels, drawn.truth)
    assert np.array_equal(drawn.weights, np.ones(50))
    for row, label in zip(drawn.inputs.tolist(), drawn.labels.tolist(), strict=True):
        if encoding == "signs":
            assert len(row) == n
            assert set(row) <= {-1.0, 1.0}
            assert label == int(np.prod(row[:k]) == 1)
        else:
            assert len(row) == n + 1
            assert row[-1] == 1
            assert set(row) <= {0.0, 1.0}
            assert label == sum(row[:k]) % 2


def test_fresh_bits_are_fair_and_independent():
    stream = fr.tasks.SparseParity(n=62, k=3, fresh=True).stream
    assert stream is not None
    drawn = stream(jax.random.key(0), 20_000)
    signs = np.asarray(drawn.inputs, float)
    # Each entry is the mean of 20,000 fair signs, of standard deviation 1/141; there are 1,953.
    assert np.abs(signs.mean(0)).max() < 5 / 141
    assert np.abs(signs.T @ signs / 20_000 - np.eye(62)).max() < 5.5 / 141
    assert abs(drawn.labels.mean() - 0.5) < 5 / 282
    assert len(set(rows(drawn))) == 20_000


def test_a_task_trains_on_its_split_unless_it_is_told_otherwise():
    assert fr.tasks.ModularArithmetic(7).stream is None
    assert fr.tasks.SparseParity().stream is None
    assert fr.tasks.Corrupted(fr.tasks.SparseParity()).stream is None


def test_equal_tasks_draw_alike_and_others_do_not():
    task = fr.tasks.SparseParity(n=20, k=3, fresh=True)
    same = replace(task, {"train_count": 7, "test_count": 5})
    assert task.stream == same.stream
    assert hash(task.stream) == hash(same.stream)
    for change in ({"n": 21}, {"k": 2}, {"encoding": "bits"}):
        assert task.stream != replace(task, change).stream


def test_what_is_drawn_anew_keeps_no_wrong_label():
    with pytest.raises(SpecError, match=r"Corrupted\.clean: SparseParity draws its training"):
        fr.tasks.Corrupted(fr.tasks.SparseParity(fresh=True))


# --- A task of the user ---


class Mine(AbstractTask):
    labels: tuple[int, ...] = host((0, 1, 2))
    inputs: tuple[tuple[int, ...], ...] = host(((0, 1), (1, 1), (2, 0)))
    tests: int = host(1)

    @property
    def signature(self) -> Signature:
        return Signature((2,), 3, 3)

    def split(self, seed: int) -> Split:
        inputs, labels = np.array(self.inputs, np.int32), np.array(self.labels, np.int32)
        cut = len(labels) - self.tests
        train, test = slice(cut), slice(cut, None)
        return Split(examples(inputs[train], labels[train]), examples(inputs[test], labels[test]))


def test_a_right_task_passes():
    check_split(Mine(), Mine().split(0))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Mine(labels=(0, 3, 1)), "training labels run from 0 to 3; allowed: 0 to 2"),
        (Mine(labels=(0, 1, -1)), "test labels run from -1 to -1; allowed: 0 to 2"),
        (
            Mine(inputs=((0, 3), (1, 1), (2, 2))),
            "training tokens at position 1 run from 1 to 3; allowed: 0 to 2",
        ),
        (Mine(inputs=((0,), (1,), (2,))), r"one training input has shape \(1,\); its .* \(2,\)"),
        (Mine(tests=0), "the test side of the split is empty"),
        (Mine(tests=3), "the training side of the split is empty"),
    ],
)
def test_a_task_that_breaks_its_signature_is_refused(task: Mine, message: str):
    with pytest.raises(SpecError, match=message):
        check_split(task, task.split(0))
    with pytest.raises(SpecError, match=message):
        fr.training.program_of(fr.Experiment(task=task))
