/* The language of the page: which one, and how texts, numbers and sizes are said in it. */
import { LANGUAGES, WORDS } from "./words.js";

const CODES = Object.keys(LANGUAGES);
const formats = new Map(); // making one costs far more than using it
let code = "en";

function format(kind, options = {}) {
  const key = `${code} ${kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(code, options));
  return formats.get(key);
}

export const language = () => code;
export const best = (wanted) => wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => CODES.includes(tag)) ?? "en";
export const number = (value, digits = 0) => format(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);
export const size = (bytes) => (bytes < 1e6 ? `${number(Math.ceil(bytes / 1e3))} kB` : `${number(bytes / 1e6, 1)} MB`);

export function duration(seconds) {
  const minutes = seconds >= 90, value = Math.max(1, Math.round(minutes ? seconds / 60 : seconds));
  return new Intl.NumberFormat(code, { style: "unit", unit: minutes ? "minute" : "second", unitDisplay: "long" }).format(value);
}

export function moment(text) {
  const found = /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d)/.exec(text);
  if (!found) return text;
  const [year, month, day, hour, minute] = found.slice(1).map(Number), date = new Date(year, month - 1, day, hour, minute);
  if (Number.isNaN(date.getTime())) return text;
  return new Intl.DateTimeFormat(code, { dateStyle: "long", timeStyle: "short" }).format(date);
}

export function word(key, values = {}) {
  const texts = (WORDS[key] ?? WORDS.uncertain)[CODES.indexOf(code)].split("|");
  const many = texts.length > 1 && format(Intl.PluralRules).select(values.n) !== "one";
  return texts[many ? 1 : 0].replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

export function translate(root) {
  for (const node of root.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of root.querySelectorAll("[data-label]")) node.setAttribute("aria-label", word(node.dataset.label));
  for (const node of root.querySelectorAll("[data-alt]")) node.alt = word(node.dataset.alt);
}

export function speak(wanted) {
  code = CODES.includes(wanted) ? wanted : "en";
  document.documentElement.lang = code;
  document.documentElement.dir = "ltr"; // a right-to-left column of WORDS would say so here; the style is logical
  document.title = `rmexif: ${word("title")}`;
  translate(document);
}
