/* Boxes and masks over the open picture: drawn, moved and sized by mouse, finger, pen and keys. */
import { $, button, make, say } from "./dom.js";
import { outline } from "./shape.js";
import { word } from "./speech.js";

const SLACK = 5; // px that a pointer may tremble before it drags
const TARGET = 24; // px, the least that a finger hits
const ROOM = 64; // px: smaller boxes have no handles inside, zoom or keys size them
const SVG = "http://www.w3.org/2000/svg";

export class Editor {
  constructor(stage) {
    Object.assign(this, { stage, layer: $(".masks", stage), nodes: new Map(), drawing: false });
    stage.addEventListener("pointerdown", (event) => this.draw(event));
  }

  close() {
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
    this.picture = null;
    this.layer.replaceChildren();
  }

  open(picture, frame) {
    if (picture !== this.picture) this.close();
    Object.assign(this, { picture, frame });
    this.refresh();
  }

  get places() { return this.picture.places; }
  get scale() { return this.picture.width / this.stage.clientWidth; }
  node(id) { return this.nodes.get(id); }

  refresh() {
    if (!this.picture?.width) { this.layer.replaceChildren(); return; }
    const hidden = document.body.dataset.mode === "metadata", marksOnly = document.body.dataset.mode === "places";
    const items = hidden ? [] : this.places.in(this.frame).filter((item) => !(marksOnly && item.found));
    const ids = new Set(items.map((item) => item.id));
    for (const [id, node] of this.nodes) if (!ids.has(id)) { node.remove(); this.nodes.delete(id); }
    for (const item of items) {
      if (!this.nodes.has(item.id)) { const node = this.make(item.id, Boolean(item.found)); this.nodes.set(item.id, node); this.stage.append(node); }
      this.place(this.nodes.get(item.id), item);
    }
    this.layer.setAttribute("viewBox", `0 0 ${this.picture.width} ${this.picture.height}`);
    const beside = hidden || marksOnly ? [] : this.places.beside(this.frame);
    this.layer.replaceChildren(...beside.map((item) => this.mask(item, "beside")), ...items.map((item) => this.mask(item)));
  }

  mask(item, kind = item.on ? "on" : "off") {
    const path = document.createElementNS(SVG, "path"), [l, t, r, b] = item.box;
    path.setAttribute("d", item.mask ? outline(item.mask) : `M${l} ${t}H${r}V${b}H${l}Z`);
    path.setAttribute("class", kind);
    return path;
  }

  make(id, found) {
    const node = button("", "box", (event) => this.click(event, id)), number = make("span");
    node.append(number, ...["nw", "ne", "sw", "se"].map((corner) => make("i", "", corner)));
    if (!found) node.append(make("s", "×"));
    for (const child of node.children) child.setAttribute("aria-hidden", true);
    node.dataset.place = id;
    node.onpointerdown = (event) => { if (event.isPrimary && !event.button && !event.target.matches("s")) this.drag(event, id, event.target.matches("i") ? event.target.className : ""); };
    node.onkeydown = (event) => this.key(event, id);
    return node;
  }

  place(node, item) {
    const { width, height } = this.picture, [l, t, r, b] = item.box;
    const across = (r - l) / this.scale, down = (b - t) / this.scale;
    const dx = Math.max(0, TARGET - across) * this.scale / 2, dy = Math.max(0, TARGET - down) * this.scale / 2;
    Object.assign(node.style, {
      left: `${100 * (l - dx) / width}%`, top: `${100 * (t - dy) / height}%`,
      width: `${100 * (r - l + 2 * dx) / width}%`, height: `${100 * (b - t + 2 * dy) / height}%`,
    });
    node.classList.toggle("tiny", Math.min(across, down) < ROOM);
    node.setAttribute("aria-pressed", item.on);
    node.setAttribute("aria-label", word("coverIt", { name: this.places.name(item) }));
    $("span", node).textContent = `${item.found ? "" : "+"}${item.n}`;
  }

