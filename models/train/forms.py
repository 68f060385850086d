"""The forms that the norm head can take, how one is fitted, and how it becomes an ONNX file.

The head sees a row as *blocks* of numbers that are made from its inputs: centred embeddings, their cosines, their products, the evidence. A form
names its blocks and a number of hidden units; without any it is a logistic regression, with some it is the mean of a few small
networks. Everything is in numpy and scikit-learn with fixed seeds, and small enough for one core.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from features import NORM_FEATURES

WIDTH = 384
NETWORKS = 3  # how many networks of different seeds are averaged


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.float32(1e-6))


EMBEDDINGS = {"query": "query", "scene": "query", "norm": "norm", "scene_middle": "scene_middle"}  # input -> its centre
PAIRS = (("query", "norm"), ("scene", "norm"))  # inputs whose cosine the head takes
OUTPUT = "probability"


@dataclass(frozen=True)
class Form:
    """`blocks` are "cosines", "evidence", an input's name (it, centred, of length 1), or "a*b" and "a-b" of two inputs."""

    name: str
    blocks: tuple[str, ...]
    hidden: int = 0
    strength: float = 0.001  # logistic: inverse of the penalty; network: weight decay


def block(name: str, inputs: dict, centred: dict) -> np.ndarray:
    if name == "cosines":
        return np.stack([(centred[a] * centred[b]).sum(axis=1) for a, b in PAIRS], axis=1)
    if name == "evidence":
        return inputs["evidence"]
    for sign, combine in (("*", np.multiply), ("-", np.subtract)):
        if sign in name:
            a, b = name.split(sign)
            return combine(centred[a], centred[b])
    return centred[name]


def design(form: Form, inputs: dict[str, np.ndarray], centres: dict[str, np.ndarray]) -> np.ndarray:
    centred = {name: unit(inputs[name] - centres[centre]) for name, centre in EMBEDDINGS.items()}
    return np.concatenate([block(name, inputs, centred) for name in form.blocks], axis=1).astype(np.float32)


@dataclass
class Fitted:
    """Two layers, or one: `out @ relu(hidden @ x + bias) + out_bias`; the scaling of the columns is already inside."""

    out: np.ndarray
    out_bias: float
    hidden: np.ndarray | None = None
    bias: np.ndarray | None = None
    platt: tuple[float, float] = field(default=(1.0, 0.0))

    def logits(self, x: np.ndarray) -> np.ndarray:
        if self.hidden is not None:
            x = np.maximum(x @ self.hidden + self.bias, 0)
        return x @ self.out + self.out_bias

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        slope, offset = self.platt
        return 1 / (1 + np.exp(-(slope * self.logits(x) + offset)))


