/* Asking the service: so many questions at once, the one about the open picture first, a busy service again. */
import { say } from "./dom.js";
import { word } from "./speech.js";

const LANES = 3; // questions at once
const PATIENCE = 5; // questions, before a busy service is called busy
const SILENCE = 300; // s until a service that does not answer is called gone: twice what it allows itself for a picture
const AGAIN = ["busy", "slow_body", "deadline_exceeded", "worker_lost", "offline", "unauthorized"];
const KNOWN = [...AGAIN, "unknown_format", "malformed_image", "unsupported_feature", "limit_exceeded", "invalid_policy"];
const waiting = [];
let free = LANES, token = "";

export const setToken = (text) => { token = text; };
export const hasToken = () => token !== "";
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

export class Refused extends Error {
  constructor(code, detail) { super(detail); this.code = code; }
  get plain() { return word(KNOWN.includes(this.code) ? this.code : "uncertain"); }
  get mayPass() { return AGAIN.includes(this.code); }
}

async function lane(first, signal) {
  if (free) { free--; return; }
  await new Promise((go) => { waiting[first ? "unshift" : "push"](go); });
  if (signal?.aborted) { leave(); throw signal.reason; }
}

function leave() {
  const next = waiting.shift();
  if (next) next(); else free++;
}

/* `first`: before all that wait; `signal`: gives up. */
export async function ask(path, body, accept, { first = false, signal } = {}) {
  await lane(first, signal);
  try {
    return await question(path, body, accept, signal);
  } finally {
    leave();
  }
}

/* The answer; null where none comes. */
async function send(path, options, signal) {
  const silent = new AbortController(), timer = setTimeout(() => silent.abort(), 1000 * SILENCE);
  try {
    return await fetch(path, { ...options, signal: AbortSignal.any([silent.signal, ...(signal ? [signal] : [])]) });
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

async function question(path, body, accept, signal) {
  const headers = { "Content-Type": "application/octet-stream", Accept: accept };
  if (token) headers.Authorization = `Bearer ${token}`;
  for (let count = 1; ; count++) {
    const answer = await send(path, { method: "POST", body, headers }, signal);
    signal?.throwIfAborted();
    if (answer?.ok) return answer;
    if (!answer) throw new Refused("offline", "");
    const why = await answer.json().catch(() => ({ code: "error", message: `status ${answer.status}` }));
    if (answer.status !== 429 || count === PATIENCE) throw new Refused(why.code, why.message);
    say(word("waiting"));
    await pause(count * (Number(answer.headers.get("Retry-After")) || 1));
  }
}

/* A picture that any browser shows: one frame, without outlines, drawn by the service. */
export async function drawn(blob, frame = 0, options = {}) {
  const answer = await ask(`v1/preview?faces=false&stealth=false&output=jpeg&quality=85&frame=${frame}`, blob, "image/jpeg", options);
  return answer.blob();
}

/* `rmexif page` ends with the tab: it sees this answer break off. */
export async function stay() {
  const answer = await fetch("open", { headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  if (answer?.ok) for await (const _ of answer.body) continue;
}
