/* How the open frame will look: covered by the service itself, and shown only while it is what places and settings say. */
import { say } from "./dom.js";
import { Refused } from "./service.js";
import { word } from "./speech.js";

const DELAY = 300; // ms after the last change, before the service is asked

export class Look {
  constructor(button, image, stage, show) {
    Object.assign(this, { button, image, stage, show, on: false, wanted: "" });
  }

  toggle(on) {
    this.on = on;
    this.button.setAttribute("aria-pressed", on);
    if (!on) this.forget();
  }

  forget() {
    this.over?.abort();
    clearTimeout(this.timer);
    this.wanted = "";
    this.show(this.image, null);
    this.stage.classList.remove("looked");
    this.button.removeAttribute("aria-busy");
  }

  /* What is wanted now: the same again costs nothing, another one takes the place of the one under way. */
  want(picture, frame) {
    if (!this.on) return;
    const wanted = picture ? `${picture.number}?${picture.lookRequest(frame)}` : "";
    if (wanted === this.wanted) return;
    this.forget();
    if (!wanted) return;
    this.wanted = wanted;
    this.button.setAttribute("aria-busy", true);
    this.timer = setTimeout(() => this.fetch(picture, frame, wanted), DELAY);
  }

  async fetch(picture, frame, wanted) {
    const { signal } = this.over = new AbortController();
    try {
      const blob = await picture.lookOf(frame, signal);
      if (signal.aborted || wanted !== this.wanted) return;
      await this.show(this.image, blob);
      if (wanted !== this.wanted) return;
      this.stage.classList.add("looked");
      say(word("looksSo"));
    } catch (error) {
      if (signal.aborted || wanted !== this.wanted) return;
      this.toggle(false);
      say(error instanceof Refused ? error.plain : word("uncertain"));
    }
    this.button.removeAttribute("aria-busy");
  }
}
