"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const cards = new Set();
const NAMES = {
  location: "Place", time: "Date and time", device: "Camera", person: "People", software: "Software",
  identifier: "Serial numbers and IDs", thumbnail: "Hidden pictures", text: "Texts", provenance: "Provenance", unknown: "Other data",
};
let token = "";

const say = (text) => { $("#status").textContent = text; };
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

async function ask(path, file, accept) {
  const headers = { "Content-Type": "application/octet-stream", Accept: accept };
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body: file, headers });
  } catch {
    throw new Error("the service did not answer");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) $("#door").hidden = false;
  const said = await answer.json().catch(() => ({ message: `status ${answer.status}` }));
  throw new Error(said.message);
}

/* ---- what a picture would reveal ---- */
function plain(item) {
  const name = item.where.split("/").pop().split(":").pop();
  return /^[\d\s.,/-]+$/.test(item.value) && !/Position|Date|Serial|ID$/.test(name) ? `${name} ${item.value}` : item.value;
}
function reveal(root, found) {
  const groups = new Map();
  for (const item of found.findings) {
    if (item.where.endsWith("/GPSVersionID") && found.findings.length > 1) continue;
    if (!groups.has(item.category)) groups.set(item.category, new Set());
    if (item.category === "thumbnail") groups.get(item.category).add(`${item.where}, ${item.length} bytes`);
    else if (item.value) groups.get(item.category).add(plain(item));
    else groups.get(item.category).add(`${item.where}, ${item.length} bytes`);
  }
  root.classList.toggle("clean", !groups.size);
  root.replaceChildren();
  const title = document.createElement("strong");
  title.textContent = groups.size ? "This file gives away:" : "Nothing beside the picture was found in this file.";
  root.append(title);
  const list = document.createElement("dl");
  for (const key of Object.keys(NAMES).filter((name) => groups.has(name))) {
    const values = [...groups.get(key)];
    const rest = values.length > 6 ? `, and ${values.length - 6} more` : "";
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = NAMES[key];
    text.textContent = values.slice(0, 6).map((value) => value.slice(0, 120)).join(" · ") + rest;
    list.append(term, text);
  }
  if (groups.size) root.append(list);
}

/* ---- boxes over faces ---- */
class Region {
  constructor(card, box, label, found) {
    Object.assign(this, { card, box: [...box], found: found ? [...box] : null, label });
    this.node = document.createElement("button");
    this.node.type = "button";
    this.node.className = "box";
    this.node.append(document.createElement("i"));
    this.node.addEventListener("pointerdown", (event) => this.drag(event));
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("click", (event) => { if (!this.dragged || event.detail === 0) this.turn(); });
    card.stage.append(this.node);
    this.turn(true);
    this.place();
  }
  turn(on = !this.on) {
    this.on = on;
    this.node.setAttribute("aria-pressed", on);
    this.node.setAttribute("aria-label", `${this.label}, ${on ? "will be covered" : "stays visible"}`);
    this.card.changed();
  }
  place() {
    const { width, height } = this.card, [l, t, r, b] = this.box;
    const style = this.node.style;
    style.left = `${100 * l / width}%`; style.top = `${100 * t / height}%`;
    style.width = `${100 * (r - l) / width}%`; style.height = `${100 * (b - t) / height}%`;
  }
  shift(dx, dy, sizing) {
    let [l, t, r, b] = this.box;
    const { width, height } = this.card;
    if (sizing) { r = Math.min(width, Math.max(l + 8, r + dx)); b = Math.min(height, Math.max(t + 8, b + dy)); }
    else {
      dx = Math.max(-l, Math.min(width - r, dx)); dy = Math.max(-t, Math.min(height - b, dy));
      l += dx; r += dx; t += dy; b += dy;
    }
    this.box = [l, t, r, b].map(Math.round);
    this.place();
    this.card.changed();
  }
  drag(event) {
    const scale = this.card.width / this.card.stage.clientWidth, sizing = event.target !== this.node;
    let [x, y] = [event.clientX, event.clientY];
    this.dragged = false;
    this.node.setPointerCapture(event.pointerId);
    const move = (to) => {
      const dx = (to.clientX - x) * scale, dy = (to.clientY - y) * scale;
      if (!this.dragged && Math.hypot(to.clientX - x, to.clientY - y) < 4) return;
      this.dragged = true;
      this.shift(dx, dy, sizing);
      [x, y] = [to.clientX, to.clientY];
    };
    this.node.addEventListener("pointermove", move);
    this.node.addEventListener("pointerup", () => this.node.removeEventListener("pointermove", move), { once: true });
  }
  key(event) {
    const step = Math.max(2, Math.round(this.card.width / 100));
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (way) { this.shift(...way, event.shiftKey); event.preventDefault(); }
    if (["Delete", "Backspace"].includes(event.key)) this.turn(false);
  }
  get moved() { return this.found && this.found.some((value, i) => value !== this.box[i]); }
}

