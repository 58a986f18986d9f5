/* All pictures side by side: a tile each, refused ones first, moved through by keys. */
import { $, button, make } from "./dom.js";
import { telling } from "./findings.js";
import { settings } from "./settings.js";
import { word } from "./speech.js";
import { thumbnail } from "./thumbnails.js";

const tiles = new Map();
const list = $("#tiles");

export function about(picture) {
  if (picture.refused) return picture.error.plain;
  if (picture.state === "cleaned") return word(picture.result.kept ? "saved" : "cleaned");
  if (picture.state !== "found") return word(picture.state);
  const hidden = telling(picture.findings).length, parts = [hidden ? word("details", { n: hidden }) : word("nothingHidden")];
  const count = picture.places.faces.length;
  if (picture.searched && settings.mode === "faces") parts.unshift(count ? word("facesFound", { n: count }) : word("noFace"));
  return parts.join(" · ");
}

function refresh(picture) {
  const tile = tiles.get(picture);
  if (!tile) return;
  tile.dataset.state = picture.result?.kept ? "saved" : picture.state;
  $(".about", tile).textContent = about(picture);
  if (picture.refused && !tile.classList.contains("first")) {
    const focused = document.activeElement === $("button", tile), last = [...list.querySelectorAll(".first")].pop();
    tile.classList.add("first");
    if (last) last.after(tile); else list.prepend(tile);
    if (focused) $("button", tile).focus();
  }
  if (!picture.refused) tile.classList.remove("first");
}

export function put(pictures, open) {
  const fresh = document.createDocumentFragment();
  for (const picture of pictures) {
    const tile = make("li"), inner = button("", "tile", () => open(picture)), canvas = make("canvas");
    const shown = make("span", "", "shown");
    shown.append(canvas);
    inner.append(shown, make("span", picture.name, "name"), make("span", "", "about"));
    tile.append(inner);
    tiles.set(picture, tile);
    fresh.append(tile);
    picture.addEventListener("change", () => refresh(picture));
    thumbnail(picture, canvas);
    refresh(picture);
  }
  list.append(fresh);
}

export function take(picture) {
  tiles.get(picture)?.remove();
  tiles.delete(picture);
}

export const order = () => {
  const at = new Map([...tiles].map(([picture, tile]) => [tile, picture]));
  return [...list.children].map((tile) => at.get(tile));
};
export const focus = (picture) => $("button", tiles.get(picture) ?? list)?.focus();
export const translate = () => { for (const picture of tiles.keys()) refresh(picture); };

list.addEventListener("keydown", (event) => {
  const all = [...list.querySelectorAll("button")], here = all.indexOf(document.activeElement);
  if (here < 0) return;
  const top = all[0].getBoundingClientRect().top, row = all.filter((one) => one.getBoundingClientRect().top === top).length;
  const on = getComputedStyle(list).direction === "rtl" ? -1 : 1;
  const way = { ArrowLeft: -on, ArrowRight: on, ArrowUp: -row, ArrowDown: row, Home: -here, End: all.length - 1 - here }[event.key];
  if (way === undefined) return;
  event.preventDefault();
  all[Math.max(0, Math.min(all.length - 1, here + way))].focus();
});
