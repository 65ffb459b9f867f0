// attention-wasm run, as a program: everything it must refuse, and that nothing is overwritten.
import { suite } from "uvu";
import type { FileTensor } from "../src/formats/file-tensor.js";
import { readNpy, writeNpy } from "../src/formats/npy.js";
import { writeSafetensors } from "../src/formats/safetensors.js";
import { npyFile } from "./cli/hand-made-files.js";
import {
  assertClose,
  H,
  key,
  plainAttention,
  QKV,
  query,
  SK,
  tensor,
  value,
  writeTensors,
} from "./cli/plain-attention.js";
import { Folder } from "./cli/program.js";

const folder = new Folder();
writeTensors(folder);
const test = suite("run refuses");
test.after(() => folder.remove());

test("never overwrites without --force", async () => {
  folder.write("kept.npy", "precious");
  folder.write("kept.svg", "precious");
  await folder.refuse(
    [`${QKV} -o kept.npy`, /kept\.npy: exists already; --force/],
    [`${QKV} -o fine.npy --lse kept.npy`, /kept\.npy: exists already/],
    [`${QKV} -o fine.npy --map kept.svg`, /kept\.svg: exists already/],
    [`${QKV} -o fine.npy --lse fine.npy`, /two results/],
  );
  folder.succeed(`${QKV} -o kept.npy --map kept.svg --force`);
  assertClose(readNpy(folder.read("kept.npy")), plainAttention({}).output, "output");
});

