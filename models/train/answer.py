#!/usr/bin/env python3
"""Trains the answer model, which reads a question, a piece of an answer and a norm together, and writes its bundle (README.md beside this file).

    answer.py [--epochs N] [--out DIR] [--cache FILE]

It is made as pair.py makes the pair model: the encoder's lower layers read the three texts apart, its last four are trained to read on over all of them.
"""

import collections
import math
import os
import random
import re
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score

import bundle
import features
import measure
from dataset import FLAGS, HELD_OUT, load
from features import PASSAGE, QUERY, Turn, answer_evidence, scene_text
from forms import platt
from reading import HIDDEN, Learning, Reader, Weights, collate, export, graph_logits, last_layer, learn, options, split
from shop import Shop

SAMPLES = 2      # label distributions drawn for each answer to a question with a picture
UNIT = 6         # answers by one norm that are learned side by side
UNITS = 3        # units in a step
OTHER, OTHERS = 0.5, 0.3  # weight of a norm of the same country that an answer is not about, and how often there is one
BEGINNING = 0.3  # how often only the first sentence of a harmless answer is read: as the program does while the answer comes
ORDER = 0.5      # weight of "the answer that breaches before the one that does not"
MISSED = 2       # alarms that weigh as much as a breach that is missed: an alarm costs a call of the model, which is asked to change as little as it can
SENTENCE = re.compile(r".+?(?:[.!?؟।።]+[\"'»”’)]*\s+|[。！？]+[」』”]*|$)", re.DOTALL)


def windows(answer: str) -> list[str]:
    """The pieces that the program judges, about: each sentence with the one before it."""
    sentences = [s.strip() for s in SENTENCE.findall(answer.strip()) if s.strip()]
    return [" ".join(sentences[max(0, i - 1) : i + 1]) for i in range(len(sentences))]


@dataclass
class Example:
    """A graded answer with one draw of what the question's pictures show."""

    number: int
    row: dict
    turn: Turn
    scene: str
    others: list[str]   # the other norms of the country


class Workshop(Shop):
    """The centre of passages, and the examples."""

    def __init__(self, data, cache: str | None):
        super().__init__(data, cache, threads=2)
        self.centre = np.mean([self.encoder(PASSAGE, a["answer"]) for a in data.answers], axis=0).astype("<f4")

    def examples(self, few: bool) -> list[Example]:
        """All of them, or what is held out and a few others: enough to write the bundle of weights that are there."""
        draw, found = np.random.default_rng(1), []
        for number, row in enumerate(self.data.answers):
            if few and row["source"] not in HELD_OUT and number % 40:
                continue
            others = [n for n in self.here[self.country(row["norm"])] if n != row["norm"] and self.distinct(row["norm"], n, self.centre)]
            for _ in range(SAMPLES if row["picture"] else 1):
                pictures, _ = self.pictures(row, draw)
                scene = scene_text(row["query"], self.labels.names, pictures)
                self.encoder.states(QUERY, scene)
                for piece in {row["answer"], *windows(row["answer"])}:
                    self.encoder.states(PASSAGE, piece)
                found.append(Example(number, row, Turn(row["query"], pictures, self.encoder, self.labels), scene, others))
        return found

    def read(self, example: Example, norm: str, piece: str, lists: bool = True) -> list:
        evidence = answer_evidence(example.turn, self.norms[norm], self.encoder(PASSAGE, piece), self.centre, lists)
        states = self.encoder.states
        return [states(QUERY, example.scene), states(PASSAGE, piece), states(PASSAGE, self.data.norms[norm]["says"]), evidence]


def units(examples: list[Example], rng: random.Random) -> list[list[list[Example]]]:
    """Steps of a few units each; a unit is answers that are about one norm."""
    norms = collections.defaultdict(lambda: collections.defaultdict(list))
    for e in examples:
        norms[e.row["norm"]][e.number].append(e)
    found = []
    for answers in norms.values():
        drawn = [rng.choice(samples) for samples in answers.values()]
        rng.shuffle(drawn)
        drawn.sort(key=lambda e: e.row["query"])  # answers to one question stay together
        found += [drawn[i : i + UNIT] for i in range(0, len(drawn), UNIT)]
    rng.shuffle(found)
    return [found[i : i + UNITS] for i in range(0, len(found), UNITS)]


