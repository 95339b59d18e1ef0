/** Finds a QR code in a frame of the camera or in a picture. */
import { decodeQR } from 'qr/decode.js';

/** One frame among many: what is not found at once is found in the next. */
const frameTime = 30;
/** A picture is looked at once, so longer. */
const pictureTime = 400;
/** Longest sides a picture is tried at: codes in large photos are found faster, and noise vanishes, when it is reduced. */
const pictureSizes = [1000, 2000, 4000, 500];

export function readFrame(image: ImageData): string | null {
  return read(image, frameTime);
}

export type PictureReading = { readonly text: string } | 'no-code' | 'not-a-picture';

export async function readPicture(file: Blob): Promise<PictureReading> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return 'not-a-picture';
  }
  try {
    const longest = Math.max(bitmap.width, bitmap.height);
    const sizes = [...new Set(pictureSizes.map((size) => Math.min(size, longest)))];
    for (const size of sizes) {
      const text = read(pixels(bitmap, size / longest), pictureTime);
      if (text !== null) return { text };
      // Between two tries the window draws and answers.
      await new Promise((resolve) => setTimeout(resolve));
    }
    return 'no-code';
  } finally {
    bitmap.close();
  }
}

/** On white, since what is transparent in a picture would be black otherwise. */
function pixels(source: ImageBitmap, scale: number): ImageData {
  const width = Math.max(1, Math.round(source.width * scale));
  const height = Math.max(1, Math.round(source.height * scale));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('No canvas');
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function read(image: ImageData, timeLimit: number): string | null {
  try {
    const text = decodeQR(image, { effort: 3, timeLimit });
    return text === '' ? null : text;
  } catch {
    // Its way of saying that there is none.
    return null;
  }
}
