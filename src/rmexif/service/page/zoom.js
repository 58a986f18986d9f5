/* How large the open picture is shown: buttons, the wheel with Ctrl, two fingers. */
import { $, clamp } from "./dom.js";

const MOST = 16;
const HIGH = 0.72; // of the window, what a fitting picture takes at most

export class Zoom {
  constructor(room, stage, changed) {
    Object.assign(this, { room, stage, changed, factor: 1, fingers: new Map() });
    room.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.by(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
    }, { passive: false });
    room.addEventListener("pointerdown", (event) => { if (event.pointerType === "touch") this.fingers.set(event.pointerId, event); }, true);
    room.addEventListener("pointermove", (event) => this.pinch(event), true);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    new ResizeObserver(() => this.apply()).observe(room);
    $("#zoom-in").onclick = () => this.by(1.5);
    $("#zoom-out").onclick = () => this.by(1 / 1.5);
    $("#fit").onclick = () => this.fit();
  }

  fit(width = this.width, height = this.height) {
    Object.assign(this, { width, height, factor: 1 });
    this.apply();
  }

  apply() {
    if (!this.width || !this.room.clientWidth) return;
    const fitting = Math.min(this.room.clientWidth, (HIGH * innerHeight * this.width) / this.height, Math.max(this.width, 320));
    this.stage.style.width = `${Math.max(1, Math.round(fitting * this.factor))}px`;
    this.changed();
  }

  by(factor, x, y) {
    const area = this.room.getBoundingClientRect(), before = this.factor;
    x = (x ?? area.left + area.width / 2) - area.left;
    y = (y ?? area.top + area.height / 2) - area.top;
    this.factor = clamp(before * factor, 1, MOST);
    const grown = this.factor / before, left = (this.room.scrollLeft + x) * grown - x, top = (this.room.scrollTop + y) * grown - y;
    this.apply();
    this.room.scrollTo(left, top);
  }

  /* A place, in px of the picture, in the middle and large. */
  to([l, t, r, b]) {
    this.fit();
    const share = Math.max((r - l) / this.width, (b - t) / this.height, 0.02), scale = () => this.stage.clientWidth / this.width;
    this.factor = clamp(0.4 / share, 1, MOST);
    this.apply();
    this.room.scrollTo(((l + r) / 2) * scale() - this.room.clientWidth / 2, ((t + b) / 2) * scale() - this.room.clientHeight / 2);
  }

  pinch(event) {
    const last = this.fingers.get(event.pointerId);
    if (!last) return;
    const other = [...this.fingers.values()].find((one) => one.pointerId !== event.pointerId);
    this.fingers.set(event.pointerId, event);
    if (!other) return;
    event.stopPropagation(); // two fingers neither draw nor drag
    const gap = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    this.by(gap(event) / gap(last), (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
  }
}