def train(shop: Workshop, reader: Reader, examples: list[Example], epochs: float, each=None) -> None:
    rng = random.Random(2)
    learning = Learning(reader, math.ceil(epochs * len(units(examples, rng))))
    while learning.done < learning.total:
        for step in units(examples, rng)[: learning.total - learning.done]:
            rows, truth, weight, order = [], [], [], []
            for unit in step:
                lists, bad, good = rng.random() < 0.75, [], []
                for e in unit:
                    flags, piece, grade = [float(e.row[name]) for name in FLAGS], e.row["answer"], [1.0] * len(FLAGS)
                    pieces = windows(piece)
                    if not e.row["breaches"] and len(pieces) > 1 and rng.random() < BEGINNING:
                        piece, grade = pieces[0], [1.0, 0.0, 0.0, 0.0]  # what the whole shows, its beginning need not
                    (bad if e.row["breaches"] else good).append(len(rows))
                    rows.append(shop.read(e, e.row["norm"], piece, lists))
                    truth.append(flags)
                    weight.append(grade)
                    if e.others and rng.random() < OTHERS:
                        rows.append(shop.read(e, rng.choice(e.others), piece, lists))
                        truth.append([0.0, 0.0, 0.0, flags[3]])
                        weight.append([OTHER * g for g in grade])
                order += [(b, g) for b in bad for g in good]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = reader(*collate(rows))
            logits, weight = logits.float(), torch.tensor(weight)
            loss = (F.binary_cross_entropy_with_logits(logits, torch.tensor(truth), reduction="none") * weight).sum() / weight.sum()
            if order:
                b, g = (list(side) for side in zip(*order))
                loss = loss + ORDER * F.softplus(logits[g, 0] - logits[b, 0]).mean()
            learning.step(loss)
            if each and learning.done % 1000 == 0:
                each()


