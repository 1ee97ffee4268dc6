"""Measures of networks of groups, on functions whose form is known."""

import numpy as np
import pytest

from flyroom.algebra import irrep, isotypic, partitions, subgroups, symmetric
from flyroom.measures import character_similarity, coset_concentration, irrep_shares


def test_projections_on_irreps_are_orthogonal_and_as_large_as_their_dimensions():
    for n in (3, 4, 5):
        every = [isotypic(n, one) for one in partitions(n)]
        np.testing.assert_allclose(sum(every), np.eye(len(every[0])), atol=1e-12)
        for one, projection in zip(partitions(n), every, strict=True):
            d = irrep(n, one).shape[1]
            np.testing.assert_allclose(projection @ projection, projection, atol=1e-12)
            assert np.trace(projection) == pytest.approx(d**2)


@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 2), (3, 6), (4, 30), (5, 156)])
def test_there_are_so_many_subgroups(n: int, count: int):
    found = subgroups(n)
    assert len(set(found)) == count
    table = symmetric(n).table
    for one in found:
        assert len(table) % len(one) == 0
        assert set(table[np.ix_(one, one)].ravel()) == set(one)


def test_an_embedding_has_the_shares_that_its_entries_have():
    standard, sign = irrep(5, (4, 1)), irrep(5, (1, 1, 1, 1, 1))
    # The sum of squares of an entry is |G| / d: that of d entries is one of a sign's.
    values = np.concatenate([standard[:, 0], np.sqrt(3) * sign[:, 0], np.full((120, 1), 7.0)], 1)
    shares = irrep_shares(values, 5)
    assert shares.sum() == pytest.approx(1)
    assert shares.sel(irrep="(4, 1)").item() == pytest.approx(0.25)
    assert shares.sel(irrep="(1, 1, 1, 1, 1)").item() == pytest.approx(0.75)


def test_random_logits_are_like_no_character():
    logits = np.random.default_rng(0).normal(size=(24, 24, 24))
    assert abs(character_similarity(logits, 4)).max() < 0.03
    assert irrep_shares(np.zeros((24, 3)), 4).sum() == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_functions_of_cosets_are_told_from_others(side: str):
    _, table, _ = symmetric(4)
    number = {one: i for i, one in enumerate(subgroups(4)[1:-1])}
    random = np.random.default_rng(0)
    for subgroup in [one for one in number if len(one) in (4, 6)]:
        members = np.array(subgroup)
        cosets = table[:, members] if side == "left" else table[members].T
        names = cosets.min(1)  # the same for all of a coset
        values = random.normal(size=24)[names][:, None]
        found = coset_concentration(values, 4, side=side)[number[subgroup], 0].item()
        assert found == pytest.approx(0, abs=1e-12)
    noise = coset_concentration(random.normal(size=(24, 2000)), 4, side=side)
    np.testing.assert_allclose(noise.mean("neuron"), 1, atol=0.05)
    with pytest.raises(ValueError, match="allowed: 'left', 'right'"):
        coset_concentration(noise.values.T[:24, :1], 4, side="both")
