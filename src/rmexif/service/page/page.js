"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const cards = new Set();
const NAMES = {
  location: "Place", time: "Date and time", device: "Camera", person: "People", software: "Software",
  identifier: "Serial numbers", embedded_image: "Hidden pictures", text: "Texts", provenance: "Provenance", unknown: "Other data",
};
const PLAIN = {
  unknown_format: "This is not a picture that rmexif knows.",
  malformed_image: "This file is damaged or not what it says it is, so nothing of it was let through.",
  unsupported_feature: "This kind of picture is not supported.",
  limit_exceeded: "This picture is larger than this service takes.",
  unauthorized: "This service asks for an access token.",
  busy: "The service is busy. Try again in a moment.",
  slow_body: "Sending the picture took too long. Try again.",
  deadline_exceeded: "Cleaning took too long, so nothing came out. Try again.",
  worker_lost: "The service lost this picture half way, so nothing came out. Try again.",
  offline: "The service did not answer. Is it still running?",
};
const AGAIN = ["busy", "slow_body", "deadline_exceeded", "worker_lost", "offline"];
const PATIENCE = 5; // questions, before a busy service is called busy
const LANES = 3; // pictures that are worked on side by side
let token = "";

const say = (text) => { $("#status").textContent = text; };
const plural = (count, word, words = `${word}s`) => `${count} ${count === 1 ? word : words}`;
const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

function make(tag, text = "", name = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = name;
  return node;
}

class Refused extends Error {
  constructor(code, detail) { super(detail); this.code = code; }
  get plain() { return PLAIN[this.code] ?? "This picture could not be cleaned for certain, so nothing came out."; }
}

async function ask(path, file, accept) {
  const headers = { "Content-Type": "application/octet-stream", Accept: accept };
  if (token) headers.Authorization = `Bearer ${token}`;
  for (let count = 1; ; count++) {
    const answer = await fetch(path, { method: "POST", body: file, headers }).catch(() => null);
    if (answer?.ok) return answer;
    if (!answer) throw new Refused("offline", "");
    const said = await answer.json().catch(() => ({ code: "error", message: `status ${answer.status}` }));
    if (answer.status !== 429 || count === PATIENCE) throw new Refused(said.code, said.message);
    await pause(count * (Number(answer.headers.get("Retry-After")) || 1));
  }
}

async function each(items, work) {
  const queue = [...items];
  await Promise.all(Array.from({ length: LANES }, async () => { while (queue.length) await work(queue.shift()); }));
}

/* ---- what a picture would reveal ---- */
function plain(item) {
  const name = item.where.split("/").pop().split(":").pop();
  const words = name.replace(/^GPS/, "").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  if (item.category === "embedded_image") return `a small copy of a picture, ${size(item.length)}`;
  if (!item.value) return `${words}, ${size(item.length)}`;
  if (item.category === "time") return item.value.replace(/^(\d{4}):(\d\d):(\d\d)/, "$1-$2-$3");
  return /^[\d\s.,/-]+$/.test(item.value) && !/Position|Serial|ID$/.test(name) ? `${words} ${item.value}` : item.value;
}

function position(findings) {
  const found = findings.find((item) => item.where.endsWith("/GPSPosition") && item.value);
  const [north, east] = (found?.value ?? "").split(",").map(Number);
  return Math.abs(north) <= 90 && Math.abs(east) <= 180 ? [north, east] : null;
}

function map([north, east]) {
  const node = $("#map").content.firstElementChild.cloneNode(true);
  const text = `${Math.abs(north).toFixed(4)}° ${north < 0 ? "S" : "N"}, ${Math.abs(east).toFixed(4)}° ${east < 0 ? "W" : "E"}`;
  for (const circle of node.querySelectorAll("circle")) { circle.setAttribute("cx", east); circle.setAttribute("cy", -north); }
  $(".aim", node).setAttribute("d", `M-180 ${-north}H180M${east} -90V90`);
  $("svg", node).setAttribute("aria-label", `World map with a dot at ${text}`);
  $("figcaption", node).textContent = text;
  return node;
}

