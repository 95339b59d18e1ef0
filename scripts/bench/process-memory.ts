/** Resident memory of a process and all it started, as Linux counts it. */
import { readdir, readFile } from 'node:fs/promises';

/** The process ids that descend from `root`, itself included. */
async function processTree(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // The command's name stands in brackets and may hold anything, so the fields are counted from its end (proc(5)).
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (Number.isInteger(parent)) parents.set(Number(name), parent);
  }
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** Mebibytes, each page shared by several processes counted once (proportional set size). */
export async function residentMegabytes(root: number): Promise<number> {
  let kibibytes = 0;
  for (const pid of await processTree(root)) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    kibibytes += Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
  }
  if (kibibytes === 0) throw new Error('no process to measure');
  return kibibytes / 1024;
}
