/* What a picture gives away, in words; structure names only where "Details" is opened. */
import { $, make } from "./dom.js";
import { moment, number, size, word } from "./speech.js";

const ORDER = ["location", "time", "person", "device", "software", "identifier", "embedded_image", "text", "provenance", "unknown"];
const MOST = 6; // values of one kind
const PLUMBING = /(^|\/)ICC\/|^(iCCP|ICCP|colr|ftyp|gap)\b|\/(infe|hdlr|ipco|iref|ispe|hvcC|thmb|cdsc)\b|GPSVersionID$|ExifVersion$|FlashpixVersion$/;

/* Colour profiles and the file's own plumbing go too, but say nothing about a person. */
export const telling = (findings) => findings.filter((item) => !PLUMBING.test(item.where));

function plain(item) {
  if (item.category === "embedded_image" || !item.value) return size(item.length);
  return item.category === "time" ? moment(item.value) : item.value;
}

/* Exposure, offsets and references are counted and listed under "Details"; a person reads names, dates and places. */
function isWords(item) {
  if (item.category === "embedded_image" || !item.value) return true;
  if (item.category === "time") return /^\d{4}[:-]\d\d[:-]\d\d/.test(item.value);
  if (item.category === "location" && item.value.length < 2) return false;
  return !["device", "location"].includes(item.category) || !/^[\d\s.,:/-]*$/.test(item.value) || /GPSPosition$|Serial|ID$/.test(item.where);
}

function position(findings) {
  const found = findings.find((item) => item.where.endsWith("/GPSPosition") && item.value);
  const [north, east] = (found?.value ?? "").split(",").map(Number);
  return Math.abs(north) <= 90 && Math.abs(east) <= 180 ? [north, east] : null;
}

function map([north, east]) {
  const node = $("#map").content.firstElementChild.cloneNode(true);
  const text = `${number(Math.abs(north), 4)}° ${north < 0 ? "S" : "N"}, ${number(Math.abs(east), 4)}° ${east < 0 ? "W" : "E"}`;
  for (const circle of node.querySelectorAll("circle")) { circle.setAttribute("cx", east); circle.setAttribute("cy", -north); }
  $(".aim", node).setAttribute("d", `M-180 ${-north}H180M${east} -90V90`);
  $("svg", node).setAttribute("aria-label", word("worldMap", { place: text }));
  $("figcaption", node).textContent = text;
  return node;
}

function technical(findings) {
  const node = make("details", "", "technical"), list = make("ul");
  for (const item of findings) list.append(make("li", `${item.where}: ${size(item.length)}`));
  node.append(make("summary", word("technical")), list);
  return node;
}

/* `removed`: the word that says so, of a cleaned copy. */
export function reveal(root, findings, removed = "") {
  const groups = new Map();
  for (const item of telling(findings)) {
    if (!groups.has(item.category)) groups.set(item.category, { words: new Set(), others: new Set() });
    groups.get(item.category)[isWords(item) ? "words" : "others"].add(plain(item));
  }
  const list = make("dl");
  for (const key of ORDER.filter((name) => groups.has(name))) {
    const { words, others } = groups.get(key), values = words.size ? [...words] : [...others];
    const rest = Math.max(0, values.length - MOST) + (words.size ? others.size : 0);
    const shown = values.slice(0, MOST).map((value) => value.slice(0, 120)).join(" · ");
    const value = make("dd", rest > 0 ? `${shown}, ${word("andMore", { n: rest })}` : shown);
    value.dir = "auto";
    list.append(make("dt", word(key)), value);
  }
  const place = position(findings);
  root.setAttribute("aria-busy", false);
  root.classList.toggle("nothing", Boolean(removed) || !groups.size);
  root.replaceChildren(make("strong", word(!groups.size ? "nothing" : removed || "found")));
  if (groups.size) root.append(list);
  if (place) root.append(map(place));
  if (findings.length) root.append(technical(findings));
}
