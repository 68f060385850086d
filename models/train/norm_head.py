#!/usr/bin/env python3
"""Trains the norm head and writes its bundle (README.md beside this file).

    norm_head.py [--cache FILE] [--out DIR] [--curve]

--cache keeps embeddings between runs, --out writes elsewhere than models/, --curve also prints how the figures grow with the data.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread: the same sums in the same order, run after run
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import collections
import time
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

import bundle
import features
import measure
from dataset import Data, load
from features import MODELS, QUERY, Turn
from forms import EMBEDDINGS, OUTPUT, WIDTH, Fitted, Form, design, export, fit, platt
from shop import Shop

ALARMS = 0.08        # the share of harmless questions that may be flagged
SAMPLES = 3          # label distributions drawn for each question with a picture
OTHER = 0.5          # weight of a norm of the same country that the question is not about

FORMS = [
    Form("cosines and evidence, logistic", ("cosines", "evidence")),
    Form("+ intent, logistic", ("cosines", "evidence", "scene_middle"), 0, 0.003),
    Form("+ intent and scene, logistic", ("cosines", "evidence", "scene_middle", "scene", "scene-query")),
    Form("+ intent and products, logistic", ("cosines", "evidence", "scene_middle", "scene*norm")),
    Form("+ intent, networks", ("cosines", "evidence", "scene_middle"), 48, 1.0),
]


@dataclass
class Pairs:
    """Rows for the head: its inputs, what they are worth, and where they come from."""

    inputs: dict[str, np.ndarray]
    y: np.ndarray         # the norm is at stake
    weight: np.ndarray
    item: np.ndarray      # number of the question
    fold: np.ndarray      # bit k is set: the question or the norm is of fold k
    home: np.ndarray      # the same for the row's own norm: what must be unseen when the question is judged
    own: np.ndarray       # the norm is the one the row was written for
    listed: np.ndarray    # the norm's `see` and `asks` are used
    judged: np.ndarray    # counts in the figures


class Workshop(Shop):
    """Centres and folds, too."""

    def __init__(self, data: Data, cache: str | None):
        super().__init__(data, cache)
        queries = [q["query"] for q in data.queries]
        encode = self.encoder
        self.centres = {
            "query": np.mean([encode(QUERY, q) for q in queries], axis=0),
            "scene_middle": np.mean([encode.middle(QUERY, q) for q in queries], axis=0),
            "norm": np.mean([n.embedding for n in self.norms.values()], axis=0),
        }
        self.fold_of = {source: k for k, source in enumerate(sorted({row["source"] for row in data.queries}))}

    def others(self, norm: str, country: str) -> list[str]:
        return [n for n in self.here[country] if n != norm and self.distinct(norm, n, self.centres["norm"])]

    def turn(self, query: str, picture: list[str] | None, random: np.random.Generator) -> Turn:
        sampled = [self.labeller.sample(name, random) for name in picture or []]
        return Turn(query, [p for p in sampled if p is not None], self.encoder, self.labels)

    def bits(self, row: dict, norm: str) -> int:
        sources = {row["source"], self.data.norms[norm]["source"]} - {None}
        return sum(1 << self.fold_of[source] for source in sources)


class Rows:
    """Collects the columns of Pairs."""

    def __init__(self):
        self.columns = collections.defaultdict(list)

    def add(self, inputs: dict, **rest) -> None:
        for name, value in [*(("in " + k, v) for k, v in inputs.items()), *rest.items()]:
            self.columns[name].append(value)

    def pairs(self) -> Pairs:
        arrays = {k: np.array(v, np.float32) if k.startswith("in ") else np.array(v) for k, v in self.columns.items()}
        inputs = {k[3:]: v for k, v in arrays.items() if k.startswith("in ")}
        return Pairs(inputs, **{k: v for k, v in arrays.items() if k[:3] != "in "})


def norm_pairs(shop: Workshop) -> Pairs:
    """Each question with its own norm, and with the other norms of the country where it is set."""
    rows, random = Rows(), np.random.default_rng(1)
    for item, q in enumerate(shop.data.queries):
        others = shop.others(q["norm"], q["country"])
        samples = SAMPLES if q["picture"] else 1
        for sample in range(samples):
            turn = shop.turn(q["query"], q["picture"], random)
            for name in [q["norm"], *others]:
                norm, own = shop.norms[name], name == q["norm"]
                at_home = shop.country(name) == q["country"]
                for listed in (True, False):
                    rows.add(
                        {"query": turn.query, "scene": turn.scene, "norm": norm.embedding, "scene_middle": turn.scene_middle,
                         "evidence": features.norm_evidence(turn, norm, shop.centres["query"], listed)},
                        y=own and q["at_stake"], weight=(1.0 if own else OTHER) / samples / 2, item=item, own=own, listed=listed,
                        fold=shop.bits(q, name), home=shop.bits(q, q["norm"]),
                        judged=at_home and sample == 0,
                    )
    return rows.pairs()


def held_out(form: Form, pairs: Pairs, centres: dict, train=None) -> np.ndarray:
    """Logits for every row from a model that saw nothing that the same hand wrote: neither its questions nor its norms."""
    x, logits = design(form, pairs.inputs, centres), np.zeros(len(pairs.item))
    for home in np.unique(pairs.home):
        known, unknown = pairs.fold & home == 0, pairs.home == home
        if train is not None:
            known &= train
        logits[unknown] = fit(form, x[known], pairs.y[known], pairs.weight[known]).logits(x[unknown])
    return logits


def calibrate(pairs: Pairs, logits: np.ndarray) -> tuple[tuple[float, float], np.ndarray]:
    """Platt's two numbers from the held-out rows that occur in use, and the probabilities they give."""
    use = pairs.judged
    slope, offset = platt(logits[use], pairs.y[use])
    return (slope, offset), 1 / (1 + np.exp(-(slope * logits + offset)))


