/** Pictures of QR codes for tests: as a file that is chosen, and as what a fake camera sees. */
import { writeFileSync } from 'node:fs';
import { create } from 'qrcode';

const quietZone = 4;

/** Grey values of a code on a sheet of paper, `side` pixels square, row by row. */
function sheet(text: string, side: number): Uint8Array {
  const { modules } = create(text, { errorCorrectionLevel: 'L' });
  const scale = Math.floor(side / (modules.size + 2 * quietZone));
  const margin = Math.floor((side - scale * modules.size) / 2);
  const grey = new Uint8Array(side * side).fill(235);
  for (let y = 0; y < modules.size * scale; y++) {
    for (let x = 0; x < modules.size * scale; x++) {
      if (modules.get(Math.floor(y / scale), Math.floor(x / scale))) grey[(y + margin) * side + x + margin] = 25;
    }
  }
  return grey;
}

/** Two frames of video with the code on a desk, in the form that Chromium's fake camera reads (YUV4MPEG2, 4:2:0). */
export function writeCameraFile(file: string, text: string): void {
  const [width, height, side] = [1280, 720, 560];
  const code = sheet(text, side);
  const luma = new Uint8Array(width * height).fill(120);
  const [left, top] = [(width - side) / 2 + 60, (height - side) / 2 - 30];
  for (let y = 0; y < side; y++) luma.set(code.subarray(y * side, (y + 1) * side), (y + top) * width + left);
  const chroma = new Uint8Array((width * height) / 2).fill(128);
  const frame = Buffer.concat([Buffer.from('FRAME\n'), luma, chroma]);
  writeFileSync(
    file,
    Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`), frame, frame]),
  );
}