def fit(form: Form, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Fitted:
    mean, deviation = x.mean(axis=0), x.std(axis=0) + np.float32(1e-6)
    scaled = (x - mean) / deviation
    if not form.hidden:
        found = LogisticRegression(C=form.strength, max_iter=300).fit(scaled, y, weights)
        out = (found.coef_[0] / deviation).astype(np.float32)
        return Fitted(out, float(found.intercept_[0] - out @ mean))
    networks = [network(form, scaled, y.astype(np.float32), weights, seed) for seed in range(NETWORKS)]
    hidden = np.concatenate([n[0] for n in networks], axis=1) / deviation[:, None]
    bias = np.concatenate([n[1] for n in networks]) - mean @ hidden
    out = np.concatenate([n[2][:, 0] for n in networks]) / NETWORKS
    return Fitted(out, float(np.mean([n[3][0] for n in networks])), hidden.astype(np.float32), bias.astype(np.float32))


def network(form: Form, x: np.ndarray, y: np.ndarray, weights: np.ndarray, seed: int) -> list[np.ndarray]:
    """One hidden layer, Adam with decoupled weight decay, dropout on the inputs and on the hidden units, a falling step size."""
    epochs, batch, step, drop_input, drop_hidden = 10, 256, 1e-3, 0.2, 0.3
    random = np.random.default_rng(seed)
    rows, columns = x.shape
    parameters = [
        random.normal(0, columns**-0.5, (columns, form.hidden)), np.zeros(form.hidden),
        random.normal(0, form.hidden**-0.5, (form.hidden, 1)), np.zeros(1),
    ]
    parameters = [p.astype(np.float32) for p in parameters]
    first, second = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    total, done = epochs * -(-rows // batch), 0
    for _ in range(epochs):
        order = random.permutation(rows)
        for start in range(0, rows, batch):
            chosen = order[start : start + batch]
            gradients = backward(parameters, x[chosen], y[chosen], weights[chosen], random, drop_input, drop_hidden)
            done += 1
            rate = step * (1 - done / total)
            for p, g, m, v in zip(parameters, gradients, first, second):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                change = m / (1 - 0.9**done) / (np.sqrt(v / (1 - 0.999**done)) + 1e-8)
                p -= rate * (change + (form.strength * p if p.ndim == 2 else 0))
    return parameters


def backward(parameters, x, y, weights, random, drop_input, drop_hidden) -> list[np.ndarray]:
    """The gradient of the weighted logistic loss."""
    w1, b1, w2, b2 = parameters

    def mask(shape, drop):
        return (random.random(shape, dtype=np.float32) > drop).astype(np.float32) / np.float32(1 - drop)

    x = x * mask(x.shape, drop_input)
    before = x @ w1 + b1
    gate = mask(before.shape, drop_hidden) * (before > 0)
    after = before * gate
    p = 1 / (1 + np.exp(-(after @ w2 + b2)[:, 0]))
    error = ((p - y) * weights / len(y)).astype(np.float32)[:, None]
    back = error @ w2.T * gate
    return [x.T @ back, back.sum(axis=0), after.T @ error, error.sum(axis=0)]


def platt(logits: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and offset that make the logits' sigmoid a probability."""
    found = LogisticRegression(C=1e6, max_iter=1000).fit(logits[:, None], y)
    return float(found.coef_[0, 0]), float(found.intercept_[0])


def export(form: Form, model: Fitted, centres: dict[str, np.ndarray], path: str) -> None:
    """The head as a graph of standard operators."""
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(operator, inputs, output, **attributes):
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    constant("axis", np.array([1], np.int64))
    constant("tiny", np.float32(1e-6))
    centred = {}
    for name, centre in EMBEDDINGS.items():
        shifted = node("Sub", [name, constant(f"{name}.centre", centres[centre].astype(np.float32))], f"{name}.shifted")
        length = node("ReduceL2", [shifted, "axis"], f"{name}.length", keepdims=1)
        safe = node("Max", [length, "tiny"], f"{name}.length_safe")
        centred[name] = node("Div", [shifted, safe], f"{name}.centred")
    columns = []
    for name in form.blocks:
        if name == "cosines":
            for a, b in PAIRS:
                product = node("Mul", [centred[a], centred[b]], f"{a}.{b}.product")
                columns.append(node("ReduceSum", [product, "axis"], f"{a}.{b}.cosine", keepdims=1))
        elif name == "evidence":
            columns.append("evidence")
        elif "*" in name or "-" in name:
            a, b = name.replace("*", "-").split("-")
            columns.append(node("Mul" if "*" in name else "Sub", [centred[a], centred[b]], f"{a}.{b}.{'times' if '*' in name else 'minus'}"))
        else:
            columns.append(centred[name])
    y = node("Concat", columns, "columns", axis=1)
    slope, offset = model.platt
    if model.hidden is not None:
        y = node("Gemm", [y, constant(f"{OUTPUT}.hidden.w", model.hidden), constant(f"{OUTPUT}.hidden.b", model.bias)], f"{OUTPUT}.hidden")
        y = node("Relu", [y], f"{OUTPUT}.active")
    weight = (model.out * slope).astype(np.float32)[:, None]
    bias = np.array([model.out_bias * slope + offset], np.float32)
    y = node("Gemm", [y, constant(f"{OUTPUT}.w", weight), constant(f"{OUTPUT}.b", bias)], f"{OUTPUT}.logit")
    y = node("Sigmoid", [y], f"{OUTPUT}.column")
    node("Squeeze", [y, "axis"], OUTPUT)
    value = helper.make_tensor_value_info
    inputs = [value(name, TensorProto.FLOAT, ["N", WIDTH]) for name in EMBEDDINGS]
    inputs.append(value("evidence", TensorProto.FLOAT, ["N", len(NORM_FEATURES)]))
    graph = helper.make_graph(nodes, "norm-head", inputs, [value(OUTPUT, TensorProto.FLOAT, ["N"])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8, producer_name="comity")
    onnx.checker.check_model(model)
    onnx.save(model, path)
