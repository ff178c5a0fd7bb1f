"""Two row ids of one 64-bit hash, for whoever must tell them apart."""

from __future__ import annotations


def colliding_ids() -> list[str]:
    """Return two ids of 16 characters with one 64-bit hash: the last word undoes the first."""
    prime, word = 0x9E3779B97F4A7C15, (1 << 64) - 1
    inverse = pow(prime, -1, 1 << 64)

    def mix(state: int) -> int:
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & word
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & word
        return state ^ (state >> 31)

    def first(text: str) -> int:
        start = mix(16 * prime & word)
        return mix(start ^ (int.from_bytes(text.encode(), "little") * prime & word))

    one, last = "aaaaaaaa", int.from_bytes(b"bbbbbbbb", "little") * prime & word
    for number in range(100_000):
        other = f"{number:08d}"
        wanted = ((first(one) ^ first(other) ^ last) * inverse & word).to_bytes(8, "little")
        if all(32 <= byte < 127 for byte in wanted):
            return [f"{one}bbbbbbbb", other + wanted.decode()]
    raise AssertionError("no second id was found")
