"""Writes the model.toml of a trained model."""

import os

from features import MODELS, sha256

COMMENTS = {
    "norm-head": "# The norm head: is this norm at stake in this question and its pictures? FEATURES.md defines its inputs; train/norm_head.py made it.",
    "pair-model": "# The pair model: question and norm read together. FEATURES.md defines its inputs; train/pair.py made it.",
    "answer-model": "# The answer model: does this answer breach the norm, know it, explain it, help? FEATURES.md defines its inputs; train/answer.py made it.",
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


def described(folder, name, top: dict, table: list[str], files, inputs: dict, outputs: dict, form: str, made_by: str, figures: dict, encoder: str) -> None:
    """`top` stands at the top of the file, `inputs` and `outputs` give the shapes."""
    lines = [
        COMMENTS[name], "format = 1", f'kind = "{name}"', f'name = "comity-{name}"', 'version = "1"', 'licence = "Apache-2.0"',
        *(f"{k} = {value(v)}" for k, v in top.items()), *table,
        "", "[encoder] # what it was trained on: it is refused with any other",
        f'text_encoder = "{encoder}"',
        f'picture_labels = "{sha256(os.path.join(MODELS, "picture-labels", "picture-labels.onnx"))}"',
    ]
    for file in files:
        path = os.path.join(folder, file)
        lines += ["", "[[file]]", f'path = "{file}"', f'sha256 = "{sha256(path)}"', f"bytes = {os.path.getsize(path)}"]
    for title, shapes in (("input", inputs), ("output", outputs)):
        lines += ["", f"[{title}]", f"names = {value([*shapes])}", f"shapes = {value([*shapes.values()])}", f'dtypes = {value(["float32"] * len(shapes))}']
    lines += [
        'units = "calibrated probabilities"',
        "", "[origin]", f'form = "{form}"', f'made_by = "{made_by}, from train/data"',
        "", "[figures] # held out by source, see train/README.md", *(f"{k} = {value(v)}" for k, v in figures.items()),
    ]
    with open(os.path.join(folder, "model.toml"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
