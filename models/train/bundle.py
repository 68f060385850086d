"""Writes a head's model.toml."""

import os

from features import MODELS, sha256
from forms import WIDTH, Head

COMMENTS = {
    "norm-head": "# The norm head: is this norm at stake in this question and its pictures? FEATURES.md defines its inputs; train/train.py made it.",
    "answer-head": "# The answer head: does this answer breach the norm, know it, explain it, help? FEATURES.md defines its inputs; train/train.py made it.",
}


def value(x) -> str:
    if isinstance(x, bool):
        return str(x).lower()
    if isinstance(x, str):
        return '"' + x + '"'
    if isinstance(x, (list, tuple)):
        return "[" + ", ".join(value(v) for v in x) + "]"
    if isinstance(x, dict):
        return "{ " + ", ".join(f"{k} = {value(v)}" for k, v in x.items()) + " }"
    return str(x)


def write(folder: str, head: Head, files: list[str], features: list[str], threshold, form: str, figures: dict, encoder: str) -> None:
    inputs = [*head.embeddings, "evidence"]
    shapes = [["N", WIDTH]] * len(head.embeddings) + [["N", head.evidence]]
    lines = [
        COMMENTS[head.name], "format = 1", f'kind = "{head.name}"', f'name = "comity-{head.name}"', 'version = "1"', 'licence = "Apache-2.0"',
        f"features = {value(features)}",
    ]
    if isinstance(threshold, dict):
        lines += ["", "[threshold]", *(f"{k} = {v}" for k, v in threshold.items())]
    else:
        lines.append(f"threshold = {threshold}")
    lines += [
        "", "[encoder] # what it was trained on: a head is refused with any other",
        f'text_encoder = "{encoder}"',
        f'picture_labels = "{sha256(os.path.join(MODELS, "picture-labels", "picture-labels.onnx"))}"',
    ]
    for name in files:
        path = os.path.join(folder, name)
        lines += ["", "[[file]]", f'path = "{name}"', f'sha256 = "{sha256(path)}"', f"bytes = {os.path.getsize(path)}"]
    lines += [
        "", "[input]", f"names = {value(inputs)}", f"shapes = {value(shapes)}", f'dtypes = {value(["float32"] * len(inputs))}',
        "", "[output]", f"names = {value(head.outputs)}", f'shapes = {value([["N"]] * len(head.outputs))}',
        f'dtypes = {value(["float32"] * len(head.outputs))}', 'units = "calibrated probabilities"',
        "", "[origin]", f'form = "{form}"', 'made_by = "train/train.py, from train/data"',
        "", "[figures] # held out by source, see train/README.md", *(f"{k} = {value(v)}" for k, v in figures.items()),
    ]
    with open(os.path.join(folder, "model.toml"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
