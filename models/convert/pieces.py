"""Which pieces of the vocabulary are kept: the likeliest, every single character, and the marks of the format."""

import numpy as np

LIKELIEST = 100_000


def kept(model) -> list[int]:
    """The kept ids in the package's order; a piece's place in this list is its id in the bundle."""
    first = 4  # <s> <pad> </s> <unk> open the vocabulary
    likeliest = np.argsort(-np.asarray(model.scores, np.float64)[first:])[:LIKELIEST] + first
    single = (i for i, piece in enumerate(model.pieces) if len(piece.replace("\u2581", "")) <= 1)
    return [i for i in sorted({*range(first), *likeliest.tolist(), *single}) if model.pieces[i] != "<mask>"]
