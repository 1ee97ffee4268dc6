import numpy as np
import xarray as xr
from jaxtyping import Float

from ..algebra import irrep, isotypic, partitions, subgroups, symmetric


def character_similarity(logits: Float[np.ndarray, "g g g"], n: int) -> xr.DataArray:
    r"""How alike logits of products of permutations are to the characters of each irrep.

    The mean over pairs of the cosine between \(L_{ab\cdot}\), about its mean, and
    \(\chi_\rho(a\,b\,c^{-1})\) as functions of \(c\). The source calls an irrep key from 0.005 on.

    Args:
        logits: by both factors and class, in the order of `flyroom.algebra.symmetric`.
        n: how many positions are permuted.

    Returns:
        Over `irrep`, whose coordinates are partitions as text, without the trivial one.

    Example:
        >>> table, inverses = symmetric(3).table, symmetric(3).inverses
        >>> standard = np.trace(irrep(3, (2, 1)), axis1=1, axis2=2)
        >>> character_similarity(standard[table[table][:, :, inverses]], 3).values.round(6)
        array([1., 0.])

    Source: Chughtai et al. 2023, arXiv:2302.03025.
    """
    table, inverses = symmetric(n).table, symmetric(n).inverses
    own = logits - logits.mean(2, keepdims=True)
    norms = np.linalg.norm(own, axis=2)
    found = {}
    for partition in partitions(n)[1:]:
        characters = np.trace(irrep(n, partition), axis1=1, axis2=2)
        of_answers = characters[table[:, inverses]]  # [ab, c]
        products = (own * of_answers[table]).sum(2)
        alike = np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0)
        found[str(partition)] = alike.mean() / np.linalg.norm(characters)
    coords = {"irrep": list(found)}
    return xr.DataArray(list(found.values()), coords, ("irrep",), "character_similarity")


def irrep_shares(values: Float[np.ndarray, "g *rest"], n: int) -> xr.DataArray:
    """Which share of the variance of functions of permutations the entries of each irrep make up.

    Args:
        values: functions on the first axis, such as an embedding or the weights into neurons.
        n: how many positions are permuted.

    Returns:
        Over `irrep`, without the trivial one; they add up to 1.

    Example:
        >>> entries = irrep(4, (2, 2)).reshape(24, 4)
        >>> shares = irrep_shares(entries, 4)
        >>> print(shares.sel(irrep="(2, 2)").item().__round__(6))
        1.0

    Source: Chughtai et al. 2023, arXiv:2302.03025.
    """
    flat = values.reshape(len(values), -1).astype(np.float64)
    names = partitions(n)[1:]
    powers = np.array([((isotypic(n, one) @ flat) ** 2).sum() for one in names])
    coords = {"irrep": [str(one) for one in names]}
    shares = powers / powers.sum() if powers.sum() > 0 else powers
    return xr.DataArray(shares, coords, ("irrep",), "irrep_share")


def coset_concentration(
    values: Float[np.ndarray, "g neuron"], n: int, *, side: str = "left"
) -> xr.DataArray:
    r"""How much less functions of permutations vary within the cosets of a subgroup than in all.

    \(C_H = \frac{|G| - 1}{|G| - [G:H]} \sum_{\text{cosets}} \sum_g (x_g - \bar x_{\text{coset}})^2
    / \sum_g (x_g - \bar x)^2\): 0 for a function of cosets, about 1 for a random one.

    Args:
        values: what each permutation adds to each neuron, in the order of
            `flyroom.algebra.symmetric`.
        n: how many positions are permuted, up to 5.
        side: `"left"` for cosets \(gH\), `"right"` for \(Hg\).

    Returns:
        Over `subgroup`, in the order of `flyroom.algebra.subgroups` without the trivial one and the
        whole group, and `neuron`.

    Example:
        >>> first_stays = symmetric(3).elements[:, :1] == 0
        >>> coset_concentration(first_stays.astype(float), 3).min().item().__round__(6)
        0.0

    Source: Stander et al. 2024, arXiv:2312.06581.
    """
    if side not in ("left", "right"):
        raise ValueError(f"coset_concentration.side: got {side!r}; allowed: 'left', 'right'.")
    table = symmetric(n).table
    own = values.astype(np.float64) - values.mean(0)
    size, total = len(own), (own**2).sum(0)
    found = []
    for subgroup in subgroups(n)[1:-1]:
        members = np.array(subgroup)
        # The means over the cosets, of each element's own.
        cosets = table[:, members] if side == "left" else table[members].T
        within = ((own - own[cosets].mean(1)) ** 2).sum(0)
        scale = (size - 1) / (size - size // len(members))
        found.append(scale * np.divide(within, total, out=np.ones_like(total), where=total > 0))
    return xr.DataArray(np.array(found), dims=("subgroup", "neuron"), name="coset_concentration")
