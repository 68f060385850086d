#!/usr/bin/env python3
"""Makes the hands bundle from the PyPI package mediapipe 0.10.14 (Apache-2.0).

    pip download --no-deps mediapipe==0.10.14 && hands.py mediapipe-0.10.14-*.whl OUT_DIR

OUT_DIR/palms.onnx  image f32 [1,3,192,192], RGB 0..255 -> scores f32 [2016], palms f32 [2016,18]: how sure it is of a palm at each place, and the palm's box
OUT_DIR/hand.onnx   image f32 [1,3,224,224], RGB 0..255 -> presence f32 [1], points f32 [21,3]: is there a hand in the crop, and its joints in metres

The package keeps the weights as float16 and computes in float32. So do these graphs: a Cast stands behind each weight, which both engines carry out once, when
they load the file. That is half the size of float32 and loses nothing; 8 bits would halve it again, but move the joints by about a centimetre.
"""

import os
import sys
import zipfile
from typing import NamedTuple

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper

from transformer import Graph

PALMS = "mediapipe/modules/palm_detection/palm_detection_full.tflite"
HAND = "mediapipe/modules/hand_landmark/hand_landmark_full.tflite"
PALM_SIZE, HAND_SIZE = 192, 224
ANCHORS = ((8, 2), (16, 6))  # the grid of each level: pixels between two places, palms at each
LIMIT = 100                  # of the palms' logits
KINDS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
DTYPES = {tflite.TensorType.FLOAT32: "<f4", tflite.TensorType.FLOAT16: "<f2", tflite.TensorType.INT32: "<i4"}
OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions, "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions, "MAX_POOL_2D": tflite.Pool2DOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
}


class Operation(NamedTuple):
    kind: str
    inputs: list[int]
    output: int
    options: object | None


class Network:
    """A TensorFlow Lite file: operations on numbered tensors, of which some are constants. Pictures lie channels last."""

    def __init__(self, data: bytes):
        model = tflite.Model.GetRootAs(data, 0)
        graph = model.Subgraphs(0)
        tensors = [graph.Tensors(index) for index in range(graph.TensorsLength())]
        self.shapes = [[tensor.Shape(axis) for axis in range(tensor.ShapeLength())] for tensor in tensors]
        self.input = graph.Inputs(0)
        self.outputs = [graph.Outputs(index) for index in range(graph.OutputsLength())]
        self.constants, self.operations = {}, []
        for index, tensor in enumerate(tensors):
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                self.constants[index] = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()]).reshape(self.shapes[index])
        for index in range(graph.OperatorsLength()):
            self.add(model, graph.Operators(index))

    def add(self, model, operator) -> None:
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = KINDS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs, output = [operator.Inputs(index) for index in range(operator.InputsLength())], operator.Outputs(0)
        if kind == "DEQUANTIZE":
            self.constants[output] = self.constants[inputs[0]]
            return
        options = OPTIONS[kind]() if kind in OPTIONS else None
        if options:
            table = operator.BuiltinOptions()
            options.Init(table.Bytes, table.Pos)
        self.operations.append(Operation(kind, inputs, output, options))