function reveal(root, findings) {
  const groups = new Map();
  for (const item of findings) {
    if (item.where.endsWith("/GPSVersionID") && findings.length > 1) continue;
    if (!groups.has(item.category)) groups.set(item.category, new Set());
    groups.get(item.category).add(plain(item));
  }
  const list = make("dl");
  for (const key of Object.keys(NAMES).filter((name) => groups.has(name))) {
    const values = [...groups.get(key)], rest = values.length > 6 ? `, and ${values.length - 6} more` : "";
    list.append(make("dt", NAMES[key]), make("dd", values.slice(0, 6).map((value) => value.slice(0, 120)).join(" · ") + rest));
  }
  const place = position(findings);
  root.setAttribute("aria-busy", false);
  root.classList.toggle("clean", !groups.size);
  root.replaceChildren(make("strong", groups.size ? "Besides the picture, this file gives away"
    : "Nothing besides the picture was found in this file."));
  if (groups.size) root.append(list);
  if (place) root.append(map(place));
}

/* ---- boxes over faces ---- */
class Region {
  constructor(card, box, label, short, found) {
    Object.assign(this, { card, label, box: [...box], found: found ? [...box] : null });
    this.node = make("button", "", "box");
    this.node.type = "button";
    this.node.setAttribute("aria-label", `${label}: cover it`);
    this.node.append(make("span", short), ...["nw", "ne", "sw", "se"].map((corner) => make("i", "", corner)));
    if (!found) this.node.append(Object.assign(make("s", "×"), { title: "Remove" }));
    for (const child of this.node.children) child.setAttribute("aria-hidden", true);
    this.node.onpointerdown = (event) => { if (!event.target.matches("s")) this.drag(event, event.target.matches("i") ? event.target.className : ""); };
    this.node.onkeydown = (event) => this.key(event);
    this.node.onclick = (event) => {
      if (event.target.matches("s")) this.remove();
      else if (!this.dragged || event.detail === 0) this.turn();
    };
    card.stage.append(this.node);
    card.regions.push(this);
    this.on = true;
    this.node.setAttribute("aria-pressed", true);
    this.place();
  }
  turn() {
    this.on = !this.on;
    this.node.setAttribute("aria-pressed", this.on);
    this.card.changed();
    say(`${this.label} ${this.on ? "will be covered" : "stays visible"}`);
  }
  remove() {
    this.node.remove();
    this.card.regions.splice(this.card.regions.indexOf(this), 1);
    this.card.changed();
    $(".add", this.card.node).focus();
    say(`${this.label} removed`);
  }
  place() {
    const { width, height } = this.card, [l, t, r, b] = this.box, style = this.node.style;
    style.left = `${100 * l / width}%`; style.top = `${100 * t / height}%`;
    style.width = `${100 * (r - l) / width}%`; style.height = `${100 * (b - t) / height}%`;
    this.node.classList.toggle("tiny", (r - l) / width * this.card.stage.clientWidth < 56);
  }
  /* ``edges``: the sides that go along, as "nw"; none: the whole box moves. */
  adjust([l, t, r, b], dx, dy, edges) {
    const { width, height } = this.card, least = Math.max(8, Math.round(width / 100));
    if (!edges) {
      dx = clamp(dx, -l, width - r); dy = clamp(dy, -t, height - b);
      [l, t, r, b] = [l + dx, t + dy, r + dx, b + dy];
    }
    if (edges.includes("w")) l = clamp(l + dx, 0, r - least);
    if (edges.includes("e")) r = clamp(r + dx, l + least, width);
    if (edges.includes("n")) t = clamp(t + dy, 0, b - least);
    if (edges.includes("s")) b = clamp(b + dy, t + least, height);
    this.box = [l, t, r, b].map(Math.round);
    this.place();
    this.card.changed();
  }
  drag(event, edges) {
    const start = [...this.box], scale = this.card.width / this.card.stage.clientWidth, over = new AbortController();
    this.dragged = false;
    this.node.setPointerCapture(event.pointerId);
    this.node.addEventListener("pointermove", (to) => {
      const dx = to.clientX - event.clientX, dy = to.clientY - event.clientY;
      this.dragged ||= Math.hypot(dx, dy) >= 4;
      if (this.dragged) this.adjust(start, dx * scale, dy * scale, edges);
    }, over);
    for (const end of ["pointerup", "pointercancel"]) this.node.addEventListener(end, () => over.abort(), over);
  }
  key(event) {
    const step = Math.max(2, Math.round(this.card.width / 100));
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (way) {
      event.preventDefault();
      this.adjust(this.box, ...way, event.shiftKey ? "se" : "");
      const [l, t, r, b] = this.box;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => say(`${this.label}: ${r - l} by ${b - t} px, at ${l}, ${t}`), 400);
    }
    if (["Delete", "Backspace"].includes(event.key)) {
      event.preventDefault();
      if (!this.found) this.remove(); else if (this.on) this.turn();
    }
  }
  get moved() { return this.found && this.found.some((value, i) => value !== this.box[i]); }
}

