"""Arithmetic is strict while testing: nothing is promoted or broadcast in silence."""

import os
from pathlib import Path

import jax
import pytest
from jaxtyping import PyTree

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# jaxtyping imports its checker when a pytree is first checked, and pytest rewrites what it imports.
# Two workers (threads) that get there together trip over Python 3.11's parser, which is not safe in
# threads: "AST constructor recursion depth mismatch" (python/cpython#106905).
isinstance(0, PyTree[int])


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def published(root: Path) -> Path:
    """The folder of other people's published numbers and weights; without it, a skip."""
    folder = Path(os.environ.get("FLYROOM_TEST_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no published data in {folder}: name its folder in FLYROOM_TEST_DATA")
    return folder
