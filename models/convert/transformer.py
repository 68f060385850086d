"""The layers of a transformer as a graph of standard operators, and their quantisation to 8 bits.

`model` gives the weights: `matrix(name, rows, columns)` with outputs in rows, `floats(name)`, and `hidden`, `heads`, `feed_forward`, `epsilon`.
"""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic


class Graph:
    """Nodes and initialisers under construction; every node bears the name of its output."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name: str, value) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, name: str, *values: int) -> str:
        return self.constant(name, np.array(values, np.int64))

    def node(self, operator: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def linear(g: Graph, model, x: str, name: str, rows: int, columns: int) -> str:
    weight = g.constant(name + ".w", model.matrix(name + ".w", rows, columns).T)
    product = g.node("MatMul", [x, weight], name + ".product")
    return g.node("Add", [product, g.constant(name + ".b", model.floats(name + ".b"))], name + ".sum")


def layer_norm(g: Graph, model, x: str, name: str, output: str) -> str:
    scale = g.constant(name + ".w", model.floats(name + ".w"))
    bias = g.constant(name + ".b", model.floats(name + ".b"))
    return g.node("LayerNormalization", [x, scale, bias], output, axis=-1, epsilon=float(model.epsilon))


def attention(g: Graph, model, x: str, layer: str) -> str:
    parts = {}
    for part in "qkv":
        flat = linear(g, model, x, layer + part, model.hidden, model.hidden)
        split = g.node("Reshape", [flat, "heads"], layer + part + ".split")
        order = [0, 2, 3, 1] if part == "k" else [0, 2, 1, 3]
        parts[part] = g.node("Transpose", [split], layer + part + ".turned", perm=order)
    scores = g.node("MatMul", [parts["q"], parts["k"]], layer + "scores")
    scores = g.node("Mul", [scores, "head_scale"], layer + "scaled")
    scores = g.node("Add", [scores, "mask_bias"], layer + "masked")
    weights = g.node("Softmax", [scores], layer + "weights", axis=-1)
    mixed = g.node("MatMul", [weights, parts["v"]], layer + "mixed")
    mixed = g.node("Transpose", [mixed], layer + "mixed.turned", perm=[0, 2, 1, 3])
    mixed = g.node("Reshape", [mixed, "joined"], layer + "mixed.joined")
    return linear(g, model, mixed, layer + "ao", model.hidden, model.hidden)


def block(g: Graph, model, x: str, index: int) -> str:
    layer = f"l{index}."
    attended = g.node("Add", [x, attention(g, model, x, layer)], layer + "attended")
    x = layer_norm(g, model, attended, layer + "aln", layer + "middle")
    wide = linear(g, model, x, layer + "fi", model.feed_forward, model.hidden)
    wide = g.node("Gelu", [wide], layer + "gelu")
    narrow = linear(g, model, wide, layer + "fo", model.hidden, model.feed_forward)
    return layer_norm(g, model, g.node("Add", [x, narrow], layer + "added"), layer + "oln", f"x{index + 1}")


def quantise(model: onnx.ModelProto, path: str) -> None:
    wide = path + ".f32"
    onnx.save(model, wide)
    quantize_dynamic(
        wide, path, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"],
        extra_options={"DefaultTensorType": TensorProto.FLOAT, "MatMulConstBOnly": True},
    )
    os.remove(wide)
