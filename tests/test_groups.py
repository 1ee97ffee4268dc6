"""Groups as tables, their tasks, and equations in the vocabulary of Power et al. 2022.

Permutations are multiplied once more here, as plain tuples.
"""

import itertools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom.algebra import symmetric
from flyroom.spec import SpecError, replace
from flyroom.tasks import AbstractTable, GroupOperation, ModularArithmetic, Signature

Permutation = tuple[int, ...]


def then(first: Permutation, second: Permutation) -> Permutation:
    """What becomes of each position when one permutation acts after the other."""
    return tuple(second[place] for place in first)


def undo(one: Permutation) -> Permutation:
    return tuple(one.index(place) for place in range(len(one)))


def sign(one: Permutation) -> int:
    pairs = itertools.combinations(one, 2)
    return (-1) ** sum(left > right for left, right in pairs)


def tuples(n: int) -> list[Permutation]:
    return list(map(tuple, symmetric(n).elements.tolist()))


# The group.


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_products_and_inverses_equal_plain_tuples(n: int):
    group, elements = symmetric(n), tuples(n)
    assert elements == sorted(set(elements))
    assert len(elements) == math.factorial(n)
    number = {element: i for i, element in enumerate(elements)}
    products = [[number[then(a, b)] for b in elements] for a in elements]
    assert group.table.tolist() == products
    assert group.inverses.tolist() == [number[undo(a)] for a in elements]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_table_is_that_of_a_group_with_identity_zero(n: int):
    _, table, inverses = symmetric(n)
    everyone = np.arange(len(table))
    assert np.array_equal(table[0], everyone)
    assert np.array_equal(table[:, 0], everyone)
    assert (table[everyone, inverses] == 0).all()
    assert (table[inverses, everyone] == 0).all()
    assert np.array_equal(table[table], table[:, table])  # (ab)c = a(bc), for all three


@settings(deadline=None)
@given(data=st.data())
def test_the_largest_group_of_a_task_is_one_too(data: st.DataObject):
    elements, table, inverses = symmetric(6)
    assert table.shape == (720, 720)
    a, b, c = (data.draw(st.integers(0, 719)) for _ in range(3))
    product = then(*(tuple(elements[x].tolist()) for x in (a, b)))
    assert tuple(elements[table[a, b]].tolist()) == product
    assert table[table[a, b], c] == table[a, table[b, c]]
    assert table[a, inverses[a]] == 0


def test_the_left_factor_acts_first():
    """Otherwise the table would be the transposed one, which is that of a group as well."""
    elements, table, _ = symmetric(3)
    a, b = (elements.tolist().index(one) for one in ([1, 0, 2], [0, 2, 1]))
    assert elements[table[a, b]].tolist() == [2, 0, 1]
    assert elements[table[b, a]].tolist() == [1, 2, 0]


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_sign_of_a_product_is_the_product_of_signs(n: int):
    signs = np.array([sign(one) for one in tuples(n)])
    assert signs.sum() == 0  # half of them are even
    assert np.array_equal(signs[symmetric(n).table], np.multiply.outer(signs, signs))


def test_elements_of_s5_have_the_known_orders():
    _, table, _ = symmetric(5)
    orders = np.ones(120, int)
    powers = np.arange(120)
    while powers.any():
        orders += powers != 0
        powers = np.where(powers, table[powers, np.arange(120)], 0)
    assert np.bincount(orders).tolist() == [0, 1, 25, 20, 30, 24, 20]


def test_tables_that_are_shared_cannot_be_changed():
    assert symmetric(4) is symmetric(4)
    for array in symmetric(4):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


# The task.

PRODUCTS: dict[str, Callable[[Permutation, Permutation], Permutation]] = {
    "a b": then,
    "a b a^-1": lambda a, b: then(then(a, b), undo(a)),
    "a b a": lambda a, b: then(a, then(b, a)),
}


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
@pytest.mark.parametrize("operation", PRODUCTS)
def test_operations_equal_plain_tuples(operation: str, degree: int):
    inputs, labels = GroupOperation(degree=degree, operation=operation).table()
    elements = list(itertools.permutations(range(degree)))
    pairs = [(elements[a], elements[b]) for a, b in inputs.tolist()]
    assert pairs == list(itertools.product(elements, repeat=2))
    assert [elements[c] for c in labels] == [PRODUCTS[operation](a, b) for a, b in pairs]


def test_a_conjugate_has_the_cycles_of_what_is_conjugated():
    """So `a b a^-1` says which `b` it was up to its class, whatever `a`: 7 classes in S_5."""
    inputs, labels = GroupOperation(degree=5, operation="a b a^-1").table()
    orbits = {frozenset(labels[inputs[:, 1] == b].tolist()) for b in range(120)}
    assert sorted(map(len, orbits)) == [1, 10, 15, 20, 20, 24, 30]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"degree": 1}, "degree: got 1; allowed: at least 2 and at most 6"),
        ({"degree": 7}, "degree: got 7; allowed: at least 2 and at most 6"),
        ({"operation": "b a"}, "operation: got 'b a'; allowed: 'a b', 'a b a\\^-1', 'a b a'"),
        ({"encoding": "words"}, "encoding: got 'words'; allowed: 'pair', 'equals', 'equation'"),
    ],
)
def test_what_the_task_does_not_have_is_refused(settings: dict, message: str):
    with pytest.raises(SpecError, match=message):
        GroupOperation(**settings)


# The nine modular operations of the source, for two plain numbers. Every residue but 0 has an
# inverse modulo 97, so a choice that divides by odd numbers only is defined for every pair.

