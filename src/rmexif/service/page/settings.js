/* What a person chose: kept for the next drop and the next visit. Nothing else is ever stored. */
import { $ } from "./dom.js";

const KEY = "rmexif";
const CHOICES = {
  mode: ["faces", "metadata", "places"], style: ["blur", "fill", "solid"], recall: ["balanced", "high", "max"],
  output: ["", "jpeg", "png", "webp"], names: ["neutral", "suffix"], stealth: [true, false], table: [false, true],
  "keep-copyright": [false, true], "keep-description": [false, true], "keep-camera": [false, true], "keep-resolution": [false, true],
  "keep-provenance-ai": [false, true], "keep-date": ["", "year", "month", "day"],
};

export const settings = Object.fromEntries(Object.entries(CHOICES).map(([name, values]) => [name, values[0]]));
export const session = { cover: true }; // whether faces of the next drop start covered; a new visit starts safe

export function load() {
  let kept = {};
  try { kept = JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { kept = {}; } // no storage, or not ours: defaults
  for (const [name, values] of Object.entries(CHOICES)) if (values.includes(kept[name])) settings[name] = kept[name];
  settings.language = typeof kept.language === "string" ? kept.language : "";
  show();
}

export function change(name, value) {
  settings[name] = value;
  const chosen = Object.entries(settings).filter(([key, now]) => (CHOICES[key]?.[0] ?? "") !== now);
  try {
    if (chosen.length) localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(chosen)));
    else localStorage.removeItem(KEY);
  } catch { /* a browser without storage: the settings last as long as the page */ }
  show();
}

export function show() {
  const form = $("#options");
  for (const name of Object.keys(CHOICES)) {
    const field = form.elements[name];
    if (field.type === "checkbox") field.checked = settings[name]; else field.value = settings[name];
  }
  document.body.dataset.mode = settings.mode;
  for (const name of ["style", "recall", "output", "stealth"]) form.elements[name].disabled = settings.mode === "metadata";
  if (settings.mode === "places") form.elements.recall.disabled = true;
}
