// The size of a PNG from its header, without decoding it: enough to refuse what no agent could use.

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const edgeMax = 4096;

/** Undefined when it is not a PNG, or one with an edge over 4096 pixels. (Header: PNG specification, 11.2.2 IHDR.) */
export function pngSize(content: Uint8Array): { width: number; height: number } | undefined {
  if (content.length < 33 || signature.some((byte, i) => content[i] !== byte)) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (view.getUint32(12) !== 0x49484452) return undefined;
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  return width >= 1 && height >= 1 && width <= edgeMax && height <= edgeMax ? { width, height } : undefined;
}