P = 97
QUOTIENT = {(b * c % P, b): c for c in range(P) for b in range(1, P)}
SOURCE: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "a + b": (P * P, lambda a, b: a + b),
    "a - b": (P * P, lambda a, b: a - b),
    "a / b": (P * (P - 1), lambda a, b: QUOTIENT[a, b]),
    "a / b if b % 2 else a - b": (P * P, lambda a, b: QUOTIENT[a, b] if b % 2 == 1 else a - b),
    "a**2 + b**2": (P * P, lambda a, b: a * a + b * b),
    "a**2 + a*b + b**2": (P * P, lambda a, b: a * a + a * b + b * b),
    "a**2 + a*b + b**2 + a": (P * P, lambda a, b: a * a + a * b + b * b + a),
    "a**3 + a*b": (P * P, lambda a, b: a * a * a + a * b),
    "a**3 + a*b**2 + b": (P * P, lambda a, b: a * a * a + a * b * b + b),
}


@pytest.mark.parametrize("operation", SOURCE)
def test_operations_of_the_source_equal_plain_python(operation: str):
    count, plain = SOURCE[operation]
    inputs, labels = ModularArithmetic(p=P, operation=operation).table()
    assert len({tuple(row) for row in inputs.tolist()}) == len(labels) == count
    assert labels.tolist() == [plain(a, b) % P for a, b in inputs.tolist()]


# Encodings.


def operator_of(task: AbstractTable) -> int:
    (token,) = np.unique(replace(task, {"encoding": "equation"}).table()[0][:, 2])
    return int(token)


@pytest.mark.parametrize(
    "task",
    [
        ModularArithmetic(p=P, operation="a / b"),
        ModularArithmetic(p=12, ordered=False),
        GroupOperation(degree=5, operation="a b a"),
        GroupOperation(degree=3),
    ],
    ids=str,
)
def test_encodings_write_the_same_pairs(task: AbstractTable):
    """And therefore the same examples fall to either side of a split."""
    (pair, answers), (equals, same), (equation, too) = (
        replace(task, {"encoding": name}).table() for name in ("pair", "equals", "equation")
    )
    operands = task.signature.tokens
    assert operands is not None
    assert np.array_equal(answers, same)
    assert np.array_equal(answers, too)
    assert np.array_equal(pair, equals[:, :2])
    assert np.array_equal(pair, equation[:, [1, 3]])
    assert (equals[:, 2] == operands).all()
    specials = np.unique(equation[:, [0, 2, 4]], axis=0)
    assert specials.shape == (1, 3)
    assert len(set(specials[0].tolist())) == 3
    assert specials.min() >= operands
    assert pair.dtype == equals.dtype == equation.dtype == np.int32


def test_both_kinds_of_equation_have_the_239_tokens_of_the_source():
    modular, group = (
        ModularArithmetic(p=P, encoding="equation"),
        GroupOperation(degree=5, encoding="equation"),
    )
    spans = ((217, 218), (0, 97), (219, 220), (0, 97), (218, 219))
    assert modular.signature == Signature((5,), 239, 239, spans)
    spans = ((217, 218), (0, 120), (233, 234), (0, 120), (218, 219))
    assert group.signature == Signature((5,), 239, 239, spans)
    # <eos>, = and the operators are the same tokens in both; the operands differ.
    assert modular.table()[0][0, [0, 4]].tolist() == group.table()[0][0, [0, 4]].tolist()
    assert ModularArithmetic(p=5, encoding="equation").signature.tokens == 239 - 97 + 5
    assert GroupOperation(degree=3, encoding="equation").signature.tokens == 239 - 120 + 6


def test_each_operation_has_a_token_of_its_own():
    modular = [ModularArithmetic(p=P, operation=text) for text in SOURCE]
    group = [GroupOperation(degree=5, operation=text) for text in PRODUCTS]
    tokens = {operator_of(task) for task in (*modular, *group)}
    assert len(tokens) == 12
    assert tokens <= set(range(97 + 120 + 2, 239))


def test_an_operation_is_what_it_does():
    def token(operation: str | Callable, p: int = P) -> int:
        return operator_of(ModularArithmetic(p=p, operation=operation))

    assert token("b+a") == token(np.add) == token(lambda a, b: a + b - 97) == token("a + b")
    assert token("a*(a + b) + b*b") == token("a**2 + a*b + b**2")
    assert token("a - b", 2) == token("a + b", 2)
    # It differs at 97 of the 9,409 pairs only, and is defined where division is not.
    assert token("a / b if b else a") not in (token("a / b"), token("a + b"))
    # All that the source lacks share a token, which none of its binary operations has.
    assert token("a + 2*b") == token(np.maximum) == 238
    assert 238 not in {token(text) for text in SOURCE}


def test_a_network_learns_to_answer_with_an_element(tmp_path):
    """The answer is one of 6 + 97 + 22 tokens, of which only 6 are ever right."""
    task = GroupOperation(degree=3, train_fraction=0.8, encoding="equation")
    experiment = fr.Experiment(
        task=task,
        model=fr.models.MLP(widths=(32,)),
        optimizer=fr.optim.AdamW(learning_rate=0.02),
        steps=400,
    )
    machine = fr.Machine(progress=False)
    runs = fr.train(experiment, store=tmp_path / "s3.zarr", machine=machine)
    network = jax.tree.map(jnp.asarray, fr.network(runs, 0))
    logits = network.table(jnp.asarray(task.table()[0]))
    assert logits.shape == (6**2, task.signature.classes)
    assert logits.argmax(1).max() < 6
    trained = task.split(0).train
    answers = network.table(jnp.asarray(trained.inputs)).argmax(1)
    assert (answers == trained.labels).all()
