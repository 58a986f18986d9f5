/* The places of one picture that may be covered: found faces and drawn boxes, with every step undone and done again. */
import { clamp } from "./dom.js";
import { word } from "./speech.js";

const MOST_STEPS = 200;
const KEPT = 2; // px around the middle of a found face that stays: the service leaves faces whose middle lies in there
const MOST_KEPT = 400; // the service takes 500 boxes of each kind
const SAME = 0.3; // share of two boxes that overlaps, from which on they are the same face in two frames

function overlap([l, t, r, b], [left, top, right, bottom]) {
  const width = Math.min(r, right) - Math.max(l, left), height = Math.min(b, bottom) - Math.max(t, top);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / ((r - l) * (b - t) + (right - left) * (bottom - top) - width * height);
}

export class Places {
  constructor(changed) {
    Object.assign(this, { items: [], past: [], future: [], changed, counter: 0 });
  }

  /* What was found replaces what was found before; drawn places stay. A search is no step to undo. */
  found(faces, cover, { frames = 1, is_animation: animation = false } = {}) {
    Object.assign(this, { frames, animation });
    const drawn = this.items.filter((item) => !item.found), counts = new Map();
    this.items = [...faces.map((face) => {
      const frame = face.frame ?? 0, n = (counts.get(frame) ?? 0) + 1;
      counts.set(frame, n);
      return { id: `f${frame}-${n}`, n, frame, box: face.box, found: face.box, mask: face.mask, on: cover };
    }), ...drawn];
    [this.past, this.future] = [[], []];
  }

  in(frame) { return this.items.filter((item) => item.frame === undefined || item.frame === frame); }
  /* What is covered here because of another frame: faces of those beside it in time, and faces that were moved. */
  beside(frame) {
    const near = (item) => this.animation && Math.abs(item.frame - frame) === 1;
    return this.faces.filter((item) => item.on && item.frame !== frame && (near(item) || Places.moved(item)));
  }
  get faces() { return this.items.filter((item) => item.found); }
  name(item) { return word(item.found ? "face" : "place", { n: item.n }); }
  static moved(item) { return item.found && item.found.some((value, i) => value !== item.box[i]); }

  /* Remember what is now, before it changes; steps of one drag or one run of keys are one. */
  step(key = "") {
    if (key && key === this.key) return;
    this.key = key;
    this.past.push(structuredClone(this.items));
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
  }
  endStep() { this.key = ""; }

  travel(from, to) {
    if (!from.length) return false;
    to.push(this.items);
    this.items = from.pop();
    this.endStep();
    this.changed();
    return true;
  }
  undo() { return this.travel(this.past, this.future); }
  redo() { return this.travel(this.future, this.past); }

  of(id) { return this.items.find((item) => item.id === id); }

  add(box) {
    this.step();
    this.counter++;
    const item = { id: `d${this.counter}`, n: this.counter, box: box.map(Math.round), found: null, mask: null, on: true };
    this.items = [...this.items, item];
    this.changed();
    return item;
  }

  turn(id) {
    this.step();
    const item = this.of(id);
    item.on = !item.on;
    this.changed();
    return item;
  }

  turnAll(on) {
    if (this.faces.every((item) => item.on === on)) return;
    this.step();
    for (const item of this.faces) item.on = on;
    this.changed();
  }

  nearest(face, frame) {
    let [best, most] = [null, SAME];
    for (const item of this.faces) {
      const share = item.frame === frame ? overlap(item.found, face.found) : 0;
      if (share > most) [best, most] = [item, share];
    }
    return best;
  }

  /* The faces of this frame, followed from frame to frame until one is lost, are covered or kept as they are here. */
  follow(frame) {
    const reached = new Set([frame]);
    this.step();
    for (const face of this.faces.filter((item) => item.frame === frame)) {
      for (const way of [-1, 1]) {
        let last = face;
        for (let next = this.nearest(last, frame + way); next && this.nearest(next, last.frame) === last; next = this.nearest(last, last.frame + way)) {
          next.on = face.on;
          reached.add(next.frame);
          last = next;
        }
      }
    }
    this.changed();
    return reached.size;
  }

  remove(id) {
    this.step();
    this.items = this.items.filter((item) => item.id !== id);
    this.changed();
  }

  /* `edges`: the sides that go along, as "nw"; none: the box moves. `key`: of the step. */
  adjust(id, [l, t, r, b], dx, dy, edges, { width, height }, key) {
    const item = this.of(id), least = Math.max(4, Math.round(Math.min(width, height) / 200));
    if (!item) return;
    this.step(key);
    if (!edges) {
      dx = clamp(dx, -l, width - r); dy = clamp(dy, -t, height - b);
      [l, t, r, b] = [l + dx, t + dy, r + dx, b + dy];
    }
    if (edges.includes("w")) l = clamp(l + dx, 0, r - least);
    if (edges.includes("e")) r = clamp(r + dx, l + least, width);
    if (edges.includes("n")) t = clamp(t + dy, 0, b - least);
    if (edges.includes("s")) b = clamp(b + dy, t + least, height);
    item.box = [l, t, r, b].map(Math.round);
    item.mask = null;
    this.changed();
  }

  /* The options of the service that say the same. A face is kept in its own frame alone: in another one somebody else may
   * stand there. What is drawn or moved is covered in every frame. */
  query(mode) {
    const query = new URLSearchParams(), faces = this.faces, kept = faces.filter((item) => !item.on || Places.moved(item));
    const none = mode === "places" || (faces.length > 0 && kept.length === faces.length) || kept.length > MOST_KEPT;
    if (none) query.set("faces", "false");
    for (const item of this.items) {
      if (mode === "places" && item.found) continue;
      const at = this.frames > 1 && item.found ? `@${item.frame}` : "";
      if (item.on && (!item.found || Places.moved(item))) query.append("regions", item.box.join());
      else if (item.on && none) query.append("regions", item.box.join() + at);
      if (none || !kept.includes(item)) continue;
      const [l, t, r, b] = item.found, x = Math.round((l + r) / 2), y = Math.round((t + b) / 2);
      query.append("keep_regions", [x - KEPT, y - KEPT, x + KEPT + 1, y + KEPT + 1].join() + at);
    }
    return query;
  }
}
