/* A zip that stores (APPNOTE 4.3): no dates but 1980-01-01, names in UTF-8. */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const UTF8 = 1 << 11;

function crc(bytes, sum = ~0) {
  for (let i = 0; i < bytes.length; i++) sum = TABLE[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
  return sum;
}

async function checksum(blob) {
  let sum = ~0;
  for (let at = 0; at < blob.size; at += 1 << 20) { // a piece at a time: the page stays awake
    sum = crc(new Uint8Array(await blob.slice(at, at + (1 << 20)).arrayBuffer()), sum);
  }
  return ~sum >>> 0;
}

function packed(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [width]) => sum + width, 0)));
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true); else view.setUint32(at, value, true);
    at += width;
  }
  return view.buffer;
}

export async function zip(files) {
  const parts = [], index = [];
  let at = 0, length = 0;
  for (const [name, blob] of files) {
    const title = new TextEncoder().encode(name), sum = await checksum(blob);
    const common = [[2, 20], [2, UTF8], [2, 0], [2, 0], [2, 33], [4, sum], [4, blob.size], [4, blob.size], [2, title.length], [2, 0]];
    parts.push(packed([4, 0x04034b50], ...common), title, blob);
    index.push(packed([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]), title);
    at += 30 + title.length + blob.size;
    length += 46 + title.length;
  }
  const end = packed([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, at], [2, 0]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}
