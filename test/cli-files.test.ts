// What the program does to files that are none, to those that exist, and where it cannot write.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InputError, report } from "../src/cli/failure.js";
import { Outputs } from "../src/cli/files.js";
import { writeNpy } from "../src/formats/npy.js";
import { writePng } from "../src/formats/png.js";
import { tensor } from "./cli/plain-attention.js";
import { Folder } from "./cli/program.js";

const folder = new Folder();
const at = (name: string) => join(folder.path, name);
folder.write("x.npy", writeNpy(tensor(3, 4)));
folder.write("x.png", writePng({ width: 1, height: 1, channels: 1, depth: 8, data: new Float32Array(1) }));
const test = suite("files");
test.after(() => folder.remove());
/** Devices, pipes and modes as POSIX has them. */
const posix = existsSync("/dev/zero") ? test : test.skip;

posix("only regular files are read", async () => {
  symlinkSync("/dev/zero", at("zero.npy"));
  symlinkSync("/dev/zero", at("zero.safetensors"));
  symlinkSync("x.npy", at("link.npy"));
  execFileSync("mkfifo", [at("pipe.npy"), at("pipe.png")]);
  await folder.refuse(
    ["image /dev/zero", /\/dev\/zero: is a device; only regular files are read, neither pipes nor standard input/],
    ["image pipe.png", /pipe\.png: is a pipe; only regular files/],
    ["image x.png -o y.png --reference pipe.png", /pipe\.png: is a pipe/],
    ["run zero.npy", /zero\.npy: is a device/],
    ["run zero.safetensors", /zero\.safetensors: is a device/],
    ["run pipe.npy", /pipe\.npy: is a pipe/],
    ["run x.npy --mask pipe.npy", /pipe\.npy: is a pipe/],
  );
  folder.succeed("run link.npy -o linked.npy");
});

posix("only regular files are overwritten, with --force or without", async () => {
  folder.write("target.npy", "precious");
  symlinkSync("target.npy", at("out-link.npy"));
  symlinkSync("nothing.npy", at("dangling.npy"));
  execFileSync("mkfifo", [at("out-pipe.npy")]);
  mkdirSync(at("out-folder.npy"));
  for (const force of ["", " --force"]) {
    await folder.refuse(
      [`run x.npy -o out-link.npy${force}`, /out-link\.npy: is a symbolic link; only regular files are overwritten/],
      [`run x.npy -o dangling.npy${force}`, /dangling\.npy: is a symbolic link/],
      [`run x.npy -o out-pipe.npy${force}`, /out-pipe\.npy: is a pipe/],
      [`run x.npy -o out-folder.npy${force}`, /out-folder\.npy: is a folder/],
    );
  }
  assert.is(readlinkSync(at("dangling.npy")), "nothing.npy");
  assert.ok(lstatSync(at("out-pipe.npy")).isFIFO());
});

posix("--force keeps the mode of the file", () => {
  for (const mode of [0o600, 0o664]) {
    folder.write("mode.npy", "old");
    chmodSync(at("mode.npy"), mode);
    folder.succeed("run x.npy -o mode.npy --force");
    assert.is(statSync(at("mode.npy")).mode & 0o7777, mode);
    assert.not.equal(folder.read("mode.npy").length, 3);
  }
});

test("a name as long as names can be, and one that is longer", async () => {
  const name = `${"x".repeat(246)}.npy`;
  folder.succeed(`run x.npy -o ${name}`);
  assert.ok(folder.has(name));
  folder.succeed(`run x.npy -o ${name} --force`);
  await folder.refuse([`run x.npy -o ${"x".repeat(256)}.npy`, /\.npy: the name is too long/]);
});

test("cleaning up hides no error, and leaves nothing", () => {
  const place = mkdtempSync(join(tmpdir(), "attention-outputs-"));
  const outputs = new Outputs(false);
  mkdirSync(join(place, "sub"));
  for (const path of [join(place, "a.npy"), join(place, "sub", "b.npy")]) {
    outputs.claim(path);
    outputs.put(path, new Uint8Array(8));
  }
  rmSync(join(place, "sub"), { recursive: true });
  writeFileSync(join(place, "sub"), "no folder any more");
  try {
    outputs.commit();
    assert.unreachable("must fail");
  } catch (error) {
    assert.instance(error, InputError, String(error));
    assert.match((error as Error).message, /b\.npy: a part of the path is no folder/);
  }
  assert.equal(readdirSync(place), ["sub"]);
  rmSync(place, { recursive: true });
});

test("runs at the same time have folders of their own", async () => {
  const outcomes = await Promise.all([folder.start("--window 3"), folder.start("--window 3")]);
  for (const { code, stderr } of outcomes) assert.equal([code, stderr], [0, ""]);
  assert.equal(readdirSync(at("attention-output")).sort(), ["run-1", "run-2"]);
  for (const run of ["run-1", "run-2"]) assert.is(readdirSync(at(`attention-output/${run}`)).length, 5);
});

test("a default run that fails leaves no folder", async () => {
  const before = readdirSync(at("attention-output"));
  await folder.refuse(["--explain 999,0", /outside of the picture/]);
  assert.equal(readdirSync(at("attention-output")), before);
  folder.write("elsewhere/attention-output", "a file");
  const { code, stderr } = folder.run("image", { cwd: at("elsewhere") });
  assert.is(code, 2);
  assert.match(stderr, /attention-output: is a file, where the folder for results would be; -o says/);
});

(existsSync("/dev/full") ? test : test.skip)("what cannot be printed is said on stderr, with code 1", () => {
  const full = openSync("/dev/full", "w");
  for (const args of ["info", "--help", "run x.npy"]) {
    const { code, stderr } = folder.run(args, { stdout: full });
    assert.is(stderr, "attention-wasm: cannot print: no space left\n", args);
    assert.is(code, 1, args);
  }
  closeSync(full);
});

/** The exit code and what `report` says. */
function reported(error: unknown): [number, string] {
  const write = process.stderr.write;
  let said = "";
  process.stderr.write = (text: unknown) => {
    said += text;
    return true;
  };
  try {
    return [report(error), said];
  } finally {
    process.stderr.write = write;
  }
}

test("only what says so is out of memory", () => {
  const thrown = (act: () => unknown) => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };
  const memory: [number, string] = [2, "attention-wasm: this is more than fits into memory here\n"];
  assert.equal(reported(thrown(() => new Float32Array(2 ** 45))), memory);
  assert.equal(reported(new RangeError("Array buffer allocation failed")), memory);
  for (const bug of [() => new Array(-1), () => new Float32Array(-1)]) {
    const [code, said] = reported(thrown(bug));
    assert.is(code, 1);
    assert.match(said, /internal error, please report it: RangeError: Invalid (typed )?array length/);
  }
});
test.run();
