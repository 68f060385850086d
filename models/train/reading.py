"""Readers: the upper third of the text encoder, trained to read on over several texts together. pair.py and answer.py each train one.

The encoder's first eight layers read each text apart, and those readings (FEATURES.md calls them states) are kept. A reader's four layers go on from there over
the tokens of all its texts at once; what they make of each text, on average, and the evidence become one or more logits.
"""

import argparse
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import features
from dataset import HELD_OUT
from features import MODELS

sys.path.insert(0, os.path.join(MODELS, "convert"))
ENCODER = os.path.join(MODELS, "text-encoder", "encoder-body.onnx")
HIDDEN, HEADS, WIDE = 384, 12, 1536
FIRST, LAST = 8, 12           # the layers that are trained
RATE, HEAD_RATE, WARM_UP, DROP = 1.5e-4, 7.5e-4, 0.05, 0.1


class Layer(nn.Module):
    """One layer of the encoder, over sequences of different lengths that lie one behind the other."""

    def __init__(self):
        super().__init__()
        self.qkv, self.ao = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.fi, self.fo = nn.Linear(HIDDEN, WIDE), nn.Linear(WIDE, HIDDEN)
        self.aln, self.oln = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x, places, shape, mask):
        rows, longest = shape
        qkv = self.qkv(x)
        padded = qkv.new_zeros(rows * longest, 3 * HIDDEN).index_copy(0, places, qkv)
        q, k, v = padded.view(rows, longest, 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.dtype))
        mixed = mixed.transpose(1, 2).reshape(rows * longest, HIDDEN).index_select(0, places)
        x = self.aln(x + F.dropout(self.ao(mixed), DROP, self.training))
        return self.oln(x + self.fo(F.gelu(self.fi(x))))


class Reader(nn.Module):
    """Reads on where the encoder stopped, over the tokens of `texts` texts together, and gives `outputs` logits."""

    def __init__(self, texts: int, evidence: int, outputs: int = 1):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(FIRST, LAST))
        self.parts = nn.Parameter(torch.zeros(texts, HIDDEN))  # which of the texts a token is of
        self.out, self.evidence = nn.Linear(texts * HIDDEN, outputs), nn.Linear(evidence, outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens, part, places, row, shape, evidence):
        rows, longest = shape
        mask = torch.full((rows * longest,), -1e4).index_fill(0, places, 0.0).view(rows, 1, 1, longest)
        x = tokens + self.parts[part]
        for layer in self.layers:
            x = layer(x, places, shape, mask)
        x = x.float()
        means = []
        for which in range(len(self.parts)):
            here = (part == which).float()
            total = torch.zeros(rows, HIDDEN).index_add(0, row, x * here[:, None])
            means.append(total / torch.zeros(rows).index_add(0, row, here)[:, None])
        return self.out(F.dropout(torch.cat(means, -1), DROP, self.training)) + self.evidence(evidence)

    def say(self, rows: list) -> np.ndarray:
        """Logits without learning, one row for each of `rows`."""
        self.eval()
        with torch.no_grad():
            logits = self(*collate(rows)).numpy()
        self.train()
        return logits


def collate(rows: list) -> tuple:
    """Each row is the states of its texts, and the evidence behind them."""
    lengths = [sum(map(len, texts)) for *texts, _ in rows]
    longest = max(lengths)
    tokens = np.concatenate([text for *texts, _ in rows for text in texts])
    part = np.concatenate([np.repeat(np.arange(len(texts)), list(map(len, texts))) for *texts, _ in rows])
    places = np.concatenate([i * longest + np.arange(length) for i, length in enumerate(lengths)])
    row = np.repeat(np.arange(len(rows)), lengths)
    evidence = np.array([evidence for *_, evidence in rows], np.float32)
    return *map(torch.from_numpy, (tokens, part, places, row)), (len(rows), longest), torch.from_numpy(evidence)


