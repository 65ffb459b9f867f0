// Earlier commits of this repository, each built in a folder of its own below node_modules/.cache/bench, which is kept.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { endAll, finish } from "../../test/runtimes/matrix/processes.mjs";

const CACHE = "node_modules/.cache/bench";

/** Where a commit is, from the root. */
export const folderOf = (commit) => `${CACHE}/${commit}`;

/** Short hashes of git revisions, each once; throws when one is no commit, and when there is no repository or no git. */
export function commitsOf(revisions) {
  const { status, stderr, error } = git("rev-parse", "--git-dir");
  if (status !== 0)
    throw new Error(
      `commits come from the repository of this checkout, and git says: ${error?.message ?? stderr.trim()}`,
    );
  const commits = revisions.map((revision) => {
    const { status, stdout } = git("rev-parse", "--verify", "--quiet", "--short", `${revision}^{commit}`);
    if (status !== 0) throw new Error(`no commit ${revision} in the repository of this checkout`);
    return stdout.trim();
  });
  return [...new Set(commits)];
}

const git = (...args) => spawnSync("git", args, { encoding: "utf8" });

/** Builds commits as they were built then, where that has not been done. */
export async function buildCommits(commits, say) {
  process.on("exit", endAll);
  for (const commit of commits) {
    if (existsSync(folderOf(commit))) continue;
    try {
      await build(commit, say);
    } catch (error) {
      throw new Error(`commit ${commit} cannot be built: ${error.message}`);
    }
  }
}

async function build(commit, say) {
  // It has its name when it is complete
  const cwd = `${folderOf(commit)}.new`;
  const archive = `${cwd}/commit.tar`;
  const modules = `${cwd}/node_modules`;
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  // Not a worktree: that would be in the repository's list
  await finish("git", ["archive", `--output=${archive}`, commit]);
  await finish("tar", ["-xf", archive, "-C", cwd]);
  if (lockOf(cwd) === lockOf(".")) symlinkSync("../../..", modules, "junction");
  else {
    say(`${commit}: npm ci`);
    await finish("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd });
  }
  say(`${commit}: npm run build`);
  await finish("npm", ["run", "build"], { cwd, env: { ATTENTION_NO_TYPES: "1" } });
  // Builds need nothing beside them
  for (const path of [archive, modules]) rmSync(path, { recursive: true });
  renameSync(cwd, folderOf(commit));
}

const lockOf = (folder) => readFileSync(`${folder}/package-lock.json`, "utf8");
