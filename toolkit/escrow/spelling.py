"""How a recovery key is said on the telephone: the French spelling alphabet, for its sixteen letters."""

from __future__ import annotations

WORDS = {
    "b": "Berthe",
    "c": "Célestin",
    "d": "Désiré",
    "e": "Eugène",
    "f": "François",
    "g": "Gaston",
    "h": "Henri",
    "i": "Irma",
    "j": "Joseph",
    "k": "Kléber",
    "l": "Louis",
    "n": "Nicolas",
    "r": "Raoul",
    "t": "Thérèse",
    "u": "Ursule",
    "v": "Victor",
}
GROUP = 8


def groups(key: str) -> list[tuple[str, str]]:
    """Return each group of eight signs of a key, and the words for them; a sign without a word is said as it is."""
    parts = [key[start : start + GROUP] for start in range(0, len(key), GROUP)]
    return [(part, " ".join(WORDS.get(sign, sign) for sign in part)) for part in parts]
