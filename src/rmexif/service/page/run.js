/* Work on many pictures: how far it is, how long it still takes, and an end to it. */
import { $, say } from "./dom.js";
import { duration, word } from "./speech.js";

const LANES = 3;
let over = null, last = Promise.resolve(), stops = 0;

export const running = () => over !== null;

/* `work(picture, signal)` for each, once what runs has ended; true where it went to the end. */
export function each(pictures, work, refresh) {
  const before = last, begun = stops;
  const mine = before.then(() => (begun === stops ? go(pictures, work, refresh) : false));
  last = mine.catch(() => null);
  return mine;
}

async function go(pictures, work, refresh) {
  const mine = over = new AbortController(), queue = [...pictures], all = queue.length, started = performance.now();
  let done = 0;
  const tell = () => {
    const left = ((performance.now() - started) / 1000 / done) * (all - done);
    $("#progress").hidden = $("#stop").hidden = $("#pace").hidden = all < 2;
    Object.assign($("#progress"), { max: all, value: done });
    const ending = done > 2 && done < all && left > 3 ? ` · ${word("left", { time: duration(left) })}` : "";
    $("#pace").textContent = word("progress", { done, all }) + ending;
  };
  tell();
  refresh();
  await Promise.all(Array.from({ length: LANES }, async () => {
    while (queue.length && !mine.signal.aborted) { await work(queue.shift(), mine.signal); done++; tell(); }
  }));
  over = null;
  $("#progress").hidden = $("#stop").hidden = $("#pace").hidden = true;
  refresh();
  return !mine.signal.aborted;
}

export function stop() {
  stops++;
  over?.abort(new DOMException("stopped", "AbortError"));
}

$("#stop").onclick = () => { stop(); say(word("stopped")); };
