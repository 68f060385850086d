"""Makes a transformer easier to quantise: moves the outliers of its activations into its weights.

A few channels of a hidden layer are ten times as large as the rest, and 8 bits with one scale for the whole tensor leave the rest hardly
any steps. Each channel is therefore divided by a factor of its own before the matrix product and the matrix's row multiplied by it
(SmoothQuant, arXiv 2211.10438): the product stays the same, both sides quantise well. The factors are powers of two, so that the change is
exact in floating point and small differences between machines do not reach the file.
"""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

STRENGTH = 0.7  # 0 leaves the activations as they are, 1 makes all their channels alike


def products(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """The products with a constant matrix, by the tensor they read."""
    constants = {i.name for i in model.graph.initializer}
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            found.setdefault(node.input[0], []).append(node)
    return found


def largest(model: onnx.ModelProto, tensors: list[str], feeds: list[dict]) -> dict[str, np.ndarray]:
    """The largest absolute value of each channel of each tensor over the calibration inputs."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(t, TensorProto.FLOAT, None) for t in tensors)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    runs = [session.run(tensors, feed) for feed in feeds]
    return {t: np.max([np.abs(run[k][0]).max(axis=0) for run in runs], axis=0) for k, t in enumerate(tensors)}


def factors(channels: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    rows = np.max([np.abs(m).max(axis=1) for m in matrices], axis=0)
    exact = np.maximum(channels, 1e-5) ** STRENGTH / np.maximum(rows, 1e-5) ** (1 - STRENGTH)
    return np.exp2(np.round(np.log2(exact / np.median(exact)))).astype(np.float32)


def smooth(model: onnx.ModelProto, feeds: list[dict]) -> None:
    """Puts one Mul before each group of products that share an input, and rescales their matrices."""
    groups = products(model)
    seen = largest(model, sorted(groups), feeds)
    constants = {i.name: i for i in model.graph.initializer}
    scalers = {}
    for tensor, nodes in groups.items():
        matrices = [numpy_helper.to_array(constants[n.input[1]]) for n in nodes]
        factor = factors(seen[tensor], matrices)
        for node, matrix in zip(nodes, matrices):
            constants[node.input[1]].CopyFrom(numpy_helper.from_array(matrix * factor[:, None], node.input[1]))
            node.input[0] = tensor + ".smooth"
        model.graph.initializer.append(numpy_helper.from_array(1 / factor, tensor + ".factor"))
        scalers[tensor + ".smooth"] = helper.make_node("Mul", [tensor, tensor + ".factor"], [tensor + ".smooth"], name=tensor + ".smooth")
    ordered = []
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[0].endswith(".smooth"):
            ordered.extend([s] if (s := scalers.pop(node.input[0], None)) else [])
        ordered.append(node)
    del model.graph.node[:]
    model.graph.node.extend(ordered)
