// The benchmark's writer of ONNX models, read back by a reader of its own.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fieldsOf, type Message } from "./bench/protobuf.js";

const test = suite("bench-onnx");

test("ONNX models: what a reader of protocol buffers finds in them", async () => {
  const { constant, input, INT32, model, node, output } = await import(
    pathToFileURL(resolve("bench/onnx/model.mjs")).href
  );
  const past = Float32Array.of(1, -2, 0.5, 300);
  const attributes = { num_heads: 4, scale: 0.5, perm: [0, 2, 300] };
  const bytes = model(
    [
      node("GroupQueryAttention", ["query", "", "past"], ["output", "present"], {
        domain: "com.microsoft",
        attributes,
      }),
      constant("past", [2, 2], past),
      constant("total", [], Int32Array.of(4096), INT32),
      input("query", [1, 300, 64]),
      output("output", [1, 300, 64]),
    ],
    { "": 23, "com.microsoft": 1 },
  );
  const text = (field: unknown) => new TextDecoder().decode(field as Uint8Array);
  const only = (message: Message, number: number) => {
    assert.is(message.get(number)?.length, 1, `field ${number}`);
    return message.get(number)![0]!;
  };
  const inside = (field: unknown) => fieldsOf(field as Uint8Array);
  const top = fieldsOf(bytes);
  assert.is(only(top, 1), 8);
  assert.equal(
    top.get(8)!.map((each) => [text(only(inside(each), 1)), only(inside(each), 2)]),
    [
      ["", 23],
      ["com.microsoft", 1],
    ],
  );
  const graph = inside(only(top, 7));
  const operator = inside(only(graph, 1));
  assert.equal(operator.get(1)!.map(text), ["query", "", "past"]);
  assert.equal(operator.get(2)!.map(text), ["output", "present"]);
  assert.equal([text(only(operator, 4)), text(only(operator, 7))], ["GroupQueryAttention", "com.microsoft"]);
  const [heads, scale, perm] = operator.get(5)!.map(inside) as [Message, Message, Message];
  assert.equal([text(only(heads, 1)), only(heads, 3), only(heads, 20)], ["num_heads", 4, 2]);
  assert.equal([text(only(scale, 1)), only(scale, 2), only(scale, 20)], ["scale", 0.5, 1]);
  assert.equal([text(only(perm, 1)), perm.get(8), only(perm, 20)], ["perm", [0, 2, 300], 7]);
  const [tensor, scalar] = graph.get(5)!.map(inside) as [Message, Message];
  assert.equal([tensor.get(1), only(tensor, 2), text(only(tensor, 8))], [[2, 2], 1, "past"]);
  assert.equal(new Float32Array((only(tensor, 9) as Uint8Array).slice().buffer), past);
  assert.equal([scalar.get(1), only(scalar, 2)], [undefined, 6]);
  const type = inside(only(inside(only(inside(only(graph, 11)), 2)), 1));
  const sizes = inside(only(type, 2))
    .get(1)!
    .map((size) => only(inside(size), 1));
  assert.equal([only(type, 1), sizes], [1, [1, 300, 64]]);
  assert.throws(() => constant("past", [3], past), /past must have 12 bytes: got 16/);
  assert.throws(() => input("x", [-1]), /a varint must be an integer from 0: got -1/);
});

test.run();
