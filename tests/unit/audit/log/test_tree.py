"""The tree: RFC 6962's own vectors, and a naive reference for any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.log.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    TILE_WIDTH,
    Node,
    Range,
    consistency,
    consistent,
    included,
    inclusion,
    leaf_hash,
    node_from,
    node_hash,
    resolved,
    tile_of,
    tiles_of,
)

# The inputs of certificate-transparency-go's merkletree tests, and the roots over the first 1 to 8 of them.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(naive(leaves[:half]), naive(leaves[half:]))


def hashes(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(count)]


def grown(count: int, step: int) -> tuple[Range, dict[Node, bytes]]:
    """A log of `count` leaves that grew by `step`, and its tiles as a store keeps them."""
    range_, tiles = Range(), dict[Node, bytes]()
    leaves = hashes(count)
    for start in range(0, count, step):
        range_, tiled = range_.extended(leaves[start : start + step])
        for node, more in tiles_of(tiled).items():
            tiles[node] = tiles.get(node, b"") + more
    return range_, tiles


def proof(steps: list[tuple[Node, ...]], tiles: dict[Node, bytes]) -> list[bytes]:
    return resolved(steps, lambda node: node_from(tiles[tile_of(node)], node))


@pytest.mark.parametrize("size", range(1, 9))
def test_the_vectors_of_certificate_transparency(size: int) -> None:
    range_, _ = Range().extended([leaf_hash(data) for data in LEAVES[:size]])
    assert range_.root.hex() == ROOTS[size - 1]


def test_the_root_of_nothing() -> None:
    assert Range().root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.integers(1, 700), st.integers(1, 300))
def test_a_log_that_grows_in_any_steps_has_the_root_of_the_whole(count: int, step: int) -> None:
    range_, tiles = grown(count, step)
    assert range_.root == naive(hashes(count))
    assert Range.parse(range_.size, range_.packed) == range_
    assert b"".join(tiles[0, number] for number in range(-(-count // TILE_WIDTH))) == b"".join(hashes(count))


@given(st.data())
def test_every_inclusion_proof_holds_and_proves_nothing_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    index, wrong = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    range_, tiles = grown(size, 97)
    path = proof(inclusion(index, size), tiles)
    leaf = leaf_hash(b"%d" % index)
    assert included(leaf, index, size, path, range_.root)
    assert wrong == index or not included(leaf, wrong, size, path, range_.root)
    assert not included(leaf_hash(b"other"), index, size, path, range_.root)
    assert not path or not included(leaf, index, size, path[:-1], range_.root)
    assert not included(leaf, index, size, [*path, leaf], range_.root)


@given(st.data())
def test_every_consistency_proof_holds_and_proves_nothing_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    old = data.draw(st.integers(0, size))
    range_, tiles = grown(size, 97)
    steps = proof(consistency(old, size), tiles)
    before = naive(hashes(old))
    assert consistent(old, before, size, range_.root, steps)
    assert not consistent(old, leaf_hash(b"other"), size, range_.root, steps)
    assert old in (0, size) or not consistent(old, before, size, leaf_hash(b"other"), steps)
    assert old in (0, size) or not consistent(old, before, size, range_.root, steps[:-1])


def test_a_tile_that_is_too_short_says_so() -> None:
    _, tiles = grown(5, 5)
    with pytest.raises(ValueError, match="no hash yet"):
        node_from(tiles[0, 0], (2, 1))
    with pytest.raises(ValueError, match="whole number"):
        Range.parse(1, b"x" * (HASH_BYTES + 1))
    with pytest.raises(ValueError, match="5 leaves has 2 roots"):
        Range.parse(5, b"x" * HASH_BYTES)


def test_proofs_of_what_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="none at position"):
        inclusion(5, 5)
    with pytest.raises(ValueError, match="never grown"):
        consistency(6, 5)
    assert not included(b"", 1, 1, [], b"")
    assert not consistent(2, b"", 1, b"", [])