/* ---- one picture ---- */
class Card {
  constructor(file) {
    this.file = file;
    this.regions = [];
    this.node = $("#card").content.firstElementChild.cloneNode(true);
    this.stage = $(".stage", this.node);
    $("h2", this.node).textContent = file.name || "pasted picture";
    $(".remove", this.node).onclick = () => this.remove();
    $(".add", this.node).onclick = () => this.add();
    $(".clean", this.node).onclick = () => this.clean();
    $("#list").append(this.node);
    cards.add(this);
    this.ready = this.look();
  }
  tell(text, bad = false) {
    const place = $(".outcome", this.node);
    place.textContent = text;
    place.classList.toggle("bad", bad);
  }
  async look() {
    this.tell("looking …");
    const image = $("img", this.stage);
    try {
      const [found, seen] = await Promise.all([
        ask("/v1/inspect?values=true", this.file, "application/json").then((answer) => answer.json()),
        ask(`/v1/preview?picture=false&recall=${$("#options").recall.value}`, this.file, "application/json")
          .then((answer) => answer.json()),
      ]);
      reveal($(".reveals", this.node), found);
      Object.assign(this, { width: seen.width, height: seen.height });
      await this.show(image, this.file).catch(async () => {
        const drawn = await ask("/v1/preview?output=jpeg", this.file, "image/jpeg");
        await this.show(image, await drawn.blob());
      });
      const faces = seen.faces.filter((face) => !face.frame);
      faces.forEach((face, i) => this.regions.push(new Region(this, face.box, `Face ${i + 1}`, true)));
      this.tell(`${plural(seen.faces_detected, "face")} found`);
    } catch (error) {
      reveal($(".reveals", this.node), { findings: [] });
      $(".reveals", this.node).replaceChildren();
      $(".reveals", this.node).hidden = true;
      this.broken = true;
      $(".clean", this.node).disabled = $(".add", this.node).disabled = true;
      this.tell(`Refused: ${error.message}`, true);
    }
  }
  show(image, blob) {
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
    return image.decode();
  }
  add() {
    const { width: w, height: h } = this, side = Math.round(Math.min(w, h) / 5);
    const left = Math.round((w - side) / 2), top = Math.round((h - side) / 2);
    const count = this.regions.filter((region) => !region.found).length + 1;
    const region = new Region(this, [left, top, left + side, top + side], `Place ${count}`, false);
    this.regions.push(region);
    region.node.focus();
  }
  changed() {
    if (!this.clear) return;
    this.clear = null;
    $(".save", this.node).hidden = true;
    this.tell("changed: clean again");
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
    await this.ready;
    if (this.broken) return;
    this.tell("cleaning …");
    try {
      const answer = await ask(`/v1/scrub?${this.query()}`, this.file, "image/*");
      const report = JSON.parse(answer.headers.get("X-Rmexif-Report"));
      const blob = await answer.blob();
      const extension = /filename="image(\.\w+)"/.exec(answer.headers.get("Content-Disposition"))[1];
      const image = document.createElement("img");
      image.alt = "The cleaned picture";
      await this.show(image, blob).then(() => $(".after .stage", this.node).replaceChildren(image), () => {
        $(".after .stage", this.node).textContent = "This browser cannot show the format; the file is fine.";
      });
      this.clear = { blob, extension };
      const save = $(".save", this.node);
      URL.revokeObjectURL(save.href);
      save.href = URL.createObjectURL(blob);
      save.download = `image${extension}`;
      save.hidden = false;
      const covered = this.regions.length && report.faces ? report.faces.length : report.faces_detected;
      this.tell(`${plural(report.findings_count, "finding")} removed, ${plural(covered, "place")} covered`);
    } catch (error) {
      this.clear = null;
      this.tell(`Refused: ${error.message}`, true);
    }
    refresh();
  }
  remove() {
    for (const image of this.node.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    cards.delete(this);
    this.node.remove();
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
  let at = 0, size = 0;
  for (const [name, blob] of files) {
    const title = new TextEncoder().encode(name), sum = crc(new Uint8Array(await blob.arrayBuffer()));
    const common = [[2, 20], [2, 0], [2, 0], [2, 0], [2, 33], [4, sum], [4, blob.size], [4, blob.size], [2, title.length], [2, 0]];
    parts.push(packed([4, 0x04034b50], ...common), title, blob);
    const entry = packed([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]);
    index.push(entry, title);
    at += 30 + title.length + blob.size;
    size += 46 + title.length;
  }
  const end = packed([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, at], [2, 0]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}

/* ---- the whole page ---- */
function refresh() {
  const done = [...cards].filter((card) => card.clear).length;
  $("#options").hidden = !cards.size;
  $("#drop").classList.toggle("small", cards.size > 0);
  $("#save-all").disabled = !done;
  $("#save-all").textContent = done > 1 ? `Download all (${done})` : "Download all";
}
async function take(files) {
  const fresh = [...files].map((file) => new Card(file));
  refresh();
  say(`${plural(fresh.length, "picture")} added`);
  await Promise.all(fresh.map((card) => card.ready));
  if (fresh.length) say(`${plural(fresh.length, "picture")} looked at: check the boxes, then clean.`);
}
$("#files").onchange = (event) => { take(event.target.files); event.target.value = ""; };
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(event.clipboardData.files); });
document.addEventListener("dragover", (event) => { event.preventDefault(); $("#drop").classList.add("over"); });
document.addEventListener("dragleave", () => $("#drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("#drop").classList.remove("over");
  take(event.dataTransfer.files);
});
$("#options").onsubmit = (event) => event.preventDefault();
$("#options").onchange = () => { for (const card of cards) card.changed(); };
$("#door").onsubmit = (event) => {
  event.preventDefault();
  token = $("#token").value.trim();
  $("#door").hidden = true;
  const again = [...cards].filter((card) => card.broken).map((card) => { card.remove(); return card.file; });
  take(again);
};
$("#clean-all").onclick = async () => {
  say("cleaning …");
  for (const card of cards) await card.clean();
  say(`${[...cards].filter((card) => card.clear).length} of ${plural(cards.size, "picture")} cleaned`);
};
$("#save-all").onclick = async () => {
  const done = [...cards].filter((card) => card.clear).map((card) => card.clear);
  const files = done.map(({ blob, extension }, i) => [`image-${String(i + 1).padStart(3, "0")}${extension}`, blob]);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await zip(files));
  link.download = "images.zip";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};
