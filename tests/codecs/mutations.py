"""Files that were whole once: some bytes changed, and some cut off."""

from collections.abc import Sequence

from hypothesis import strategies as st


def mutations(seeds: Sequence[bytes]) -> st.SearchStrategy[tuple[bytes, bytes]]:
    """One of the seeds with some of its bytes changed, and the same cut short."""
    changes = st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8
    )
    return st.builds(_mutate, st.sampled_from(seeds), changes, st.integers(0, 10_000))


def _mutate(seed: bytes, changes: list[tuple[int, int]], end: int) -> tuple[bytes, bytes]:
    payload = bytearray(seed)
    for at, value in changes:
        payload[at % len(payload)] = value
    return bytes(payload), bytes(payload[: end % len(payload)])
