import type { Measurement } from './measurement.ts';

function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** The measurements as an aligned table for a terminal. */
export function table(rows: readonly Measurement[]): string {
  const cells = [
    ['metric', 'ours', 'baseline', 'unit', 'ratio', 'target', ''],
    ...rows.map((row) => [
      row.metric,
      figure(row.ours),
      figure(row.baseline),
      row.unit,
      `${figure(row.ratio)} ×`,
      row.target,
      row.met ? 'met' : 'MISSED',
    ]),
  ];
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
