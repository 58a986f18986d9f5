/* One picture: what is known of it, what is done with it, and what came out. Nothing here draws. */
import { options as credit } from "./credit.js";
import { Places } from "./places.js";
import { Refused, ask, drawn } from "./service.js";
import { session, settings } from "./settings.js";

const DELAY = 250; // ms after the last change, before the service is asked for the masks of drawn places
const SHOWN = ["jpeg", "png", "webp", "avif", "bmp"]; // what a browser shows in the right way; of animations frames are drawn

const OPAQUE = ["jpeg", "bmp"]; // nothing shines through
let count = 0;

export class Picture extends EventTarget {
  constructor(file, name) {
    super();
    Object.assign(this, { file, name, number: ++count, state: "looking", findings: [], frames: 1, version: 0, places: new Places(() => this.edited()) });
  }

  tell(what = "change") { this.dispatchEvent(new Event(what)); }
  become(state) { this.state = state; this.tell(); }
  get refused() { return this.state === "refused"; }
  get unsaved() { return !this.refused && !this.gone && !this.result?.kept; }

  look(options = {}) { return this.seen ??= this.inspect(options); }

  async inspect(options) {
    try {
      const answers = [ask("v1/inspect?values=true", this.file, "application/json", options).then((answer) => answer.json())];
      if (settings.mode === "faces") answers.push(this.search(options));
      const [about] = await Promise.all(answers);
      Object.assign(this, { findings: about.findings, format: about.format, frames: about.frames });
      if (this.state === "looking") this.become("found");
    } catch (error) {
      if (options.signal?.aborted) { this.seen = null; return; }
      this.refuse(error);
    }
  }

  /* Look for faces, again when the depth of the search changes. */
  async search(options = {}) {
    const recall = settings.recall;
    if (this.searched === recall) return;
    const answer = await ask(`v1/preview?picture=false&recall=${recall}`, this.file, "application/json", options);
    const report = await answer.json();
    if (recall !== settings.recall) return;
    Object.assign(this, { searched: recall, width: report.width, height: report.height });
    this.places.found(report.faces, session.cover, report);
    this.tell();
  }

  refuse(error) {
    this.error = error instanceof Refused ? error : new Refused("", String(error));
    this.result = null;
    this.become("refused");
    if (this.error.code === "unauthorized") this.tell("locked");
  }

  /* Places or settings changed: what was cleaned is no longer what they say. */
  edited() {
    this.version++;
    if (this.result) { this.result = null; this.state = "changed"; }
    this.tell();
    clearTimeout(this.timer);
    if (this.places.items.some((item) => !item.mask)) this.timer = setTimeout(() => this.shapes(), DELAY);
  }

  /* The masks of drawn and moved places, from the service: what is shown is what will be covered. */
  async shapes() {
    const open = this.places.items.filter((item) => !item.mask), boxes = open.map((item) => item.box);
    const query = new URLSearchParams(boxes.map((box) => ["regions", box.join()]));
    const answer = await ask(`v1/preview?picture=false&faces=false&${query}`, this.file, "application/json", { first: true }).catch(() => null);
    if (!answer) return; // the box itself stays shown; a scrub covers at least that
    const masks = (await answer.json()).faces.filter((face) => !face.frame && face.label === "region");
    open.forEach((item, i) => {
      const now = this.places.of(item.id);
      if (now?.box === boxes[i]) now.mask = masks[i]?.mask;
    });
    this.tell();
  }

  /* A blob that the browser shows, of a frame before (`after`: of the result). */
  async view(frame, after = false) {
    const blob = after ? this.result?.blob : this.file, format = after ? this.result?.format : this.format;
    if (!blob) return null;
    const plain = this.frames === 1 && (SHOWN.includes(format) || (!format && /^image\/(jpeg|png|webp|avif|bmp|gif)$/.test(blob.type)));
    return plain || (this.frames === 1 && format === "gif") ? blob : drawn(blob, frame, { first: true });
  }

  drawn(frame) { return drawn(this.file, frame, { first: true }); }

  request() {
    if (settings.mode === "metadata") return `v1/strip?${credit()}`;
    const query = this.places.query(settings.mode);
    for (const name of ["style", "recall", "output"]) if (settings[name]) query.set(name, settings[name]);
    query.set("stealth", settings.stealth);
    for (const [name, value] of credit()) query.append(name, value);
    return `v1/scrub?${query}`;
  }

  /* The options for one frame as it will look: those of the scrub, on the grid of what is shown. */
  lookRequest(frame) {
    const query = this.places.query(settings.mode), output = OPAQUE.includes(this.format) ? "jpeg" : "webp";
    const own = { style: settings.style, recall: settings.recall, stealth: false, covered: true, frame, output, quality: 85 };
    for (const [name, value] of Object.entries(own)) query.set(name, value);
    return query.toString();
  }

  async lookOf(frame, signal) {
    const answer = await ask(`v1/preview?${this.lookRequest(frame)}`, this.file, "image/*", { first: true, signal });
    return answer.blob();
  }

  async clean(options = {}) {
    await this.look(options);
    if (settings.mode === "faces" && !this.refused) await this.search(options).catch((error) => this.refuse(error));
    if (this.refused || options.signal?.aborted) return;
    const version = this.version, before = this.state;
    this.become("cleaning");
    try {
      const answer = await ask(this.request(), this.file, "image/*", options);
      const report = JSON.parse(answer.headers.get("X-Rmexif-Report")), blob = await answer.blob();
      const extension = /filename="image(\.\w+)"/.exec(answer.headers.get("Content-Disposition"))[1];
      const format = report.output_format ?? this.format;
      if (version === this.version) this.result = { blob, extension, report, format, kept: false };
      this.become(version === this.version ? "cleaned" : "changed");
    } catch (error) {
      if (options.signal?.aborted) this.become(before);
      else this.refuse(error);
    }
  }

  keep() { this.result.kept = true; this.tell(); }

  anew() {
    Object.assign(this, { seen: null, searched: null, error: null });
    this.become("looking");
  }

  again() {
    this.anew();
    return this.look();
  }
}
