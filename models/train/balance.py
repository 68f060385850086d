#!/usr/bin/env python3
"""Does the wording of the questions and answers give their labels away? A bag of words, over groups held out, must not tell them apart: AUC below 0.70.

    balance.py

Only pairs count that the wording could decide: questions whose words are the same in both rows of a pair, with another picture, are left out.
"""

import collections

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from dataset import load

LIMIT = 0.70


def area(texts: list[str], truth: list[bool], groups: list[str]) -> float:
    y, scores = np.array(truth), np.zeros(len(truth))
    for known, unknown in GroupKFold(5).split(texts, y, groups):
        words = TfidfVectorizer(token_pattern=r"(?u)\w+", sublinear_tf=True, min_df=2)
        x = words.fit_transform([texts[i] for i in known])
        found = LogisticRegression(C=1.0, max_iter=500).fit(x, y[known])
        scores[unknown] = found.decision_function(words.transform([texts[i] for i in unknown]))
    return float(roc_auc_score(y, scores))


def main() -> None:
    data = load()
    over = False

    def show(name: str, rows: list[dict], text: str, label: str, limited: bool) -> None:
        nonlocal over
        found = area([r[text] for r in rows], [r[label] for r in rows], [r["norm"] for r in rows])
        lengths = [np.mean([len(r[text]) for r in rows if r[label] is side]) for side in (True, False)]
        over |= limited and found >= LIMIT
        print(f"{name:44s} rows {len(rows):5d}  AUC {found:.3f}  mean length {lengths[0]:.0f} / {lengths[1]:.0f}")

    twins = collections.Counter((q["norm"], q["query"]) for q in data.queries)
    show("questions at stake", [q for q in data.queries if twins[q["norm"], q["query"]] == 1], "query", "at_stake", True)
    for kind in sorted({q["kind"] for q in data.queries} - {"positive", "negative-photo"}):
        groups = {q["group"] for q in data.queries if q["kind"] == kind and "#" in q["group"]}
        show("  against " + kind, [q for q in data.queries if q["group"] in groups and q["kind"] in ("positive", kind)], "query", "at_stake", False)
    # What explains a custom is told by its words, as it should be; among answers that say nothing of it, words must not tell who breaches.
    show("answers that breach, of the unaware", [a for a in data.answers if a["helpful"] and not a["aware"]], "answer", "breaches", True)
    if over:
        raise SystemExit(f"a bag of words tells labels apart: {LIMIT} is the limit")


if __name__ == "__main__":
    main()
