"""Merkle trees as in RFC 6962, section 2, kept as compact ranges: what a log has to remember to grow. Pure.

Nodes are named by height and number: node (0, i) is the leaf at position i, node (h, j) the root over leaves j·2^h to (j+1)·2^h - 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from msgspec import Struct

HASH_BYTES = 32

# Heights in a tile, and so many hashes (https://c2sp.org/tlog-tiles).
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

EMPTY_ROOT = sha256(b"").digest()

Node = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    """MTH({d}) of RFC 6962: the hash of a leaf with this content."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


class Range(Struct, frozen=True):
    """A log of `size` leaves: the roots of the perfect subtrees it consists of, largest first, one for each bit of `size`."""

    size: int = 0
    frontier: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, size: int, frontier: bytes) -> Range:
        """Read what `packed` gave. Raises ValueError when it cannot be that of `size` leaves."""
        hashes = split(frontier)
        if len(hashes) != size.bit_count():
            raise ValueError(f"a log of {size} leaves has {size.bit_count()} roots at its edge, not {len(hashes)}")
        return cls(size, hashes)

    @property
    def packed(self) -> bytes:
        """The frontier as bytes."""
        return b"".join(self.frontier)

    @property
    def root(self) -> bytes:
        """The root hash."""
        return fold(self.frontier)

    def extended(self, leaves: Sequence[bytes]) -> tuple[Range, list[tuple[int, int, bytes]]]:
        """The log with `leaves` (hashes) at its end, and each hash that belongs into a tile: level, number within it, hash.

        Level 0 holds the leaves, level n the nodes of height 8·n. Each level's come in order.
        """
        stack, tiled, size = list(self.frontier), [], self.size
        for leaf in leaves:
            node, height = leaf, 0
            tiled.append((0, size, leaf))
            while size >> height & 1:
                node, height = node_hash(stack.pop(), node), height + 1
                if height % TILE_HEIGHT == 0:
                    tiled.append((height // TILE_HEIGHT, size >> height, node))
            stack.append(node)
            size += 1
        return Range(size, tuple(stack)), tiled


def tiles_of(tiled: Sequence[tuple[int, int, bytes]]) -> dict[Node, bytes]:
    """Hashes by the tile that they are put at the end of."""
    tiles: defaultdict[Node, list[bytes]] = defaultdict(list)
    for level, number, value in tiled:
        tiles[level, number // TILE_WIDTH].append(value)
    return {node: b"".join(hashes) for node, hashes in tiles.items()}


def fold(frontier: Sequence[bytes]) -> bytes:
    """The root over subtrees, largest first."""
    if not frontier:
        return EMPTY_ROOT
    root = frontier[-1]
    for left in reversed(frontier[:-1]):
        root = node_hash(left, root)
    return root


def split(packed: bytes) -> tuple[bytes, ...]:
    """Hashes that were joined. Raises ValueError for half a hash."""
    if len(packed) % HASH_BYTES:
        raise ValueError("the bytes are no whole number of hashes")
    return tuple(packed[start : start + HASH_BYTES] for start in range(0, len(packed), HASH_BYTES))


def perfect(first: int, end: int) -> Iterator[Node]:
    """The perfect subtrees, left to right, over leaves `first` to `end` - 1, which are a subtree of some tree: `first` is aligned."""
    while first < end:
        height = min((first & -first).bit_length() - 1 if first else 62, (end - first).bit_length() - 1)
        yield height, first >> height
        first += 1 << height


def inclusion(index: int, size: int) -> list[tuple[Node, ...]]:
    """The audit path of a leaf (RFC 6962, 2.1.1), from the leaf up: for each hash, the perfect subtrees it is folded from."""
    if not 0 <= index < size:
        raise ValueError(f"a log of {size} leaves has none at position {index}")
    first, end, path = 0, size, []
    while end - first > 1:
        middle = first + _half(end - first)
        if index < middle:
            path.append(tuple(perfect(middle, end)))
            end = middle
        else:
            path.append(tuple(perfect(first, middle)))
            first = middle
    return path[::-1]


def consistency(old: int, size: int) -> list[tuple[Node, ...]]:
    """The proof that a log of `size` leaves begins with one of `old` (RFC 6962, 2.1.2): perfect subtrees for each hash."""
    if not 0 <= old <= size:
        raise ValueError(f"a log of {size} leaves has never grown from {old}")
    if old in (0, size):
        return []
    first, end, whole, path = 0, size, True, []
    while end != old:
        middle = first + _half(end - first)
        if old <= middle:
            path.append(tuple(perfect(middle, end)))
            end = middle
        else:
            path.append(tuple(perfect(first, middle)))
            first, whole = middle, False
    return ([] if whole else [tuple(perfect(first, end))]) + path[::-1]


def tile_of(node: Node) -> Node:
    """Level and number of the tile from which the node's hash follows."""
    height, number = node
    level = height // TILE_HEIGHT
    return level, (number << height % TILE_HEIGHT) // TILE_WIDTH


def node_from(tile: bytes, node: Node) -> bytes:
    """The hash of `node` from the bytes of its tile. Raises ValueError when they do not reach as far."""
    height, number = node
    width = 1 << height % TILE_HEIGHT
    start = number * width % TILE_WIDTH
    hashes = split(tile[start * HASH_BYTES : (start + width) * HASH_BYTES])
    if len(hashes) != width:
        raise ValueError(f"the tile has no hash yet for node {number} of height {height}")
    while len(hashes) > 1:
        hashes = tuple(node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True))
    return hashes[0]


def resolved(proof: Sequence[Sequence[Node]], hash_of: Callable[[Node], bytes]) -> list[bytes]:
    """The hashes of a proof, given those of its subtrees."""
    return [fold([hash_of(node) for node in nodes]) for nodes in proof]


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the log of `size` leaves under `root` has `leaf` at `index` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            computed = node_hash(sibling, computed)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and computed == root


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the log of `size` leaves under `root` begins with that of `old` under `old_root` (RFC 9162, 2.1.4.2)."""
    if old > size or old < 0:
        return False
    if old == size or old == 0:
        return not proof and (old_root == root if old else old_root == EMPTY_ROOT)
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes:
        return False
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and before == old_root and after == root


def _half(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1