test("bad input: one line, code 2, nothing written", async () => {
  const good = folder.read("q.npy");
  folder.write("cut.npy", good.subarray(0, good.length - 4));
  folder.write(
    "lying.npy",
    npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999), }", new Uint8Array(8)),
  );
  folder.write("text.npy", "hello");
  const all = writeSafetensors(
    new Map<string, FileTensor>([
      ["query", query],
      ["key", key],
      ["value", value],
    ]),
  );
  folder.write("all.safetensors", all);
  folder.write("cut.safetensors", all.subarray(0, 300));
  folder.write("long.npy", writeNpy(tensor(2, 2100, 4)));
  folder.write("picture.png", "");
  folder.write("wide.npy", writeNpy(tensor(1, H, SK, 9)));
  folder.write(
    "nan.npy",
    writeNpy({ ...query, data: (query.data as Float32Array).map((v, i) => (i === 25 ? NaN : v)) }),
  );
  folder.write("huge.npy", writeNpy({ ...query, data: (query.data as Float32Array).map(() => 3e38) }));
  folder.write(
    "odd.safetensors",
    writeSafetensors(
      new Map([
        ["query", query],
        ["kye", key],
        ["value", value],
      ]),
    ),
  );
  folder.write("ints.npy", writeNpy({ data: Int32Array.of(1, 2), shape: [1, 2], dtype: "int32" }));
  folder.write("none-of-them.npy", writeNpy({ data: new Float32Array(0), shape: [0, 4], dtype: "float32" }));
  const infinite = (value: number) => ({ ...query, data: (query.data as Float32Array).with(25, value) });
  folder.write("inf.npy", writeNpy(infinite(-Infinity)));
  folder.write("half.npy", writeNpy({ data: Uint16Array.of(0x3c00, 0x7c00), shape: [1, 2], dtype: "float16" }));
  folder.write("bias-inf.npy", writeNpy({ data: Float32Array.of(-Infinity, Infinity), shape: [2], dtype: "float32" }));
  folder.write("lengths.npy", writeNpy({ data: Uint16Array.of(4), shape: [1], dtype: "float16" }));
  folder.write("six.npy", writeNpy(tensor(6, 4)));
  folder.write("tall.npy", writeNpy({ data: new Float32Array(30000), shape: [30000, 1], dtype: "float32" }));
  const twice = (a: string, b: string) =>
    writeSafetensors(
      new Map([
        ["key", key],
        ["value", value],
        [a, query],
        [b, query],
      ]),
    );
  folder.write("twice.safetensors", twice("q", "query"));
  folder.write("spelt.safetensors", twice("Query", "query"));
  await folder.refuse(
    [
      "run six.npy --segments 1,1,4294967297,4294967297,2,2 -o x.npy",
      /segments\[2\] must be an integer from -2147483648 to 2147483647: got 4294967297/,
    ],
    [
      "run six.npy --segments 1,1,1,1,2,2 --key-segments 1,1,1,1,2,4294967298 -o x.npy",
      /key\[5\] must be an integer.*4294967298/,
    ],
    ["run six.npy --key-lengths 4294967302 -o x.npy", /keyLengths\[0\] must be an integer from 0 to 6: got 4294967302/],
    ["run six.npy --query-lengths 4294967302 -o x.npy", /queryLengths\[0\] must be an integer.*4294967302/],
    ["run six.npy --causal 4294967296 -o x.npy", /causal\.offset must be an integer.*4294967296/],
    ["run six.npy --window 1,4294967296 -o x.npy", /window\[1\] must be an integer.*4294967296/],
    ["run six.npy --window 1,1 --window-offset 4294967296 -o x.npy", /offset must be an integer.*4294967296/],
    ["run six.npy --weights --weight-rows 4294967296 -o x.safetensors", /rows\[0\] must be an integer.*4294967296/],
    ["run inf.npy -o x.npy", /inf\.npy: is -Infinity at \[0, 1, 1, 1\]/],
    ["run half.npy -o x.npy", /half\.npy: is Infinity at \[0, 1\]/],
    [`${QKV} --bias bias-inf.npy -o x.npy`, /bias-inf\.npy: is Infinity at \[1\]/],
    [`${QKV} --alibi-slopes bias-inf.npy -o x.npy`, /bias-inf\.npy: is -Infinity at \[0\]/],
    [`${QKV} --key-lengths lengths.npy -o x.npy`, /--key-lengths must be int32 or int64: got float16/],
    ["run twice.safetensors -o x.npy", /twice\.safetensors: holds both "q" and "query"/],
    ["run spelt.safetensors -o x.npy", /spelt\.safetensors: holds both "Query" and "query"/],
    ["run tall.npy --weights w.npy", /w\.npy: would take 3\.60 GB, more than the 2\.15 GB.*--weight-rows/],
    ["run tall.npy --weights -o w.safetensors", /w\.safetensors: would take 3\.60 GB/],
    [`${QKV} --key-lengths x`, /--key-lengths takes integers between commas, or a \.npy.*: got "x"/],
    [`${QKV} --sinks NaN,1`, /--sinks takes numbers between commas.*: got "NaN,1"/],
    [`${QKV} --sinks 1e39,1`, /--sinks takes numbers.*float32.*: got "1e39,1"/],
    [`${QKV} --alibi-slopes Infinity,1`, /--alibi-slopes takes numbers.*auto: got "Infinity,1"/],
    [`${QKV} --segments ""`, /--segments takes numbers between commas or the name of a file: got ""/],
    [`${QKV} --mask ""`, /--mask takes the name of a file: got ""/],
    [`${QKV} --map ""`, /--map takes the name of a file/],
    [`${QKV} --lse ""`, /--lse takes the name of a file/],
    ['run --query ""', /--query takes the name of a file/],
    ['run ""', /give the name of a file/],
    ["run --lse all.safetensors", /--lse took "all\.safetensors" \(write the file before --lse\)/],
    ["run --weights q.npy", /--weights took "q\.npy" \(write the file before --weights\)/],
    ["run", /give a file of tensors/],
    ["run none.npy", /none\.npy: no such file/],
    ["run picture.png", /picture\.png: the name must end in \.npy or \.safetensors/],
    ["run cut.npy -o x.npy", /cut\.npy: the file is cut short/],
    ["run lying.npy -o x.npy", /lying\.npy: the file is cut short/],
    ["run text.npy -o x.npy", /text\.npy: is no \.npy file/],
    ["run cut.safetensors -o x.npy", /cut\.safetensors: the file is cut short/],
    ["run nan.npy -o x.npy", /nan\.npy: is NaN at \[0, 1, 1, 1\]/],
    ["run huge.npy --scale 1 -o x.npy", /NaN/],
    ["run ints.npy -o x.npy", /query.*int32/],
    ["run odd.safetensors -o x.npy", /odd\.safetensors: must hold query, key and value.*"kye"/],
    ["run all.safetensors --query q.npy", /not both/],
    ["run --query q.npy --key k.npy", /--value is missing/],
    ["run --query q.npy --key wide.npy --value v.npy", /key\.shape\[3\] must equal query\.shape\[3\]/],
    [`${QKV} --mask bias.npy -o x.npy`, /mask/],
    [`${QKV} --bias wide.npy -o x.npy`, /bias/],
    [`${QKV} --causal -o x.npy`, /causal/], // five queries, seven keys: which alignment?
    [`${QKV} --causal sideways`, /--causal takes true, upper-left, lower-right or an integer: got "sideways"/],
    ["run --causal q.npy", /write the file before --causal/],
    [`${QKV} --scale fast`, /--scale takes a number/],
    [`${QKV} --window 1`, /--window takes two integers/],
    [`${QKV} --window -2,0`, /--window takes two integers from -1/],
    [`${QKV} --softcap 0`, /--softcap takes a number above 0/],
    [`${QKV} --similarity near`, /--similarity takes dot, cosine/],
    [`${QKV} --sinks 1,2,3 -o x.npy`, /sinks/],
    [`${QKV} --key-lengths 99 -o x.npy`, /keyLengths/],
    [`${QKV} --key-lengths 1.5`, /--key-lengths takes integers/],
    [`${QKV} --window-offset 1`, /needs --window/],
    [`${QKV} --block-mask bias.npy`, /--block-mask must be booleans/],
    [`${QKV} --lse`, /--lse needs a place/],
    [`${QKV} --weight-rows 1`, /need --weights/],
    [`${QKV} --weights --weight-rows 5 -o x.safetensors`, /rows/],
    ["run none-of-them.npy --map x.svg", /--map needs at least one query/],
    [`${QKV} --map x.png`, /x\.png: the name must end in \.svg/],
    [`${QKV} --statistics x.npy`, /x\.npy: the name must end in \.safetensors/],
    ["run --statistics q.npy", /--statistics took "q\.npy"/],
    [`${QKV} --report x.svg`, /x\.svg: the name must end in \.html/],
    [`${QKV} --tokens text.npy`, /--tokens needs --map or --report/],
    [
      `${QKV} --map x.svg --tokens text.npy`,
      /text\.npy: must hold one token for each of 5 queries or 7 keys: it holds 1/,
    ],
    [`${QKV} --report x.html --tokens no.json`, /no\.json: no such file/],
    [`${QKV} --map x.svg --map-head 2`, /--map-head must be below/],
    [`${QKV} -o nowhere/x.npy`, /no folder nowhere/],
    [`${QKV} -o x.txt`, /\.npy or \.safetensors/],
    [`${QKV} --maximum-memory 100`, /--maximum-memory takes an integer from 65536/],
    ["run long.npy --maximum-memory 65536 -o x.npy", /65536/],
    [`${QKV} --build fastest`, /--build takes auto, simd, relaxed/],
    [`${QKV} --deterministic --build relaxed`, /deterministic/],
  );
});
test.run();
