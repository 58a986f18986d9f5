/* Small pictures of big ones, made in the browser, two at a time, off the page's own thread. */
import { drawn } from "./service.js";

const WIDTH = 240; // px
const LANES = 2;
const waiting = [];
let free = LANES;

async function bitmap(picture) {
  const options = { resizeWidth: WIDTH, resizeQuality: "medium" };
  try {
    return await createImageBitmap(picture.file, options);
  } catch { // a format that this browser does not know: the service draws it
    await picture.look();
    return picture.refused ? null : createImageBitmap(await drawn(picture.file), options);
  }
}

async function work() {
  free--;
  for (let job = waiting.shift(); job; job = waiting.shift()) {
    if (job.picture.gone) continue;
    const small = await bitmap(job.picture).catch(() => null);
    if (!small) continue;
    Object.assign(job.canvas, { width: small.width, height: small.height });
    job.canvas.className = "drawn";
    job.canvas.getContext("bitmaprenderer").transferFromImageBitmap(small);
  }
  free++;
}

export function thumbnail(picture, canvas) {
  waiting.push({ picture, canvas });
  if (free) work();
}
