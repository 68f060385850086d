"""The training data: rows written by hand, and label distributions as the picture labeller would give them."""

import glob
import json
import os
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

from features import MODELS

DATA = os.path.join(MODELS, "train", "data")
POLICIES = os.path.join(os.path.dirname(MODELS), "policies")
NORM_KEYS = ("says", "see", "asks", "answers")


@dataclass
class Data:
    norms: dict[str, dict] = field(default_factory=dict)  # id -> country, source (None: a pack), says, see, asks, answers
    queries: list[dict] = field(default_factory=list)
    answers: list[dict] = field(default_factory=list)


def rows(pattern: str) -> list[dict]:
    """All rows of the files; `source` says which set of files a row is from. One hand wrote each set."""
    found = []
    for path in sorted(glob.glob(os.path.join(DATA, pattern))):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    found.append(json.loads(line) | {"source": os.path.basename(path).split("-", 1)[1].removesuffix(".jsonl")})
                except json.JSONDecodeError as error:
                    raise SystemExit(f"{os.path.basename(path)}:{number}: {error}") from None
    return found


def pack_norms() -> list[dict]:
    """Norms of policy packs as they were when the shipped heads were trained: only what they say. Packs change every day; heads do not."""
    with open(os.path.join(DATA, "pack-norms.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def load(packs: bool = True) -> Data:
    data = Data()
    for norm in rows("norms-*.jsonl") + (pack_norms() if packs else []):
        data.norms[norm["id"]] = {"country": norm["country"], "source": norm.get("source"), **{key: norm.get(key) or [] for key in NORM_KEYS}}
    data.queries = [q for q in rows("queries-*.jsonl") if q["norm"] in data.norms]
    data.answers = [a for a in rows("answers-*.jsonl") if a["norm"] in data.norms]
    return data


class Labeller:
    """Samples what the picture labeller says about a photograph of a named thing.

    No photograph is needed: which classes it confuses is in its last layer, whose rows are near for classes that look alike. The logits are
    `sharpness * cosine(row of the class, row of the named class)`, more for the class itself, with noise. With the numbers below the named class comes first in
    80 % of the samples and among the first five in 97 %, with a largest probability of 0.66 on average: somewhat harder than clean photographs of one thing.
    """

    SHARPNESS, LIFT, LIFT_SPREAD, NOISE = 18.0, 9.0, 2.5, 0.6

    def __init__(self, names: list[str]):
        self.index = {}
        for i, name in enumerate(names):
            self.index.setdefault(name.lower(), i)
        rows_ = last_layer()
        rows_ = rows_ - rows_.mean(axis=0)
        rows_ /= np.linalg.norm(rows_, axis=1, keepdims=True)
        self.alike = rows_ @ rows_.T

    def sample(self, name: str, random: np.random.Generator) -> np.ndarray | None:
        label = self.index.get(name.lower())
        if label is None:
            return None
        logits = self.SHARPNESS * self.alike[label] + self.NOISE * random.gumbel(size=1000)
        logits[label] += self.LIFT - self.SHARPNESS + self.LIFT_SPREAD * random.normal()
        weights = np.exp(logits - logits.max())
        return (weights / weights.sum()).astype(np.float32)


def last_layer() -> np.ndarray:
    """The 1000 x 1280 matrix of the labeller's last layer, out of its 8-bit graph."""
    graph = onnx.load(os.path.join(MODELS, "picture-labels", "picture-labels.onnx")).graph
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and constants.get(node.input[0], np.empty(0)).shape == (1000, 1280):
            values, scale = constants[node.input[0]].astype(np.float32), constants[node.input[1]]
            return values * scale.reshape(-1, 1) if scale.size > 1 else values * scale
    raise SystemExit("the labeller's last layer was not found")
