/* What may stay of a picture's hidden data: chosen groups, texts to write, and what the service makes of both. */
import { $, make } from "./dom.js";
import { ask } from "./service.js";
import { settings } from "./settings.js";
import { word } from "./speech.js";

const GROUPS = ["copyright", "description", "camera", "resolution", "provenance-ai"];
const FIELDS = { // that can be written: the group of each
  creator: "copyright", copyright: "copyright", "credit-line": "copyright", source: "copyright", "usage-terms": "copyright",
  "licence-url": "copyright", headline: "description", description: "description", "alt-text": "description",
};
const REASONS = { // as the service gives them
  "longer than its field may be": "reason_length", "control characters": "reason_signs",
  "hidden, private or bidirectional characters": "reason_signs", "an address, an e-mail or a phone number": "reason_address",
  coordinates: "reason_coordinates", "an opaque code": "reason_code", "not of the form of its field": "reason_form",
  "no text in its encoding": "reason_signs", "the format of the output holds none": "reason_format",
};
const DOT = Uint8Array.from(atob("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs="), (sign) => sign.charCodeAt(0)); // a GIF of 1 px
const texts = new Map(); // by field, as long as the page is open: names of people are no settings
const known = new WeakMap(); // what was said of a file, and of which question

const reason = (text) => word(REASONS[Object.keys(REASONS).find((one) => text.endsWith(one))] ?? "reason_form");

function groups() {
  const chosen = GROUPS.filter((name) => settings[`keep-${name}`]);
  return settings["keep-date"] ? [...chosen, `date=${settings["keep-date"]}`] : chosen;
}

/* The options of the service that say what stays. */
export function options() {
  const query = new URLSearchParams();
  if (groups().length) query.set("keep", groups().join());
  for (const [field, text] of texts) query.append("set", `${field}=${text}`);
  return query;
}

/* A text that may not be written is left out, and the field says why. */
async function judge(input) {
  const field = input.name.slice("set-".length), text = input.value.trim(), note = $(`#${input.getAttribute("aria-describedby")}`);
  texts.delete(field);
  const refusal = !text ? null : await ask(`v1/inspect?${new URLSearchParams({ set: `${field}=${text}` })}`, DOT, "application/json").then(() => null, (error) => error);
  if (input.value.trim() !== text) return false;
  if (text && !refusal) texts.set(field, text);
  input.setAttribute("aria-invalid", Boolean(refusal));
  note.textContent = !refusal ? "" : refusal.code === "invalid_policy" ? word("leftOutBecause", { reason: reason(refusal.message) }) : refusal.plain;
  return true;
}

/* `changed` is called whenever something else may stay. */
export function begin(changed) {
  for (const [field, group] of Object.entries(FIELDS)) {
    const label = make("label", "", `of-${group}`), name = make("span"), input = make("input"), note = make("small");
    name.dataset.word = `field_${field}`;
    note.id = `note-${field}`;
    Object.assign(input, { type: "text", name: `set-${field}`, maxLength: 2000, autocomplete: "off", dir: "auto" });
    input.setAttribute("aria-describedby", note.id);
    input.onchange = (event) => { event.stopPropagation(); judge(input).then((done) => { if (done) changed(); }); };
    label.append(name, input, note);
    $("#texts").append(label);
  }
}

/* What stays: before, of the file, as a strip would write it; after, what is in the result. */
async function question(picture) {
  const { result } = picture, query = options();
  if (result) {
    query.delete("set");
    query.set("keep", [...new Set([...groups(), ...[...texts.keys()].map((field) => FIELDS[field])])].join());
  }
  query.set("values", "true");
  const answer = await ask(`v1/inspect?${query}`, (result ?? picture).blob ?? picture.file, "application/json", { first: true });
  const { credit } = await answer.json();
  return { ...credit, dropped: result?.report.credit?.dropped ?? credit.dropped };
}

function list(rows) {
  const node = make("dl");
  for (const [name, text] of rows) {
    const value = make("dd", text);
    value.dir = "auto";
    node.append(make("dt", name), value);
  }
  return node;
}

function draw(root, { kept, dropped }, after) {
  const gone = new Map(dropped.filter(({ field }) => !kept.some((one) => one.field === field)).map(({ field, reason: why }) => [field, why]));
  root.replaceChildren(make("strong", word(kept.length ? (after ? "stayed" : "willStay") : "nothingStays")));
  root.append(list(kept.map(({ field, value }) => [word(`field_${field}`), value])));
  if (gone.size) root.append(make("b", word("leftOut")), list([...gone].map(([field, why]) => [word(`field_${field}`), reason(why)])));
}

/* Say in `root` what stays of a picture, as long as `current()` says that it is still the one. */
export async function reveal(root, picture, current) {
  const file = picture.result?.blob ?? picture.file, asked = options().toString();
  root.hidden = !asked || picture.refused || picture.state === "looking";
  if (root.hidden) return;
  if (known.get(file)?.asked !== asked) {
    const answer = question(picture);
    known.set(file, { asked, answer });
    answer.catch(() => known.delete(file));
  }
  const answer = await known.get(file).answer.catch(() => null);
  if (answer && current() === picture && options().toString() === asked && (picture.result?.blob ?? picture.file) === file) {
    draw(root, answer, Boolean(picture.result));
  }
}
