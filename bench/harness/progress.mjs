// What is being done, on stderr: one line that is written over on a terminal, a line per workload elsewhere.
const started = performance.now();
let last = "";

export function say(text) {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\x1b[2K${seconds} s  ${text.slice(0, (process.stderr.columns ?? 80) - 8)}`);
    return;
  }
  const topic = text.split(/: (?:round|float64)/)[0];
  const heading = text.includes(": round") ? `${topic}: rounds` : text;
  if (heading !== last) process.stderr.write(`${seconds} s  ${heading}\n`);
  last = heading;
}

export function quiet() {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
}