/* ---- one picture ---- */
class Card {
  constructor(file) {
    Object.assign(this, { file, regions: [], version: 0, added: 0, name: file.name || "Pasted picture" });
    this.node = $("#card").content.firstElementChild.cloneNode(true);
    this.stage = $(".stage", this.node);
    $("h2", this.node).textContent = this.name;
    $(".facts", this.node).textContent = size(file.size);
    $(".remove", this.node).onclick = () => this.remove();
    $(".remove", this.node).setAttribute("aria-label", `Remove ${this.name}`);
    $(".add", this.node).onclick = () => this.add();
    $(".clean", this.node).onclick = () => this.clean();
    this.stage.onpointerdown = (event) => this.draw(event);
    this.node.setAttribute("aria-label", this.name);
    $("#list").append(this.node);
    cards.add(this);
  }
  tell(text) { $(".outcome", this.node).textContent = text; }
  look() { return this.ready ??= this.inspect(); }
  async inspect() {
    try {
      const [found] = await Promise.all([
        ask("/v1/inspect?values=true", this.file, "application/json").then((answer) => answer.json()), this.search(),
      ]);
      reveal($(".reveals", this.node), found.findings);
      const pages = found.frames > 1 ? ` · ${found.frames} frames` : "";
      $(".facts", this.node).textContent =
        `${found.format.toUpperCase()} · ${this.width} × ${this.height} px${pages} · ${size(this.file.size)}`;
      await this.show($("img", this.stage), this.file).catch(async () => {
        const drawn = await ask("/v1/preview?output=jpeg", this.file, "image/jpeg");
        await this.show($("img", this.stage), await drawn.blob());
      });
      for (const region of this.regions) region.place();
      $(".clean", this.node).disabled = $(".add", this.node).disabled = false;
    } catch (error) {
      this.refuse(error);
    }
  }
  /* Look for faces, again when the depth of the search changes; places that a person added stay. */
  async search() {
    const turn = this.turn = (this.turn ?? 0) + 1;
    const answer = await ask(`/v1/preview?picture=false&recall=${$("#options").recall.value}`, this.file, "application/json");
    const seen = await answer.json();
    if (turn !== this.turn) return;
    Object.assign(this, { width: seen.width, height: seen.height });
    for (const region of this.regions.filter((one) => one.found)) region.node.remove();
    this.regions = this.regions.filter((one) => !one.found);
    seen.faces.filter((face) => !face.frame)
      .forEach((face, i) => new Region(this, face.box, `Face ${i + 1}`, `${i + 1}`, true));
    this.tell(seen.faces_detected ? `${plural(seen.faces_detected, "face")} found` : "No face found");
  }
  refuse(error) {
    if (!(error instanceof Refused)) error = new Refused("", String(error));
    this.broken = error.code;
    for (const part of [".reveals", ".pair"]) $(part, this.node).hidden = true;
    const place = $(".refusal", this.node);
    place.hidden = false;
    place.replaceChildren(make("b", error.plain), make("small", error.message));
    if (AGAIN.includes(error.code)) {
      const again = make("button", "Try again");
      again.onclick = () => { this.remove(); take([this.file]); };
      place.append(again);
    }
    say(`${this.name}: ${error.plain}`);
    if (error.code === "unauthorized" && $("#door").hidden) { $("#door").hidden = false; $("#token").focus(); }
  }
  show(image, blob) {
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
    return image.decode();
  }
  own(box) {
    this.added++;
    this.changed();
    return new Region(this, box, `Added box ${this.added}`, `+${this.added}`, false);
  }
  add() {
    const { width: w, height: h } = this, side = Math.round(Math.min(w, h) / 5);
    const left = Math.round((w - side) / 2), top = Math.round((h - side) / 2);
    const region = this.own([left, top, left + side, top + side]);
    region.node.focus();
    say(`${region.label} is in the middle: arrows move it, Shift and arrows size it`);
  }
  /* The mouse draws a new box; a finger scrolls. */
  draw(event) {
    if (event.target.closest(".box") || event.pointerType === "touch" || event.button || !this.width) return;
    event.preventDefault();
    const over = new AbortController(), frame = this.stage.getBoundingClientRect(), scale = this.width / frame.width;
    const x = Math.round((event.clientX - frame.left) * scale), y = Math.round((event.clientY - frame.top) * scale);
    document.addEventListener("pointermove", (to) => {
      const dx = to.clientX - event.clientX, dy = to.clientY - event.clientY;
      if (Math.hypot(dx, dy) < 6) return;
      over.abort();
      const region = this.own([x, y, x, y]);
      region.drag(event, `${dy < 0 ? "n" : "s"}${dx < 0 ? "w" : "e"}`);
      region.dragged = true;
    }, over);
    document.addEventListener("pointerup", () => over.abort(), over);
  }
  changed() {
    this.version++;
    if (!this.clear) return;
    this.clear = null;
    $(".save", this.node).hidden = true;
    $(".after", this.node).classList.add("stale");
    this.tell("Changed: clean it again");
    refresh();
  }
  query() {
    const form = $("#options"), query = new URLSearchParams();
    for (const name of ["style", "recall", "output"]) if (form[name].value) query.set(name, form[name].value);
    query.set("stealth", form.stealth.checked);
    for (const region of this.regions) {
      if (region.on && (!region.found || region.moved)) query.append("regions", region.box.join());
      if (region.found && (!region.on || region.moved)) {
        const [l, t, r, b] = region.found, x = Math.round((l + r) / 2), y = Math.round((t + b) / 2);
        query.append("keep_regions", [x - 2, y - 2, x + 3, y + 3].join());
      }
    }
    return query;
  }
  async clean() {
    await this.look();
    if (this.broken !== undefined) return;
    const version = this.version, button = $(".clean", this.node);
    this.tell("Cleaning …");
    button.disabled = true;
    try {
      const answer = await ask(`/v1/scrub?${this.query()}`, this.file, "image/*");
      const report = JSON.parse(answer.headers.get("X-Rmexif-Report")), blob = await answer.blob();
      const extension = /filename="image(\.\w+)"/.exec(answer.headers.get("Content-Disposition"))[1];
      if (version !== this.version) this.tell("Changed meanwhile: clean it again");
      else await this.finish(blob, extension, report);
    } catch (error) {
      this.refuse(error);
    }
    button.disabled = false;
    refresh();
  }
  async finish(blob, extension, report) {
    const image = Object.assign(make("img"), { alt: "The cleaned picture" }), stage = $(".after .stage", this.node);
    const shown = $("img", stage), save = $(".save", this.node);
    if (shown) URL.revokeObjectURL(shown.src);
    await this.show(image, blob).then(() => stage.replaceChildren(image),
      () => stage.replaceChildren(make("p", "This browser cannot show the format; the file is fine.", "quiet")));
    URL.revokeObjectURL(save.href);
    Object.assign(save, { href: URL.createObjectURL(blob), download: `image${extension}`, hidden: false });
    this.clear = { blob, extension };
    $(".after", this.node).classList.remove("stale");
    const covered = this.regions.length && report.faces ? report.faces.length : report.faces_detected;
    this.tell(`${plural(report.findings_count, "detail")} removed, ${plural(covered, "place")} covered, ${size(blob.size)}`);
  }
  remove() {
    const next = this.node.nextElementSibling ?? this.node.previousElementSibling;
    for (const image of this.node.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    URL.revokeObjectURL($(".save", this.node).href);
    cards.delete(this);
    this.node.remove();
    (next ?? $("#files")).focus();
    say(`${this.name} removed`);
    refresh();
  }
}

/* ---- a zip that stores: APPNOTE 4.3, no names, no dates but 1980-01-01 ---- */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}
function packed(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true); else view.setUint32(at, value, true);
    at += size;
  }
  return view.buffer;
}
async function zip(files) {
  const parts = [], index = [];
  let at = 0, length = 0;
  for (const [name, blob] of files) {
    const title = new TextEncoder().encode(name), sum = crc(new Uint8Array(await blob.arrayBuffer()));
    const common = [[2, 20], [2, 0], [2, 0], [2, 0], [2, 33], [4, sum], [4, blob.size], [4, blob.size], [2, title.length], [2, 0]];
    parts.push(packed([4, 0x04034b50], ...common), title, blob);
    const entry = packed([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]);
    index.push(entry, title);
    at += 30 + title.length + blob.size;
    length += 46 + title.length;
  }
  const end = packed([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, at], [2, 0]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}

/* ---- the whole page ---- */
let running = false;
function refresh() {
  const whole = [...cards].filter((card) => card.broken === undefined), done = whole.filter((card) => card.clear);
  const clean = $("#clean-all"), save = $("#save-all"), focused = document.activeElement === clean;
  $("#options").hidden = !cards.size;
  document.body.classList.toggle("busy", cards.size > 0);
  save.hidden = !done.length;
  save.textContent = done.length > 1 ? `Download all (${done.length})` : "Download";
  clean.hidden = !running && done.length === whole.length;
  clean.textContent = running ? "Cleaning …" : whole.length > 1 ? `Clean all (${whole.length - done.length})` : "Clean picture";
  clean.setAttribute("aria-busy", running);
  save.classList.toggle("primary", clean.hidden);
  if (focused && clean.hidden && !save.hidden) save.focus();
}
async function take(files) {
  const fresh = [...files].map((file) => new Card(file));
  if (!fresh.length) return;
  refresh();
  say(`Looking at ${plural(fresh.length, "picture")} …`);
  await each(fresh, (card) => card.look());
  const whole = fresh.filter((card) => card.broken === undefined);
  const faces = whole.reduce((sum, card) => sum + card.regions.filter((region) => region.found).length, 0);
  if (whole.length) say(`${plural(faces, "face")} found in ${plural(whole.length, "picture")}. Check the boxes, then clean.`);
  refresh();
}
$("#files").onchange = (event) => { take(event.target.files); event.target.value = ""; };
document.addEventListener("paste", (event) => take(event.clipboardData.files));
document.addEventListener("dragover", (event) => { event.preventDefault(); $("#drop").classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("#drop").classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("#drop").classList.remove("over");
  take(event.dataTransfer.files);
});
$("#options").onsubmit = (event) => event.preventDefault();
$("#options").onchange = async (event) => {
  for (const card of cards) card.changed();
  if (event.target.name !== "recall") return;
  say("Looking for faces again …");
  const whole = [...cards].filter((card) => card.broken === undefined);
  await each(whole, (card) => card.search().catch((error) => card.refuse(error)));
  say(`${plural(whole.reduce((sum, card) => sum + card.regions.length, 0), "box", "boxes")} on ${plural(whole.length, "picture")}`);
};
$("#door").onsubmit = (event) => {
  event.preventDefault();
  token = $("#token").value.trim();
  $("#door").hidden = true;
  const again = [...cards].filter((card) => card.broken === "unauthorized");
  for (const card of again) card.remove();
  take(again.map((card) => card.file));
};
$("#clean-all").onclick = async () => {
  if (running) return;
  running = true;
  refresh();
  say("Cleaning …");
  await each([...cards].filter((card) => !card.clear), (card) => card.clean());
  running = false;
  refresh();
  const done = [...cards].filter((card) => card.clear).length;
  say(`${done} of ${plural(cards.size, "picture")} cleaned. Look at the result before you share it.`);
};
$("#save-all").onclick = async () => {
  const done = [...cards].filter((card) => card.clear);
  if (done.length === 1) { $(".save", done[0].node).click(); return; }
  const names = done.map(({ clear }, i) => [`image-${String(i + 1).padStart(3, "0")}${clear.extension}`, clear.blob]);
  const link = Object.assign(make("a"), { href: URL.createObjectURL(await zip(names)), download: "images.zip" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};
refresh();