def told(shop: Workshop, say, examples: list[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Logits and truths of whole answers, as the program sees them: the largest over the pieces."""
    logits, truths, seen = [], [], set()
    for e in examples:
        if e.number not in seen:
            seen.add(e.number)
            pieces = windows(e.row["answer"])
            logits.append(np.max(say([shop.read(e, e.row["norm"], piece) for piece in pieces]), axis=0))
            truths.append([e.row[name] for name in FLAGS])
    return np.array(logits), np.array(truths, bool)


def by_norm(shop: Workshop, say, examples: list[Example]) -> dict[str, float]:
    """How often an answer says more of its own norm than of another one, where it says it of its own: what reading the norm adds to reading the answer."""
    rng, wins = random.Random(4), collections.defaultdict(list)
    for e in {e.number: e for e in examples if e.others}.values():
        own, other = say([shop.read(e, norm, e.row["answer"]) for norm in (e.row["norm"], rng.choice(e.others))])
        for k, name in enumerate(FLAGS[:3]):
            if e.row[name]:
                wins[name].append(own[k] > other[k])
    return {name: round(float(np.mean(won)), 3) for name, won in wins.items()}


def aucs(logits: np.ndarray, truths: np.ndarray) -> dict[str, float]:
    return {name: round(float(roc_auc_score(truths[:, k], logits[:, k])), 3) for k, name in enumerate(FLAGS)}


TEXTS, OUTPUTS = ["scene", "answer", "norm"], list(FLAGS)


def feed(row: list) -> dict:
    *texts, evidence = row
    return dict(zip(TEXTS, texts)) | {"evidence": np.array([evidence], np.float32)}


def write(shop: Workshop, reader: Reader, learned: list[Example], kept: list[Example], answers: int, out: str) -> None:
    """Quantises, calibrates on the files held out, writes the bundle, and prints what is held out of it."""
    folder = os.path.join(out, "answer-model")
    os.makedirs(folder, exist_ok=True)
    path, epsilon = os.path.join(folder, "answer-model.onnx"), Weights().epsilon
    feeds = [feed(shop.read(e, e.row["norm"], e.row["answer"])) for e in random.Random(3).sample(learned, 64)]
    weights, offsets = last_layer(reader)
    export(reader, epsilon, TEXTS, OUTPUTS, (weights, offsets), feeds, path, "answer-model")
    logits, truths = told(shop, graph_logits(path, OUTPUTS, feed), kept)
    print("  in 8 bits:", aucs(logits, truths), flush=True)
    lines = [platt(logits[:, k], truths[:, k]) for k in range(len(OUTPUTS))]
    slopes, shifts = (np.array(column) for column in zip(*lines))
    export(reader, epsilon, TEXTS, OUTPUTS, (weights * slopes, offsets * slopes + shifts), feeds, path, "answer-model")
    p = 1 / (1 + np.exp(-(logits * slopes + shifts)))
    threshold = round(1 / (1 + MISSED), 3)
    flagged = p[:, 0] >= threshold
    rows = [e.row for e in {e.number: e for e in kept}.values()]
    languages = {}
    for language in sorted({row["language"] for row in rows}):
        of = np.array([row["language"] == language for row in rows])
        if truths[of, 0].any() and not truths[of, 0].all():
            languages[language] = {"answers": int(of.sum()), "auc": round(float(roc_auc_score(truths[of, 0], p[of, 0])), 2)}
    figures = {
        "held_out_auc": aucs(logits, truths), "own_norm_before_another": by_norm(shop, graph_logits(path, OUTPUTS, feed), kept),
        "held_out_breaches": {"recall": round(float(flagged[truths[:, 0]].mean()), 3), "alarms": round(float(flagged[~truths[:, 0]].mean()), 3)},
        "calibration_error": {name: round(measure.calibration_error(p[:, k], truths[:, k]), 4) for k, name in enumerate(OUTPUTS)},
        "breaches_by_language": languages, "answers": answers, "held_out": len(rows),
    }
    shop.centre.tofile(os.path.join(folder, "centre.f32"))
    table = ["", "[threshold]", f"breaches = {threshold}", *(f"{name} = 0.5" for name in OUTPUTS[1:])]
    shapes = {text: [text[0].upper(), HIDDEN] for text in TEXTS} | {"evidence": [1, len(features.ANSWER_FEATURES)]}
    bundle.described(folder, "answer-model", {"features": features.ANSWER_FEATURES}, table, ["answer-model.onnx", "centre.f32"], shapes, {name: [1] for name in OUTPUTS},
                     "layers 9 to 12 of the text encoder over the three texts, and evidence", "train/answer.py", figures, shop.encoder.stamp)
    print("  threshold", threshold, figures, flush=True)


def main() -> None:
    chosen, start = options(__doc__, epochs=3), time.time()
    shop = Workshop(load(), chosen.cache)
    examples = shop.examples(few=chosen.trained)
    shop.encoder.save()
    unseen = {row["norm"] for row in shop.data.queries + shop.data.answers if row["source"] in HELD_OUT}
    learned, kept = split(examples, unseen)
    answers = sum(row["norm"] not in unseen for row in shop.data.answers)
    print(f"{answers} answers, {len({e.number for e in kept})} held out; read in {time.time() - start:.0f} s", flush=True)
    reader = Reader(len(TEXTS), len(features.ANSWER_FEATURES), len(OUTPUTS))
    report = lambda: print("  held out:", aucs(*told(shop, reader.say, kept)), by_norm(shop, reader.say, kept), flush=True)
    learn(reader, chosen, lambda: train(shop, reader, learned, chosen.epochs, report), report)
    write(shop, reader, learned, kept, answers, chosen.out)
    print(f"{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