class Weights:
    """The encoder's weights out of its 8-bit graph, with the smoothing taken back."""

    def __init__(self):
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(ENCODER).graph
        self.constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        norms = (n for n in graph.node if n.op_type == "LayerNormalization")
        self.epsilon = next(a.f for n in norms for a in n.attribute if a.name == "epsilon")

    def matrix(self, name: str, read: str) -> torch.Tensor:
        """Output rows, input columns; `read` is the tensor that the product reads."""
        values = self.constants[name + ".w_quantized"].astype(np.float32) * self.constants[name + ".w_scale"]
        return torch.tensor((values * self.constants[read + ".factor"][:, None]).T)

    def vector(self, name: str) -> torch.Tensor:
        return torch.tensor(np.array(self.constants[name]))

    def copy_to(self, reader: Reader) -> None:
        with torch.no_grad():
            for index, layer in zip(range(FIRST, LAST), reader.layers):
                name = f"l{index}."
                layer.qkv.weight.copy_(torch.cat([self.matrix(name + part, f"x{index}") for part in "qkv"]))
                layer.qkv.bias.copy_(torch.cat([self.vector(name + part + ".b") for part in "qkv"]))
                for part, read in (("ao", "mixed.joined"), ("fi", "middle"), ("fo", "gelu")):
                    getattr(layer, part).weight.copy_(self.matrix(name + part, name + read))
                    getattr(layer, part).bias.copy_(self.vector(name + part + ".b"))
                for part in ("aln", "oln"):
                    getattr(layer, part).weight.copy_(self.vector(name + part + ".w"))
                    getattr(layer, part).bias.copy_(self.vector(name + part + ".b"))
                    getattr(layer, part).eps = self.epsilon


