#!/usr/bin/env python3
"""Measures the shipped heads on questions with real photographs, and on the cases of the policy packs.

    COMITY_EVAL_DATA=DIR evaluate.py [--cache FILE]

DIR holds dev.jsonl and photos/; nothing in it is ever trained on. Without the variable that part is skipped. A question's candidates are the norms that
dev.jsonl states for its country; they come without `see`, `asks` and `answers`, so the threshold is the one for norms without lists. The pack cases have all lists, and pictures by name only. The best
untrained ranking stands beside the head: the similarity of the question (with the picture's labels) and the norm, centred.
"""

import argparse
import collections
import glob
import json
import os
import tomllib

import numpy as np
from PIL import Image, ImageOps
from sklearn.metrics import roc_auc_score

import features
import measure
from dataset import POLICIES
from features import MODELS, PASSAGE, Encoder, Labels, Norm, Turn, near
from forms import ANSWER_HEAD

ALARMS = 0.08


class Photographs:
    """The picture-labels bundle on real files."""

    def __init__(self, folder: str):
        self.folder, self.seen = folder, {}
        self.session = features.session(os.path.join(MODELS, "picture-labels", "picture-labels.onnx"))

    def distribution(self, name: str) -> np.ndarray:
        if name not in self.seen:
            with Image.open(os.path.join(self.folder, name)) as picture:
                logits = self.session.run(["logits"], {"image": prepare(picture)})[0][0]
            weights = np.exp(logits - logits.max())
            self.seen[name] = weights / weights.sum()
        return self.seen[name]


