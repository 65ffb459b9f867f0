// What the numbers were measured on.
import { arch, cpus, platform, totalmem } from "node:os";

export function describeMachine() {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    platform: `${platform()} ${arch()}`,
  };
}