class Learning:
    """The optimiser with its rates: a short warm-up, then a straight way down."""

    def __init__(self, reader: Reader, total: int):
        body = list(reader.layers.parameters())
        rest = [p for name, p in reader.named_parameters() if not name.startswith("layers")]
        groups = [{"params": body, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        self.reader, self.total, self.done, self.smooth, self.start = reader, total, 0, 0.0, time.time()

    def step(self, loss) -> None:
        share = min(1.0, self.done / (WARM_UP * self.total)) * max(0.02, 1 - self.done / self.total)
        for group, rate in zip(self.optimiser.param_groups, (RATE, HEAD_RATE)):
            group["lr"] = rate * share
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.reader.parameters(), 1.0)
        self.optimiser.step()
        self.done += 1
        self.smooth += 0.02 * (loss.item() - self.smooth)
        if self.done % 100 == 0:
            print(f"  step {self.done} of {self.total}, loss {self.smooth / (1 - 0.98**self.done):.3f}, {time.time() - self.start:.0f} s", flush=True)


class Trained:
    """The trained layers as convert/transformer.py asks for weights."""

    hidden, heads, feed_forward = HIDDEN, HEADS, WIDE

    def __init__(self, reader: Reader, epsilon: float):
        self.epsilon = epsilon
        self.known = {}
        for index, layer in zip(range(FIRST, LAST), reader.layers):
            for k, part in enumerate("qkv"):
                rows = slice(k * HIDDEN, (k + 1) * HIDDEN)
                self.known[f"l{index}.{part}.w"], self.known[f"l{index}.{part}.b"] = layer.qkv.weight[rows], layer.qkv.bias[rows]
            for part in ("ao", "fi", "fo", "aln", "oln"):
                self.known[f"l{index}.{part}.w"], self.known[f"l{index}.{part}.b"] = getattr(layer, part).weight, getattr(layer, part).bias

    def matrix(self, name: str, _rows: int, _columns: int) -> np.ndarray:
        return self.known[name].detach().numpy()

    floats = lambda self, name: self.matrix(name, 0, 0)


def export(reader: Reader, epsilon: float, texts: list[str], outputs: list[str], last: tuple[np.ndarray, np.ndarray], feeds: list[dict], path: str, name: str) -> None:
    """Writes the graph with weights in 8 bits: `texts` f32 [T,384] each, evidence f32 [1,E] -> `outputs` f32 [1] each.

    `last` is the last layer, weights [means and evidence, outputs] and offsets: the reader's own, calibrated."""
    import onnx
    import smoothing
    from onnx import TensorProto, helper
    from transformer import Graph, block, quantise

    g, array = Graph(), lambda parameter: parameter.detach().numpy()
    g.ints("first", 0), g.ints("heads", 0, 0, HEADS, HIDDEN // HEADS), g.ints("joined", 0, 0, HIDDEN), g.ints("end", 1 << 31), g.ints("last", 1)
    g.constant("head_scale", np.float32(1 / np.sqrt(HIDDEN // HEADS)))
    g.constant("mask_bias", np.zeros((1, 1, 1, 1), np.float32))  # one row at a time: nothing is padded
    for number, text in enumerate(texts):
        g.node("Add", [text, g.constant(text + ".part", array(reader.parts[number]))], text + ".told")
    g.node("Concat", [text + ".told" for text in texts], "all", axis=0)
    x = g.node("Unsqueeze", ["all", "first"], f"x{FIRST}")
    trained = Trained(reader, epsilon)
    for index in range(FIRST, LAST):
        x = block(g, trained, x, index)
    g.node("Squeeze", [x, "first"], "tokens")
    border = "first"
    for number, text in enumerate(texts):
        begin, border = border, text + ".border" if number + 1 < len(texts) else "end"
        if border != "end":
            length = g.node("Shape", [text], border if number == 0 else text + ".length", start=0, end=1)
            if number > 0:
                g.node("Add", [begin, length], border)
        g.node("Slice", ["tokens", begin, border, "first"], text + ".read")
        g.node("ReduceMean", [text + ".read", "first"], text + ".mean", keepdims=1)
    g.node("Concat", [*(text + ".mean" for text in texts), "evidence"], "told", axis=1)
    weights, offsets = (np.asarray(part, np.float32) for part in last)
    g.node("Gemm", ["told", g.constant("out.w", weights), g.constant("out.b", offsets)], "logits")
    g.node("Sigmoid", ["logits"], "columns")
    if len(outputs) > 1:
        g.nodes.append(helper.make_node("Split", ["columns"], [output + ".column" for output in outputs], name="split", axis=1, num_outputs=len(outputs)))
    for output in outputs:
        g.node("Squeeze", [output + ".column" if len(outputs) > 1 else "columns", "last"], output)
    value = helper.make_tensor_value_info
    inputs = [value(text, TensorProto.FLOAT, [text[0].upper(), HIDDEN]) for text in texts]
    inputs.append(value("evidence", TensorProto.FLOAT, [1, len(weights) - HIDDEN * len(texts)]))
    graph = helper.make_graph(g.nodes, name, inputs, [value(output, TensorProto.FLOAT, [1]) for output in outputs], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10, producer_name="comity")
    onnx.checker.check_model(model)
    smoothing.smooth(model, feeds)
    quantise(model, path)


def last_layer(reader: Reader) -> tuple[np.ndarray, np.ndarray]:
    """Weights [means and evidence, outputs] and offsets, as `export` takes them."""
    array = lambda parameter: parameter.detach().numpy()
    return np.concatenate([array(reader.out.weight), array(reader.evidence.weight)], axis=1).T, array(reader.out.bias) + array(reader.evidence.bias)


def graph_logits(path: str, outputs: list[str], feed):
    """Logits of a written graph with its 8 bits, one row at a time as the program runs it, a column for each output; `feed` makes its inputs of a row."""
    session = features.session(path)

    def say(rows: list) -> np.ndarray:
        p = np.array([np.concatenate(session.run(outputs, feed(row))) for row in rows], np.float64).clip(1e-7, 1 - 1e-7)
        return np.log(p / (1 - p))

    return say


def options(program: str, epochs: float) -> argparse.Namespace:
    """The command line of a program that trains a reader. Seeds and threads are set here, too."""
    arguments = argparse.ArgumentParser(description=program, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--epochs", type=float, default=epochs)
    arguments.add_argument("--out", default=MODELS)
    arguments.add_argument("--cache")
    arguments.add_argument("--state", help="keep the trained weights in this file, or read them from it")
    found = arguments.parse_args()
    found.trained = bool(found.state) and os.path.exists(found.state)
    torch.manual_seed(0)
    torch.set_num_threads(2)
    return found


def split(examples: list, unseen: set[str]) -> tuple[list, list]:
    """What is learned from, which knows nothing of the norms in `unseen`, and what is held out."""
    kept = [e for e in examples if e.row["source"] in HELD_OUT]
    learned = [e for e in examples if e.row["norm"] not in unseen]
    for e in learned:
        e.others = [n for n in e.others if n not in unseen]
    return learned, kept


def learn(reader: Reader, chosen: argparse.Namespace, train, report) -> None:
    """Reads the weights, or begins with the encoder's, calls `train`, keeps them, and calls `report`."""
    Weights().copy_to(reader)
    if chosen.trained:
        reader.load_state_dict(torch.load(chosen.state))
        return
    train()
    if chosen.state:
        torch.save(reader.state_dict(), chosen.state)
    report()