class Translation(Graph):
    """Makes the nodes that a tensor needs, channels first, when it is asked for; what nobody asks for is left out."""

    def __init__(self, network: Network, size: int):
        super().__init__()
        self.network, self.size = network, size
        self.makers = {operation.output: operation for operation in network.operations}
        self.numbers = {}
        self.names = {network.input: self.node("Div", ["image", self.number(255)], "unit")}

    def tensor(self, index: int) -> str:
        if index not in self.names:
            operation = self.makers[index]
            self.names[index] = getattr(self, operation.kind.lower())(operation, f"t{index}")
        return self.names[index]

    def weight(self, index: int, view) -> str:
        """A weight as `view` arranges it, once however often it is used."""
        if index not in self.names:
            narrow = self.constant(f"w{index}.half", view(self.network.constants[index]))
            self.names[index] = self.node("Cast", [narrow], f"w{index}", to=TensorProto.FLOAT)
        return self.names[index]

    def number(self, value: int) -> str:
        if value not in self.numbers:
            self.numbers[value] = self.constant(f"number{value}", np.float32(value))
        return self.numbers[value]

    def conv_2d(self, operation: Operation, name: str) -> str:
        return self.convolution(operation, name, 1, lambda kernel: kernel.transpose(0, 3, 1, 2))

    def depthwise_conv_2d(self, operation: Operation, name: str) -> str:
        return self.convolution(operation, name, self.network.shapes[operation.inputs[1]][3], lambda kernel: kernel.transpose(3, 0, 1, 2))

    def convolution(self, operation: Operation, name: str, group: int, view) -> str:
        x, kernel, bias = operation.inputs
        inputs = [self.tensor(x), self.weight(kernel, view), self.weight(bias, np.asarray)]
        result = self.node("Conv", inputs, name, group=group, **self.window(operation, self.network.shapes[kernel][1:3]))
        activation = operation.options.FusedActivationFunction()
        if activation == tflite.ActivationFunctionType.NONE:
            return result
        if activation != tflite.ActivationFunctionType.RELU6:
            raise SystemExit(f"{name}: an activation of kind {activation} has no place in these networks")
        return self.node("Clip", [result, self.number(0), self.number(6)], name + "a")

    def window(self, operation: Operation, kernel: list[int]) -> dict:
        """The attributes of an operation that slides over its input, with TensorFlow's padding put in numbers."""
        strides = [operation.options.StrideH(), operation.options.StrideW()]
        low = high = [0, 0]
        if operation.options.Padding() == tflite.Padding.SAME:
            sizes = zip(self.network.shapes[operation.inputs[0]][1:3], self.network.shapes[operation.output][1:3], strides, kernel)
            missing = [max((after - 1) * stride + width - before, 0) for before, after, stride, width in sizes]
            low, high = [pixels // 2 for pixels in missing], [pixels - pixels // 2 for pixels in missing]
        return {"kernel_shape": kernel, "strides": strides, "pads": low + high}

    def prelu(self, operation: Operation, name: str) -> str:
        x, slope = operation.inputs
        return self.node("PRelu", [self.tensor(x), self.weight(slope, lambda slopes: slopes.reshape(-1, 1, 1))], name)

    def add(self, operation: Operation, name: str) -> str:
        return self.node("Add", [self.tensor(index) for index in operation.inputs], name)

    def max_pool_2d(self, operation: Operation, name: str) -> str:
        kernel = [operation.options.FilterHeight(), operation.options.FilterWidth()]
        return self.node("MaxPool", [self.tensor(operation.inputs[0])], name, **self.window(operation, kernel))

    def pad(self, operation: Operation, name: str) -> str:
        before, after = self.network.constants[operation.inputs[1]][[0, 3, 1, 2]].T
        return self.node("Pad", [self.tensor(operation.inputs[0]), self.ints(name + ".pads", *before, *after)], name)

    def resize_bilinear(self, operation: Operation, name: str) -> str:
        before, after = self.network.shapes[operation.inputs[0]], self.network.shapes[operation.output]
        scales = self.constant(name + ".scales", np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32))
        inputs = [self.tensor(operation.inputs[0]), "", scales]
        return self.node("Resize", inputs, name, mode="linear", coordinate_transformation_mode="half_pixel")

    def reshape(self, operation: Operation, name: str) -> str:
        turned = self.node("Transpose", [self.tensor(operation.inputs[0])], name + ".turned", perm=[0, 2, 3, 1])
        return self.node("Reshape", [turned, self.ints(name + ".shape", *self.network.shapes[operation.output])], name)

    def concatenation(self, operation: Operation, name: str) -> str:
        return self.node("Concat", [self.tensor(index) for index in operation.inputs], name, axis=operation.options.Axis())

    def mean(self, operation: Operation, name: str) -> str:
        return self.node("Flatten", [self.node("GlobalAveragePool", [self.tensor(operation.inputs[0])], name + ".mean")], name)

    def fully_connected(self, operation: Operation, name: str) -> str:
        x, weight, bias = operation.inputs
        return self.node("Gemm", [self.tensor(x), self.weight(weight, np.asarray), self.weight(bias, np.asarray)], name, transB=1)

    def logistic(self, operation: Operation, name: str) -> str:
        return self.node("Sigmoid", [self.tensor(operation.inputs[0])], name)

    def shaped(self, x: str, output: str, *shape: int) -> str:
        return self.node("Reshape", [x, self.ints(output + ".shape", *shape)], output)

    def model(self, name: str, **outputs: list[int]) -> onnx.ModelProto:
        image, *results = [
            helper.make_tensor_value_info(label, TensorProto.FLOAT, shape)
            for label, shape in {"image": [1, 3, self.size, self.size], **outputs}.items()
        ]
        graph = helper.make_graph(self.nodes, name, [image], results, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="comity")
        onnx.checker.check_model(model, full_check=True)
        return model


def anchors() -> np.ndarray:
    """What must be added to a palm to put it where it is in the picture, in pixels: to all positions, not to width and height."""
    rows = []
    for step, palms in ANCHORS:
        y, x = np.mgrid[step / 2:PALM_SIZE:step, step / 2:PALM_SIZE:step]
        rows.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(palms, axis=0))
    added = np.tile(np.concatenate(rows), 9)
    added[:, 2:4] = 0
    return added


def palms(network: Network) -> onnx.ModelProto:
    g = Translation(network, PALM_SIZE)
    boxes, logits = (g.tensor(index) for index in network.outputs)
    limited = g.node("Clip", [g.shaped(logits, "logits", -1), g.number(-LIMIT), g.number(LIMIT)], "limited")
    g.node("Sigmoid", [limited], "scores")
    offsets = g.node("Cast", [g.constant("anchors.half", anchors().astype(np.float16))], "anchors", to=TensorProto.FLOAT)
    placed = g.node("Add", [g.shaped(boxes, "boxes", -1, 18), offsets], "placed")
    g.node("Div", [placed, g.number(PALM_SIZE)], "palms")
    count = len(anchors())
    return g.model("palms", scores=[count], palms=[count, 18])


def hand(network: Network) -> onnx.ModelProto:
    g = Translation(network, HAND_SIZE)
    _, presence, _, points = network.outputs  # between them: the joints in the crop's pixels, and whether it is a right hand
    g.shaped(g.tensor(presence), "presence", 1)
    g.shaped(g.tensor(points), "points", 21, 3)
    return g.model("hand", presence=[1], points=[21, 3])


def main() -> None:
    wheel, out = sys.argv[1:3]
    os.makedirs(out, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for member, build, name in ((PALMS, palms, "palms.onnx"), (HAND, hand, "hand.onnx")):
            onnx.save(build(Network(archive.read(member))), os.path.join(out, name))


if __name__ == "__main__":
    main()
