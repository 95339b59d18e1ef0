/** Dark on white in both themes, with the quiet zone, because that is what cameras read (ISO/IEC 18004). */
import { create } from 'qrcode';
import { useMemo } from 'react';

const quietZone = 4;

/** Error correction: `L` (7%) has larger modules, for codes that are only ever shown on a screen; `M` is 15%. */
type Correction = 'L' | 'M';

function qrPath(text: string, errorCorrectionLevel: Correction): { readonly path: string; readonly size: number } {
  const { modules } = create(text, { errorCorrectionLevel });
  let path = '';
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      if (modules.get(row, column)) path += `M${column + quietZone} ${row + quietZone}h1v1h-1z`;
    }
  }
  return { path, size: modules.size + 2 * quietZone };
}

interface QrCodeProps {
  readonly text: string;
  readonly label: string;
  readonly correction?: Correction;
}

const light = '#ffffff';
const dark = '#1a1512';

export function QrCode({ text, label, correction = 'M' }: QrCodeProps) {
  const { path, size } = useMemo(() => qrPath(text, correction), [text, correction]);
  return (
    <svg className="qr-code" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <rect width={size} height={size} fill={light} />
      <path d={path} fill={dark} />
    </svg>
  );
}

/** The same as a PNG, with whole pixels to a module. */
export function qrPicture(text: string, correction: Correction): Promise<Blob> {
  const { path, size } = qrPath(text, correction);
  const scale = Math.ceil(720 / size);
  const canvas = new OffscreenCanvas(size * scale, size * scale);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('No canvas');
  context.fillStyle = light;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  context.fillStyle = dark;
  context.fill(new Path2D(path));
  return canvas.convertToBlob({ type: 'image/png' });
}
