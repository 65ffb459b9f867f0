// Where the peers are, and how Node finds them there.
import { createRequire } from "node:module";
import { resolve } from "node:path";

export const PEERS = resolve("build/bench/peers");
export const requirePeer = createRequire(`${PEERS}/package.json`);
