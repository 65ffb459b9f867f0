// What is wrong with a modifier graph of ONNX FlexAttention is named, before anything runs.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareGraph } from "../src/onnx/graph/prepare.js";
import type { OnnxGraph, OnnxTensor } from "../src/onnx/index.js";
import { floats, graph, int, ints } from "./onnx/graphs.js";

const test = suite("onnx: graphs, refusals");
const SHAPE = [2, 3];

test("refusals name the node, before anything runs", () => {
  const fails = (message: RegExp, code: string, made: unknown) => {
    try {
      prepareGraph("score_mod", made as OnnxGraph, "float32", SHAPE);
    } catch (error) {
      assert.match((error as Error).message, message);
      assert.is((error as { code?: string }).code, code);
      return;
    }
    assert.unreachable(`nothing was thrown for ${message}`);
  };
  const b = { b: floats([2], 1, 2) };
  const n = { n: int(1) };
  fails(/^score_mod must be a graph \{ inputs, outputs, initializers, nodes \}: got "Add"/, "ERR_ARGUMENT_TYPE", "Add");
  fails(/^score_mod.inputs must be an array of one name: got \["a", "b"\]/, "ERR_ARGUMENT_TYPE", {
    ...graph({ y: ["Abs", "x"] }),
    inputs: ["a", "b"],
  });
  fails(/^score_mod.outputs must be an array of one name: got undefined/, "ERR_ARGUMENT_TYPE", {
    inputs: ["x"],
    nodes: [],
  });
  fails(/^score_mod.nodes must be an array of nodes: got undefined/, "ERR_ARGUMENT_TYPE", {
    inputs: ["x"],
    outputs: ["y"],
  });
  fails(/^score_mod.initializers must be an object of tensors: got \[\]/, "ERR_ARGUMENT_TYPE", {
    ...graph({ y: ["Abs", "x"] }),
    initializers: [],
  });
  fails(/^score_mod.outputs\[0\] must be the output of a node: got "z"/, "ERR_VALUE", {
    ...graph({ y: ["Abs", "x"] }),
    outputs: ["z"],
  });
  fails(
    /^score_mod.nodes\[0\] must be a node \{ op, inputs, outputs, attributes \}: got an object/,
    "ERR_ARGUMENT_TYPE",
    { ...graph({ y: ["Abs", "x"] }), nodes: [{ op: "Abs" }] },
  );
  fails(
    /^score_mod.nodes\[0\].op must be an operator that graphs may have .*: got "Conv"/,
    "ERR_VALUE",
    graph({ y: ["Conv", "x"] }),
  );
  fails(/got "toString"/, "ERR_VALUE", graph({ y: ["toString", "x"] }));
  fails(/got "com.microsoft.Gelu"/, "ERR_VALUE", {
    ...graph({ y: ["Abs", "x"] }),
    nodes: [{ op: "Gelu", domain: "com.microsoft", inputs: ["x"], outputs: ["y"] }],
  });
  fails(/^score_mod.nodes\[0\] \(Add\) must have 2 inputs: got 1/, "ERR_VALUE", graph({ y: ["Add", "x"] }));
  fails(/^score_mod.nodes\[0\] \(Slice\) must have 3 to 5 inputs: got 1/, "ERR_VALUE", graph({ y: ["Slice", "x"] }));
  fails(/^score_mod.nodes\[0\] \(Max\) must have at least 1 inputs: got 0/, "ERR_VALUE", graph({ y: ["Max", ""] }));
  fails(/^score_mod.nodes\[0\] \(Abs\) must have one output: got 2/, "ERR_VALUE", {
    ...graph({ y: ["Abs", "x"] }),
    nodes: [{ op: "Abs", inputs: ["x"], outputs: ["y", "z"] }],
  });
  fails(
    /^score_mod.nodes\[0\] \(Add\).inputs\[1\] must be the graph's input, an initializer or an output of a node before it: got "c"/,
    "ERR_VALUE",
    graph({ y: ["Add", "x c"], c: ["Abs", "x"] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Abs\).inputs\[0\] must be .* before it: got "y"/,
    "ERR_VALUE",
    graph({ y: ["Abs", "y"] }),
  );
  fails(/^score_mod.nodes\[0\] \(Add\) must have input 1/, "ERR_ARGUMENT_TYPE", graph({ y: ["Add", "x -"] }));
  fails(/^score_mod.nodes\[1\] \(Neg\).outputs\[0\] must not name a tensor that is there already: "y"/, "ERR_VALUE", {
    ...graph({ y: ["Abs", "x"] }),
    nodes: [...graph({ y: ["Abs", "x"] }).nodes, ...graph({ y: ["Neg", "x"] }).nodes],
  });
  fails(
    /^score_mod.inputs\[0\] must not name a tensor that is there already: "b"/,
    "ERR_VALUE",
    graph({ y: ["Abs", "b"] }, b, "b"),
  );
  fails(
    /^score_mod.nodes\[0\] \(Abs\) has no attribute 'axis'/,
    "ERR_UNKNOWN_OPTION",
    graph({ y: ["Abs", "x", { axis: 1 }] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Softmax\).attributes.axis must be an integer: got "1"/,
    "ERR_ARGUMENT_TYPE",
    graph({ y: ["Softmax", "x", { axis: "1" }] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Transpose\).attributes.perm must be integers: got 1/,
    "ERR_ARGUMENT_TYPE",
    graph({ y: ["Transpose", "x", { perm: 1 }] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Add\) must have inputs that broadcast to one another: got \[2, 3\] and \[2\]/,
    "ERR_SHAPE",
    graph({ y: ["Add", "x b"] }, b),
  );
  fails(
    /^score_mod.nodes\[0\] \(Add\) must have inputs of one type: got float32 and int64/,
    "ERR_DTYPE",
    graph({ y: ["Add", "x n"] }, n),
  );
  fails(/^score_mod.nodes\[0\] \(Not\) must have inputs of bool: got float32/, "ERR_DTYPE", graph({ y: ["Not", "x"] }));
  fails(
    /^score_mod.nodes\[0\] \(Exp\) must have inputs of floats: got int64/,
    "ERR_DTYPE",
    graph({ y: ["Exp", "n"] }, n),
  );
  fails(
    /^score_mod.nodes\[1\] \(Add\) must have inputs of numbers: got bool/,
    "ERR_DTYPE",
    graph({ p: ["Equal", "x x"], y: ["Add", "p p"] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Where\) must have inputs of bool: got float32/,
    "ERR_DTYPE",
    graph({ y: ["Where", "x x x"] }),
  );
  fails(/^score_mod.nodes\[0\] \(Mod\) must have fmod 1 for floats: got 0/, "ERR_VALUE", graph({ y: ["Mod", "x x"] }));
  fails(
    /^score_mod.nodes\[0\] \(Cast\) must have to one of 1, 6, 7, 9, 10, 11, 16: got 8/,
    "ERR_VALUE",
    graph({ y: ["Cast", "x", { to: 8 }] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Softmax\) must have an axis from -2 to 1: got 2/,
    "ERR_VALUE",
    graph({ y: ["Softmax", "x", { axis: 2 }] }),
  );
  fails(
    /^score_mod.nodes\[1\] \(Reshape\) must have a shape from constants and shapes, not from the graph's input/,
    "ERR_VALUE",
    graph({ n: ["Cast", "x", { to: 7 }], y: ["Reshape", "x n"] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Reshape\) must have a shape of int64: got float32/,
    "ERR_DTYPE",
    graph({ y: ["Reshape", "x b"] }, b),
  );
  fails(
    /^score_mod.nodes\[0\] \(Reshape\) must have a shape of the 6 elements there are: got \[4, 2\]/,
    "ERR_SHAPE",
    graph({ y: ["Reshape", "x s"] }, { s: ints(4, 2) }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Reshape\) must have sizes, at most one of them -1: got \[-1, -1\]/,
    "ERR_SHAPE",
    graph({ y: ["Reshape", "x s"] }, { s: ints(-1, -1) }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Squeeze\) must have size 1 at axes 0: got \[2, 3\]/,
    "ERR_SHAPE",
    graph({ y: ["Squeeze", "x s"] }, { s: ints(0) }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Transpose\) must have a permutation of 0 to 1: got \[0, 0\]/,
    "ERR_VALUE",
    graph({ y: ["Transpose", "x", { perm: [0, 0] }] }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Concat\) must have inputs that differ only along axis 0: got \[2\]/,
    "ERR_SHAPE",
    graph({ y: ["Concat", "x b", { axis: 0 }] }, b),
  );
  fails(
    /^score_mod.nodes\[0\] \(Gather\) must have indices from -2 to 1: got 2/,
    "ERR_VALUE",
    graph({ y: ["Gather", "x s"] }, { s: ints(2) }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Gather\) must have indices of int64: got float32/,
    "ERR_DTYPE",
    graph({ y: ["Gather", "x b"] }, b),
  );
  fails(
    /^score_mod.nodes\[0\] \(Range\) must have a delta other than 0: got 0/,
    "ERR_VALUE",
    graph({ y: ["Range", "n n z"] }, { ...n, z: int(0) }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Range\) must have one element as limit: got shape \[2\]/,
    "ERR_SHAPE",
    graph({ y: ["Range", "n s n"] }, { ...n, s: ints(1, 2) }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Slice\) must have steps other than 0: got 0/,
    "ERR_VALUE",
    graph({ y: ["Slice", "x s s s s"] }, { s: ints(0) }),
  );
  fails(
    /^score_mod.nodes\[0\] \(Clip\) must have scalars as min and max: got \[2\]/,
    "ERR_SHAPE",
    graph({ y: ["Clip", "x b"] }, b),
  );
  fails(
    /^score_mod.nodes\[0\] \(Constant\) must have one value: got \[\]/,
    "ERR_VALUE",
    graph({ y: ["Constant", ""] }),
  );
  fails(/^a node Div must not divide an integer by 0/, "ERR_VALUE", graph({ y: ["Div", "n z"] }, { ...n, z: int(0) }));
  fails(/^score_mod must give floats: got bool/, "ERR_DTYPE", graph({ y: ["Equal", "x x"] }));
  fails(
    /^score_mod must give the shape it is given, \[2, 3\]: got \[2, 1\]/,
    "ERR_SHAPE",
    graph({ y: ["ReduceSum", "x", { axes: [1] }] }),
  );
  const constant = (tensor: unknown) => graph({ y: ["Abs", "x"] }, { c: tensor as OnnxTensor });
  fails(
    /^score_mod.initializers.c must be a tensor \{ dtype, shape, values \}: got 1/,
    "ERR_ARGUMENT_TYPE",
    constant(1),
  );
  fails(
    /^score_mod.initializers.c.dtype must be one of float32.*: got "string"/,
    "ERR_DTYPE",
    constant({ dtype: "string", shape: [], values: [1] }),
  );
  fails(
    /^score_mod.initializers.c.shape must be an array of integers/,
    "ERR_ARGUMENT_TYPE",
    constant({ dtype: "int64", shape: 1, values: [1] }),
  );
  fails(
    /^score_mod.initializers.c.values must have the 2 elements of its shape: got 1/,
    "ERR_SHAPE",
    constant({ dtype: "int64", shape: [2], values: [1] }),
  );
  fails(
    /^score_mod.initializers.c.values\[0\] must be a number: got "one"/,
    "ERR_ARGUMENT_TYPE",
    constant({ dtype: "int64", shape: [1], values: ["one"] }),
  );
});

test.run();