  click(event, id) {
    if (event.target.matches("s")) return this.remove(id);
    if (this.dragged && event.detail > 0) { this.dragged = false; return undefined; }
    return this.turn(id);
  }

  turn(id) {
    const item = this.places.turn(id);
    const still = !item.on && this.places.beside(item.frame).length > 0;
    say(word(item.on ? "covered" : still ? "visibleLater" : "visible", { name: this.places.name(item) }));
  }

  remove(id) {
    const name = this.places.name(this.places.of(id));
    this.places.remove(id);
    $("#add").focus();
    say(word("removed", { name }));
  }

  add() {
    const { width: w, height: h } = this.picture, side = Math.round(Math.min(w, h) / 5);
    const left = Math.round((w - side) / 2), top = Math.round((h - side) / 2);
    const item = this.places.add([left, top, left + side, top + side]);
    this.refresh();
    this.node(item.id).focus();
    say(word("inMiddle", { name: this.places.name(item) }));
  }

  drag(event, id, edges) {
    const start = [...this.places.of(id).box], scale = this.scale, node = this.node(id), over = new AbortController();
    const key = `drag ${event.pointerId} ${event.timeStamp}`;
    this.dragged = false;
    node.setPointerCapture(event.pointerId);
    node.addEventListener("pointermove", (to) => {
      if (to.pointerId !== event.pointerId) return;
      const dx = to.clientX - event.clientX, dy = to.clientY - event.clientY;
      this.dragged ||= Math.hypot(dx, dy) >= SLACK;
      if (this.dragged) this.places.adjust(id, start, dx * scale, dy * scale, edges, this.picture, key);
    }, over);
    for (const end of ["pointerup", "pointercancel"]) {
      node.addEventListener(end, () => { over.abort(); this.places.endStep(); }, over);
    }
  }

  /* The mouse draws anywhere; a finger or a pen where drawing was switched on, and scrolls otherwise. */
  draw(event) {
    const allowed = event.pointerType === "mouse" || this.drawing;
    if (!allowed || !event.isPrimary || event.button || event.target.closest(".box") || !this.picture?.width) return;
    if (document.body.dataset.mode === "metadata" || this.stage.dataset.view !== "mark") return;
    event.preventDefault();
    const over = new AbortController(), area = this.stage.getBoundingClientRect(), { scale } = this;
    const x = Math.round((event.clientX - area.left) * scale), y = Math.round((event.clientY - area.top) * scale);
    document.addEventListener("pointermove", (to) => {
      const dx = to.clientX - event.clientX, dy = to.clientY - event.clientY;
      if (to.pointerId !== event.pointerId || Math.hypot(dx, dy) < SLACK) return;
      over.abort();
      const item = this.places.add([x, y, x, y]);
      this.places.key = `drag ${event.pointerId} ${event.timeStamp}`; // the drag belongs to the same step
      this.refresh();
      this.drag(event, item.id, `${dy < 0 ? "n" : "s"}${dx < 0 ? "w" : "e"}`);
      this.places.adjust(item.id, [x, y, x, y], dx * scale, dy * scale, `${dy < 0 ? "n" : "s"}${dx < 0 ? "w" : "e"}`, this.picture, this.places.key);
    }, over);
    for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => over.abort(), over);
  }

  key(event, id) {
    const { width, height } = this.picture, step = Math.max(2, Math.round(Math.min(width, height) / 100)), item = this.places.of(id);
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (way && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.places.adjust(id, item.box, ...way, event.shiftKey ? "se" : "", this.picture, `keys ${id}`);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        this.places.endStep();
        const [l, t, r, b] = this.places.of(id)?.box ?? item.box;
        say(word("at", { name: this.places.name(item), w: r - l, h: b - t, x: l, y: t }));
      }, 400);
    }
    if (["Delete", "Backspace"].includes(event.key)) {
      event.preventDefault();
      if (!item.found) this.remove(id); else if (item.on) this.turn(id);
    }
  }
}
