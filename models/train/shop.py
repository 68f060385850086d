"""What every training starts from: the data, the encoder, the labels, each norm with its vectors, and which norms a country has."""

import collections

import numpy as np

from dataset import Data, Labeller
from features import Encoder, Labels, Norm, near

SAME_CUSTOM = 0.5  # two norms of a country nearer than this may say the same; none is a negative for the other


class Shop:
    def __init__(self, data: Data, cache: str | None, threads: int = 1):
        self.data, self.encoder = data, Encoder(cache, threads)
        self.labels = Labels(self.encoder)
        self.labeller = Labeller(self.labels.names)
        self.norms = {k: Norm(n["says"], n["see"], n["asks"], n["answers"], self.encoder, self.labels) for k, n in data.norms.items()}
        self.here = collections.defaultdict(list)
        for name, norm in data.norms.items():
            self.here[norm["country"]].append(name)

    def country(self, norm: str) -> str:
        return self.data.norms[norm]["country"]

    def distinct(self, norm: str, other: str, centre) -> bool:
        return near(self.norms[norm].embedding, self.norms[other].embedding, centre) < SAME_CUSTOM

    def pictures(self, row: dict, draw: np.random.Generator) -> tuple[list[np.ndarray], list[str]]:
        """Label distributions, and the names of things that the labeller does not know: it then says what is nearest, less surely."""
        found, unknown = [], []
        for name in row["picture"] or []:
            known = self.labeller.index.get(name.lower())
            label = int(self.labels.named(name).argmax()) if known is None else known
            distribution = self.labeller.sample(self.labels.names[label], draw)
            if known is None:
                distribution = distribution**0.7 / (distribution**0.7).sum()
                unknown.append(name)
            found.append(distribution)
        return found, unknown