def prepare(picture: Image.Image, size: int = 260, fraction: float = 0.875) -> np.ndarray:
    """The preprocessing of picture-labels/model.toml."""
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    scale = size / fraction / min(picture.size)
    picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.BICUBIC)
    left, top = ((side - size) // 2 for side in picture.size)
    pixels = np.asarray(picture.crop((left, top, left + size, top + size)), np.float32)
    return pixels.transpose(2, 0, 1)[None]


class Judge:
    """The shipped bundles."""

    def __init__(self, cache: str | None):
        self.encoder = Encoder(cache)
        self.labels = Labels(self.encoder)
        self.toml, self.session, self.centre = {}, {}, {}
        for head in ("norm-head", "answer-head"):
            folder = os.path.join(MODELS, head)
            with open(os.path.join(folder, "model.toml"), "rb") as file:
                self.toml[head] = tomllib.load(file)
            self.session[head] = features.session(os.path.join(folder, head + ".onnx"))
            self.centre[head] = np.fromfile(os.path.join(folder, "centre.f32"), "<f4")
        self.norms: dict[str, Norm] = {}

    def norm(self, says: str, see=(), asks=(), answers=()) -> Norm:
        if says not in self.norms:
            self.norms[says] = Norm(says, list(see), list(asks), list(answers), self.encoder, self.labels)
        return self.norms[says]

    def at_stake(self, turn: Turn, norms: list[Norm]) -> np.ndarray:
        many = np.ones((len(norms), 1), np.float32)
        evidence = [features.norm_evidence(turn, n, self.centre["norm-head"]) for n in norms]
        inputs = {"query": turn.query * many, "scene": turn.scene * many, "scene_middle": turn.scene_middle * many,
                  "norm": np.stack([n.embedding for n in norms]), "evidence": np.array(evidence, np.float32)}
        return self.session["norm-head"].run(None, inputs)[0]

    def answer(self, turn: Turn, norm: Norm, text: str) -> dict[str, float]:
        embedding, middle = self.encoder(PASSAGE, text), self.encoder.middle(PASSAGE, text)
        evidence = features.answer_evidence(turn, norm, embedding, self.centre["answer-head"])
        inputs = {"query": turn.scene[None], "answer": embedding[None], "norm": norm.embedding[None],
                  "answer_middle": middle[None], "evidence": np.array([evidence], np.float32)}
        return dict(zip(ANSWER_HEAD.outputs, (float(v[0]) for v in self.session["answer-head"].run(list(ANSWER_HEAD.outputs), inputs))))


class Table:
    """One line for each item and norm, and the figures made from them."""

    def __init__(self):
        self.head, self.untrained, self.right, self.item = [], [], [], []
        self.tags: dict[int, set[str]] = {}
        self.positive: set[int] = set()

    def add(self, judge: Judge, turn: Turn, norms: list[Norm], right: list[bool], tags: set[str], positive: bool) -> None:
        item = len(self.tags)
        self.tags[item] = tags
        if positive:
            self.positive.add(item)
        self.head.extend(judge.at_stake(turn, norms))
        self.untrained.extend((turn.scene, n.embedding) for n in norms)
        self.right.extend(right)
        self.item.extend([item] * len(norms))

    def print(self, threshold: float) -> dict:
        right, items = np.array(self.right), np.array(self.item)
        scenes, norms = (np.array([pair[k] for pair in self.untrained]) for k in (0, 1))
        means = scenes.mean(axis=0), norms.mean(axis=0)
        a, b = scenes - means[0], norms - means[1]
        plain = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        rows = {}
        for name, scores, limit in (("untrained", plain, None), ("head", np.array(self.head), threshold), ("head, at 8 % alarms", np.array(self.head), None)):
            tops = measure.best(scores, right, items)
            limit = measure.threshold_for(tops, self.positive, ALARMS) if limit is None else limit
            rows[name] = measure.figures(tops, self.positive, limit)
            line(name, rows[name])
            if name == "head":
                for tag in sorted(set().union(*self.tags.values())):
                    line("    " + tag, measure.figures(tops, self.positive, limit, {i for i, t in self.tags.items() if tag in t}))
                best = np.array([s for s, _ in tops.values()])
                truth = np.array([bool(r) for _, r in tops.values()])
                print(f"  calibration error of the best norm's probability: {measure.calibration_error(best, truth):.3f}")
        return rows


def line(name: str, f: dict) -> None:
    cell = lambda v: "    - " if v != v else f"{v:6.3f}"
    print(f"  {name:36s} items {f['items']:4d}  first {cell(f['first'])}  recall {cell(f['recall'])}  alarms {cell(f['alarms'])}  AUC {cell(f['auc'])}")


def questions(judge: Judge, folder: str) -> None:
    with open(os.path.join(folder, "dev.jsonl"), encoding="utf-8") as file:
        rows = [json.loads(text) for text in file]
    here = collections.defaultdict(list)
    for row in rows:
        if row["norm"] and row["norm"] not in here[row["country"]]:
            here[row["country"]].append(row["norm"])
    photographs, table = Photographs(os.path.join(folder, "photos")), Table()
    scores = collections.defaultdict(list)
    for row in rows:
        pictures = [photographs.distribution(row["photo"])] if row["photo"] else []
        turn = Turn(row["query"], pictures, judge.encoder, judge.labels)
        if names := here[row["country"]]:
            tags = {row["kind"], "in English" if row["language"] == "en" else "in other languages"}
            if row["needs_photo"] and row["at_stake"]:
                tags.add("positive that needs the photo")
            right = [bool(row["at_stake"]) and any(k.lower() in n.lower() for k in row["norm_keywords"]) for n in names]
            table.add(judge, turn, [judge.norm(n) for n in names], right, tags, bool(row["at_stake"]))
        for answer in (row.get("answers") or []) if row["norm"] else []:
            found = judge.answer(turn, judge.norm(row["norm"]), answer["text"])
            plain = near(judge.encoder(PASSAGE, answer["text"]), judge.norm(row["norm"]).embedding, judge.centre["answer-head"])
            for output, p in found.items():
                if isinstance(answer.get(output), bool):
                    scores[output].append((p, answer[output], plain))
    print(f"dev.jsonl: {len(table.tags)} questions with real photographs; the norms come without lists")
    table.print(judge.toml["norm-head"]["figures"]["threshold_without_lists"])
    print("dev.jsonl: answers, with their own norm")
    for output, found in scores.items():
        p, y, plain = (np.array(column, float) for column in zip(*found))
        untrained = max(roc_auc_score(y, plain), roc_auc_score(y, -plain))
        limit = judge.toml["answer-head"]["threshold"][output]
        print(f"  {output:9s} {len(y)} answers  AUC {roc_auc_score(y, p):.3f}  untrained {untrained:.3f}  at the threshold {limit}: "
              f"recall {(p >= limit)[y == 1].mean():.3f}  alarms {(p >= limit)[y == 0].mean():.3f}  calibration error {measure.calibration_error(p, y):.3f}")


def pack_cases(judge: Judge) -> None:
    packs = {}
    for path in sorted(glob.glob(os.path.join(POLICIES, "[A-Z][A-Z].toml"))):
        with open(path, "rb") as file:
            pack = tomllib.load(file)
        packs[pack["country"]] = pack.get("norm", [])
    norms = {c: [judge.norm(n["says"]["en"], n.get("see", ()), n.get("asks", ()), n.get("answers", ())) for n in found] for c, found in packs.items()}
    table = Table()
    for country, found in packs.items():
        for index, norm in enumerate(found):
            for case in norm.get("case", []):
                where = case.get("country", country)
                if not norms.get(where):
                    continue
                pictures = [judge.labels.named(name) for name in case.get("picture", [])]
                turn = Turn(case["query"], pictures, judge.encoder, judge.labels)
                right = [where == country and k == index and case["at_stake"] for k in range(len(norms[where]))]
                tags = {"in English" if case["language"] == "en" else "in other languages", "pack " + country}
                table.add(judge, turn, norms[where], right, tags, case["at_stake"])
    if table.tags:
        print(f"policy packs: {len(table.tags)} cases, {sum(map(len, norms.values()))} norms with their lists, pictures by name")
        table.print(judge.toml["norm-head"]["threshold"])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cache")
    judge = Judge(arguments.parse_args().cache)
    folder = os.environ.get("COMITY_EVAL_DATA")
    if folder:
        questions(judge, folder)
    else:
        print("dev.jsonl: skipped, COMITY_EVAL_DATA is not set")
    pack_cases(judge)
    judge.encoder.save()


if __name__ == "__main__":
    main()
