// The tile queue: any number of instances over one shared memory take tiles from one counter. Only threaded builds have it.
//
// A job is open while `state` is odd. A worker announces the state it saw in its own slot before it looks at the job,
// and looks again whether that state still holds: the owner closes the job (state becomes even) and waits until no slot
// shows it, so nobody reads a job that is being rewritten. Workers look at `state` for a while after a job, then sleep on
// it; the owner, which may be the main thread of a page, never waits: it computes tiles, then looks at the slots.
// Tiles are taken several at a time, in a row: those of one head read the same keys and values, which then stay in the
// caches of one core; fewer the fewer there are left, so that all threads end together (Polychronopoulos and Kuck 1987,
// guided self-scheduling). Which thread computes a tile changes nothing in it: the partition is made before the job opens.
import {
  JobQueue, OPERATION_FORWARD, SLOT_BYTES, WORKER_GONE, WORKER_IDLE,
} from "../abi";
import { attentionForward } from "../attention/forward";
import { attentionWeights } from "../attention/weights";

// @ts-ignore: decorator
@inline
function slotOf(queue: usize, worker: i32): usize {
  return queue + <usize>(worker * SLOT_BYTES);
}

/**
 * Looks at the state before a worker sleeps, 30 to 45 microseconds: waking one takes 100 to 250, and layer follows layer
 * sooner than that.
 */
const LOOKS = 100_000;
/** A thread takes this part of the tiles that are left for it, were they dealt out evenly. */
const PART = 4;
const NO_TILE = -1;

/** The life of worker 1, 2, ...: takes tiles of each job until the queue is stopped. */
export function work(queue: usize, worker: i32): void {
  const slot = slotOf(queue, worker);
  let done = 0;
  atomic.store<i32>(slot, WORKER_IDLE);
  while (!atomic.load<i32>(queue, offsetof<JobQueue>("stop"))) {
    const state = atomic.load<i32>(queue);
    if ((state & 1) && state != done) {
      // The tile of an earlier job is none of this one
      atomic.store<i32>(slot, NO_TILE, offsetof<JobQueue>("tile"));
      atomic.store<i32>(slot, state);
      if (atomic.load<i32>(queue) == state) takeTiles(queue, worker);
      atomic.store<i32>(slot, WORKER_IDLE);
      done = state;
    } else {
      sleep(queue, state);
    }
  }
  atomic.store<i32>(slot, WORKER_GONE);
}

/**
 * Sleeps until the state is another one. A function of its own, and exported so that it stays one: before it optimises,
 * V8 11 (Node 20) stores the address as 8 bytes where it keeps 4, over the last local, which here nobody reads again.
 * `work` is called once and stays as it was compiled first; this is called often, and optimised.
 */
export function sleep(queue: usize, state: i32): void {
  for (let looks = LOOKS; looks; looks--) {
    if (atomic.load<i32>(queue) != state) return;
  }
  atomic.wait<i32>(queue, state, -1);
}

/** Wakes the workers for the job that the host wrote into the queue. */
export function openJob(queue: usize): void {
  atomic.store<i32>(queue, 0, offsetof<JobQueue>("next"));
  atomic.add<i32>(queue, 1);
  atomic.notify(queue, -1);
}

/** Computes tiles until none is left; the last come first, since under a causal mask those of a head are the longest. */
export function takeTiles(queue: usize, worker: i32): void {
  const Q = changetype<JobQueue>(queue);
  const tiles = Q.tiles;
  const slot = slotOf(queue, worker);
  const share = PART * Q.threads;
  for (;;) {
    const left = tiles - atomic.load<i32>(queue, offsetof<JobQueue>("next"));
    const n = max(1, left / share);
    const taken = atomic.add<i32>(queue, n, offsetof<JobQueue>("next"));
    if (taken >= tiles) return;
    const last = max(0, tiles - taken - n);
    atomic.store<i32>(slot, last, offsetof<JobQueue>("last"));
    for (let tile = tiles - 1 - taken; tile >= last; tile--) {
      atomic.store<i32>(slot, tile, offsetof<JobQueue>("tile"));
      computeTile(queue, worker, tile);
    }
  }
}

/** One tile; also what the owner does over again for a worker that died in it. */
export function computeTile(queue: usize, worker: i32, tile: i32): void {
  const Q = changetype<JobQueue>(queue);
  const scratch = Q.scratch + <usize>worker * Q.scratchBytes;
  if (Q.operation == OPERATION_FORWARD) attentionForward(Q.parameters, tile, tile + 1, scratch);
  else attentionWeights(Q.parameters, tile, tile + 1, scratch);
}

export function closeJob(queue: usize): void {
  atomic.add<i32>(queue, 1);
}

/** The first of workers 1 to n that is still in the job just closed, after looking up to `looks` times; 0 when none is. */
export function busyWorker(queue: usize, n: i32, looks: i32): i32 {
  const state = atomic.load<i32>(queue) - 1;
  for (let worker = 1; worker <= n; worker++) {
    while (atomic.load<i32>(slotOf(queue, worker)) == state) {
      if (--looks <= 0) return worker;
    }
  }
  return 0;
}

/** Ends the life of every worker. */
export function stopWorkers(queue: usize): void {
  atomic.store<i32>(queue, 1, offsetof<JobQueue>("stop"));
  atomic.add<i32>(queue, 2);
  atomic.notify(queue, -1);
}