def stake_figures(pairs: Pairs, scores: np.ndarray, listed: bool, threshold: float | None = None) -> dict:
    use = pairs.judged & (pairs.listed == listed)
    y = pairs.y
    positive = set(pairs.item[y].tolist())
    tops = measure.best(scores[use], y[use], pairs.item[use])
    limit = measure.threshold_for(tops, positive, ALARMS) if threshold is None else threshold
    own = use & pairs.own
    return {**measure.figures(tops, positive, limit), "threshold": limit, "own": float(roc_auc_score(y[own], scores[own]))}


def show(name: str, f: dict) -> None:
    print(f"  {name:52s} first {f['first']:.3f}  recall {f['recall']:.3f}  alarms {f['alarms']:.3f}  AUC {f['auc']:.3f}  own norm {f['own']:.3f}", flush=True)


def rounded(f: dict) -> dict:
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in f.items()}


def train(shop: Workshop, out: str, curve: bool) -> None:
    pairs = norm_pairs(shop)
    print(f"norm head: {len(pairs.item)} rows of {len(shop.data.queries)} questions and {len(shop.norms)} norms; held out by source")
    tried = []
    for form in FORMS:
        logits = held_out(form, pairs, shop.centres)
        both = stake_figures(pairs, logits, True), stake_figures(pairs, logits, False)
        tried.append((both[0]["auc"] + both[1]["auc"] + both[0]["recall"] + both[1]["recall"], form, logits))
        show(form.name, both[0])
        show("    without see and asks", both[1])
    _, form, logits = max(tried, key=lambda t: t[0])
    if curve:
        learning_curve(shop, pairs, form)
    numbers, p = calibrate(pairs, logits)
    with_lists = stake_figures(pairs, p, True)
    threshold = round(with_lists["threshold"], 3)
    bare = round(stake_figures(pairs, p, False)["threshold"], 3)
    use = pairs.judged & pairs.listed
    figures = {
        "held_out": rounded(stake_figures(pairs, p, True, threshold)),
        "threshold_without_lists": bare,  # where no norm in force has `see` or `asks`, this one gives the same share of false alarms
        "held_out_without_lists": rounded(stake_figures(pairs, p, False, bare)),
        "calibration_error": round(measure.calibration_error(p[use], pairs.y[use]), 4),
        "questions": len(shop.data.queries), "norms": len(shop.norms),
    }
    x = design(form, pairs.inputs, shop.centres)
    model = fit(form, x, pairs.y, pairs.weight)
    model.platt = numbers
    folder = os.path.join(out, "norm-head")
    os.makedirs(folder, exist_ok=True)
    export(form, model, shop.centres, os.path.join(folder, "norm-head.onnx"))
    shop.labels.matrix.tofile(os.path.join(folder, "label-embeddings.f16"))
    shop.centres["query"].astype("<f4").tofile(os.path.join(folder, "centre.f32"))
    files = ["norm-head.onnx", "label-embeddings.f16", "centre.f32"]
    shapes = {name: ["N", WIDTH] for name in EMBEDDINGS} | {"evidence": ["N", len(features.NORM_FEATURES)]}
    bundle.described(folder, "norm-head", {"features": features.NORM_FEATURES, "threshold": threshold}, [], files, shapes, {OUTPUT: ["N"]}, form.name,
                     "train/norm_head.py", figures, shop.encoder.stamp)
    check(folder, pairs, model, x)
    print("  chosen:", form.name, "threshold", threshold, figures)


def learning_curve(shop: Workshop, pairs: Pairs, form: Form) -> None:
    """The same figures when only a part of the countries may be learned from."""
    countries = sorted({shop.country(q["norm"]) for q in shop.data.queries})
    order = np.random.default_rng(3).permutation(len(countries))
    of_item = np.array([shop.country(q["norm"]) for q in shop.data.queries])[pairs.item]
    for part in (0.25, 0.5, 0.75, 1.0):
        chosen = {countries[i] for i in order[: round(part * len(countries))]}
        known = np.isin(of_item, sorted(chosen))
        logits = held_out(form, pairs, shop.centres, known)
        show(f"{part:.0%} of the countries ({len(np.unique(pairs.item[known]))} questions)", stake_figures(pairs, logits, True))


def check(folder: str, pairs: Pairs, model: Fitted, x: np.ndarray) -> None:
    """The exported graph says what the fitted model says."""
    session = features.session(os.path.join(folder, "norm-head.onnx"))
    found = session.run([OUTPUT], {k: v[:200] for k, v in pairs.inputs.items()})[0]
    gap = float(np.abs(found - model.probabilities(x[:200])).max())
    if gap > 1e-4:
        raise SystemExit(f"the graph is {gap} away from the model")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cache")
    arguments.add_argument("--out", default=MODELS)
    arguments.add_argument("--curve", action="store_true")
    options = arguments.parse_args()
    start = time.time()
    shop = Workshop(load(older=True), options.cache)
    shop.encoder.save()
    train(shop, options.out, options.curve)
    shop.encoder.save()
    print(f"{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
