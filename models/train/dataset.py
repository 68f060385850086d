"""The training data: rows written for it, and label distributions as the picture labeller would give them.

The rows stand in two forms: JSON lines, and blocks (README.md beside this file), which hold a norm, pairs of questions that differ in one thing, and answers.
"""

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
KINDS = {"P": "positive", "Np": "negative-photo", "Nc": "negative-country", "Ni": "negative-intent", "Nk": "negative-counter", "Nt": "negative-plain"}
HELD_OUT = ("04", "17", "20", "25")  # files of blocks that no model learns from: for calibration, thresholds and figures
FLAGS = ("breaches", "aware", "educates", "helpful")


@dataclass
class Data:
    norms: dict[str, dict] = field(default_factory=dict)  # id -> country, source (None: a pack), says, see, asks, answers
    queries: list[dict] = field(default_factory=list)
    answers: list[dict] = field(default_factory=list)


def rows(pattern: str) -> list[dict]:
    """All rows of the files; `source` says which set of files a row is from. Each has a manner of its own."""
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


class Block:
    """One norm of a block file with its questions and answers."""

    def __init__(self, head: str, source: str):
        name, *rest = head.removeprefix("@ ").split("|")
        self.id = name.split()[0]
        self.source, self.norm, self.queries, self.answers = source, None, [], []
        if rest:  # the norm stands here itself; the others are norms of packs
            self.norm = {"id": self.id, "country": self.id[:2], "source": source, "domain": rest[0], "strength": rest[1]}
        else:
            self.id = "pack:" + self.id

    def row(self, line: str) -> None:
        first, rest = line.split("|", 1)
        if first in ("S", "SEE", "ASKS", "ANSWERS"):
            key = {"S": "says"}.get(first, first.lower())
            self.norm[key] = rest.strip() if first == "S" else [part.strip() for part in rest.split(";") if part.strip()]
            return
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != 4:
            raise ValueError(f"{len(columns)} columns instead of 4")
        if first == "A":
            _, language, flags, text = columns
            if len(flags) != 4 or any(flag not in ("-", name[0]) for flag, name in zip(flags, FLAGS)):
                raise ValueError(f"the flags are {flags}")
            asked = self.queries[self.positive]
            graded = {name: flag != "-" for name, flag in zip(FLAGS, flags)}
            self.answers.append({**{k: asked[k] for k in ("group", "norm", "query", "picture", "source")}, "language": language, "answer": text, **graded})
            return
        kind, language, picture, text = columns
        kind, _, country = kind.partition(":")
        needed, picture = picture.startswith("*"), picture.lstrip("*").strip()
        if KINDS[kind] == "positive":
            self.positive = len(self.queries)
        self.queries.append({
            "group": f"{self.id}#{self.positive}", "norm": self.id, "country": country or self.id.removeprefix("pack:")[:2], "language": language,
            "query": self.queries[self.positive]["query"] if text == "=" else text, "picture": [] if picture in ("", "-") else [picture.lstrip("~")],
            "at_stake": KINDS[kind] == "positive", "kind": KINDS[kind], "needs_photo": needed, "source": self.source,
        })


def blocks() -> list[Block]:
    """The blocks of `data/blocks`; each file has a manner of its own."""
    found: list[Block] = []
    for path in sorted(glob.glob(os.path.join(DATA, "blocks", "*.txt"))):
        source = os.path.basename(path).removesuffix(".txt")
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(map(str.rstrip, file), 1):
                try:
                    if line.startswith("@ "):
                        found.append(Block(line, source))
                    elif line:
                        found[-1].row(line)
                except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
                    raise SystemExit(f"{path}:{number}: {error!r}") from None
    return found


def pack_norms(older: bool) -> list[dict]:
    """Norms of policy packs as they were when the shipped models were trained: only what they say. Packs change every day; models do not."""
    with open(os.path.join(DATA, "pack-norms-older.jsonl" if older else "pack-norms.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def load(older: bool = False) -> Data:
    """Everything, or only the older rows, from which the heads are trained."""
    data = Data()
    written = [] if older else blocks()
    own = [block.norm for block in written if block.norm]
    for norm in rows("norms-*.jsonl") + own + pack_norms(older):
        data.norms[norm["id"]] = {"country": norm["country"], "source": norm.get("source"), **{key: norm.get(key) or [] for key in NORM_KEYS}}
    data.queries = [q for q in rows("queries-*.jsonl") + [q for block in written for q in block.queries] if q["norm"] in data.norms]
    data.answers = [a for a in rows("answers-*.jsonl") + [a for block in written for a in block.answers] if a["norm"] in data.norms]
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
