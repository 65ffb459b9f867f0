// Every runtime, in the order of the table.
//
// A launcher is { name, title, needs, threads, version, launch, where? }: `needs` names npm packages with exact versions
// and Debian packages with the program each brings; `threads` is true, or why there are none; `version()` tells what
// runs; `launch(context)` gives { command, args, env?, close? }, a program that prints the report as one line of JSON.
// Browsers have `where`: they are given a url and send the report from there.
import bun from "./bun.mjs";
import chromium from "./chromium.mjs";
import deno from "./deno.mjs";
import edgeRuntime from "./edge-runtime.mjs";
import firefox from "./firefox.mjs";
import jsc from "./jsc.mjs";
import node from "./node.mjs";
import webkit from "./webkit.mjs";
import workerd from "./workerd.mjs";

export const LAUNCHERS = [...node, deno, bun, workerd, edgeRuntime, ...chromium, ...firefox, ...webkit, jsc];
