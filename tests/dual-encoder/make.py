#!/usr/bin/env python3
"""Makes the smallest dual encoder that can be: it knows red, green and blue. The contract of such bundles is tested with it (docs/dual-encoder.md).

    python tests/dual-encoder/make.py        # needs numpy and onnx; writes its files beside itself

vision_model.onnx  pixel_values f32 [1,3,8,8] -> image_embeds f32 [1,3], the mean of each colour
text_model.onnx    input_ids, attention_mask i64 [1,T] -> text_embeds f32 [1,3], the sum of the words' colours
"""

import hashlib
import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = {"[UNK]": (0, 0, 0), "[PAD]": (9, 9, 9), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "grey": (0.5, 0.5, 0.5)}
SIDE, MOST = 8, 8


def save(name: str, nodes: list, inputs: list, output: str, constants: dict) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, name, [value(n, kind, shape) for n, kind, shape in inputs], [value(output, TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(np.array(array), n) for n, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="comity")
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(HERE, name))


def main() -> None:
    save(
        "vision_model.onnx",
        [helper.make_node("GlobalAveragePool", ["pixel_values"], ["mean"]), helper.make_node("Flatten", ["mean"], ["image_embeds"])],
        [("pixel_values", TensorProto.FLOAT, [1, 3, SIDE, SIDE])], "image_embeds", {},
    )
    save(
        "text_model.onnx",
        [
            helper.make_node("Gather", ["colours", "input_ids"], ["words"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
            helper.make_node("Mul", ["words", "column"], ["read"]),
            helper.make_node("ReduceSum", ["read", "first"], ["text_embeds"], keepdims=0),
        ],
        [("input_ids", TensorProto.INT64, [1, "T"]), ("attention_mask", TensorProto.INT64, [1, "T"])], "text_embeds",
        {"colours": np.array(list(WORDS.values()), np.float32), "last": np.array([2]), "first": np.array([1])},
    )
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(WORDS)}, "unk_token": "[UNK]"},
    }
    with open(os.path.join(HERE, "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump(tokenizer, file, indent=1)
    files = ""
    for name in ("vision_model.onnx", "text_model.onnx", "tokenizer.json"):
        with open(os.path.join(HERE, name), "rb") as file:
            content = file.read()
        files += f'\n[[file]]\npath = "{name}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'
    with open(os.path.join(HERE, "model.toml"), "w", encoding="utf-8") as file:
        file.write(f"""# The smallest dual encoder: red, green and blue. make.py wrote it.
format = 1
kind = "dual-encoder"
name = "three-colours"
version = "1"
licence = "Apache-2.0"
{files}
[vision]
input = "pixel_values"
output = "image_embeds"
image_size = {SIDE}
resize = "squash"
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]

[text]
ids = "input_ids"
mask = "attention_mask"
output = "text_embeds"
max_tokens = {MOST}
pad = 1

[match]
template = "a photo of {{}}"
background = ["grey"]
scale = 20.0
bias = 0.0
threshold = 0.5
dimensions = 3
""")


if __name__ == "__main__":
    main()
