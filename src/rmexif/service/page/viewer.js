/* The open picture: what it gives away, its places, its frames, and before and after. */
import * as credit from "./credit.js";
import { $, button, enable, make, say } from "./dom.js";
import { Editor } from "./editor.js";
import { reveal } from "./findings.js";
import { Look } from "./look.js";
import { settings } from "./settings.js";
import { number, size, word } from "./speech.js";
import { Zoom } from "./zoom.js";

const CHIP = 56; // px
const root = $("#picture"), stage = $("#stage"), before = $("#before"), after = $("#after");
const editor = new Editor(stage), zoom = new Zoom($("#room"), stage, () => { editor.refresh(); split(); });
const look = new Look($("#look"), $("#looked"), stage, show);
let picture = null, frame = 0, view = "mark", shown = null, events = null, told = null;

export const current = () => picture;

export function open(one) {
  close();
  [picture, frame, view, events, told] = [one, 0, "mark", new AbortController(), null];
  root.hidden = false;
  for (const image of [before, after]) forget(image);
  $("#name").textContent = one.name;
  $("#remove").setAttribute("aria-label", word("removeNamed", { name: one.name }));
  $("#reveals").setAttribute("aria-busy", true);
  $("#reveals").replaceChildren(make("strong", word("lookingAt")));
  picture.addEventListener("change", refresh, { signal: events.signal });
  refresh();
  one.look({ first: true }).then(() => { if (picture === one && !one.refused) { retell(); load(); } });
}

export function close() {
  events?.abort();
  look.forget();
  editor.close();
  for (const place of ["#chips", "#refusal", "#stays"]) $(place).replaceChildren();
  for (const image of [before, after]) forget(image);
  [picture, shown] = [null, null];
  root.hidden = true;
}

export function retell() {
  if (!picture) return;
  told = null;
  refresh();
}

function forget(image) {
  URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  image.hidden = true;
}

async function show(image, blob) {
  forget(image);
  if (!blob) return;
  image.src = URL.createObjectURL(blob);
  await image.decode();
  image.hidden = false;
}

/* The view of the frame, before and, where there is one, after; what a browser cannot show the service draws. */
async function load() {
  const one = picture, at = frame;
  let blob = await one.view(at).catch(() => null);
  if (picture !== one || frame !== at) return;
  const fine = await show(before, blob).then(() => Boolean(blob), () => false);
  if (!fine) {
    blob = await one.drawn(at).catch(() => null);
    if (picture !== one || frame !== at) return;
    await show(before, blob).catch(() => forget(before));
  }
  $("#unseen").hidden = !before.hidden;
  if (before.hidden) return;
  one.width ??= before.naturalWidth;
  one.height ??= before.naturalHeight;
  const first = zoom.width !== one.width || zoom.height !== one.height || stage.dataset.of !== one.name;
  stage.dataset.of = one.name;
  if (first) zoom.fit(one.width, one.height);
  shown = null;
  refresh();
}

async function loadAfter() {
  const one = picture, { result } = one, at = frame, key = `${at}`;
  if (shown?.result === result && shown.key === key) return;
  shown = { result, key };
  const blob = await one.view(at, true).catch(() => null);
  if (picture !== one || one.result !== result || frame !== at) return;
  await show(after, blob).catch(() => forget(after));
  refreshView();
}

function facts() {
  const parts = [picture.format?.toUpperCase(), picture.width && `${number(picture.width)} × ${number(picture.height)} px`];
  if (picture.frames > 1) parts.push(word("frames", { n: picture.frames }));
  return [...parts.filter(Boolean), size(picture.file.size)].join(" · ");
}

function outcome() {
  if (picture.state !== "cleaned") return picture.state === "found" ? foundText() : word(picture.state);
  const { report, blob } = picture.result, covered = report.faces?.length ?? report.faces_detected ?? 0, stays = report.credit?.kept.length;
  const text = word("outcome", {
    details: word("details", { n: report.findings_count }), places: word("placesCovered", { n: covered }), size: size(blob.size),
  });
  return stays ? `${text} · ${word("fieldsStay", { n: stays })}` : text;
}

function foundText() {
  if (settings.mode !== "faces" || !picture.searched || !document.body.classList.contains("many")) return ""; // the bar says it of one
  const count = picture.places.faces.length;
  return count ? word("facesFound", { n: count }) : word("noFace");
}

function refresh() {
  if (!picture) return;
  $("#facts").textContent = facts();
  const { refused } = picture, ready = !refused && picture.state !== "looking" && !before.hidden;
  $("#reveals").hidden = $("#bench").hidden = refused;
  $("#refusal").hidden = !refused;
  if (refused) refuse();
  $("#outcome").textContent = refused ? "" : outcome();
  const marks = ready && settings.mode !== "metadata";
  for (const name of ["#add", "#draw", "#cover-all", "#keep-all"]) $(name).disabled = !marks;
  enable($("#undo"), picture.places.past.length > 0);
  enable($("#redo"), picture.places.future.length > 0);
  $("#cover-all").hidden = $("#keep-all").hidden = settings.mode !== "faces" || !picture.places.faces.length;
  $("#look").disabled = !marks;
  $("#frames").hidden = picture.frames < 2;
  $("#follow").hidden = settings.mode !== "faces" || !picture.places.animation;
  $("#follow").disabled = !marks || !picture.places.faces.some((item) => item.frame === frame);
  $("#frame").textContent = word("frame", { n: frame + 1, all: picture.frames });
  enable($("#frame-back"), frame > 0);
  enable($("#frame-on"), frame < picture.frames - 1);
  if (ready) editor.open(picture, frame);
  else if (!refused) editor.layer.replaceChildren();
  chips(ready);
  refreshView();
  look.want(marks && view === "mark" ? picture : null, frame);
  credit.reveal($("#stays"), picture, current);
  const removed = picture.state !== "cleaned" ? "" : picture.result.report.credit?.kept.length ? "removedBut" : "removedFrom";
  if (told !== removed && picture.state !== "looking" && !refused) reveal($("#reveals"), picture.findings, told = removed);
}

function refuse() {
  const place = $("#refusal"), { error } = picture;
  place.replaceChildren(make("b", error.plain));
  if (error.message) {
    const more = make("details");
    more.append(make("summary", word("technical")), make("small", error.message));
    place.append(more);
  }
  if (error.mayPass) place.append(button(word("again"), "", () => { const one = picture; one.again().then(() => { if (picture === one) open(one); }); }));
}

function refreshView() {
  const done = picture.state === "cleaned" && picture.result;
  const fields = document.querySelectorAll("#view input");
  for (const field of fields) if (field.value !== "mark") field.disabled = !done;
  if (!done) { view = "mark"; if (!after.hidden) forget(after); shown = null; }
  for (const field of fields) field.checked = field.value === view;
  stage.dataset.view = root.dataset.view = view;
  $("#divide").hidden = view !== "slider" || after.hidden;
  if (done && view !== "mark") loadAfter();
  split();
}

/* What is left of the line is before, what is right of it after, in every language. */
function split() {
  const share = Number($("#divide").value);
  after.style.clipPath = view === "slider" ? `inset(0 0 0 ${share}%)` : "";
  $("#line").style.left = `${share}%`;
  $("#divide").style.width = `${Math.min(stage.clientWidth, $("#room").clientWidth)}px`;
}

function slide(event) {
  const area = stage.getBoundingClientRect();
  $("#divide").value = (100 * (event.clientX - area.left)) / area.width;
  split();
}

export function compare() {
  if (picture?.state !== "cleaned") return;
  view = "slider";
  refreshView();
}

/* ---- every place of the frame, large enough for a finger, also in a crowd ---- */
function crop(canvas, [l, t, r, b]) {
  const side = Math.max(r - l, b - t, 1) * 1.3, scale = before.naturalWidth / picture.width;
  const x = (l + r - side) / 2, y = (t + b - side) / 2;
  canvas.width = canvas.height = 2 * CHIP;
  canvas.getContext("2d").drawImage(before, x * scale, y * scale, side * scale, side * scale, 0, 0, 2 * CHIP, 2 * CHIP);
}

function chips(ready) {
  const row = $("#chips"), items = ready ? picture.places.in(frame).filter((item) => editor.node(item.id)) : [];
  const old = new Map([...row.children].map((node) => [node.dataset.place, node]));
  for (const [id, node] of old) if (!items.some((item) => item.id === id)) node.remove();
  for (const item of items) {
    const name = picture.places.name(item), key = `${item.box}|${before.src}`;
    let chip = old.get(item.id);
    if (!chip) {
      chip = make("li");
      chip.dataset.place = item.id;
      const face = button("", "chip", () => editor.turn(item.id));
      face.append(make("canvas"), make("span"));
      face.onfocus = face.onpointerenter = () => editor.node(item.id)?.classList.add("lit");
      face.onblur = face.onpointerleave = () => editor.node(item.id)?.classList.remove("lit");
      chip.append(face, button("⌕", "near", () => { zoom.to(picture.places.of(item.id).box); editor.node(item.id).focus({ preventScroll: true }); }));
      row.append(chip);
    }
    const [face, near] = chip.children;
    face.setAttribute("aria-pressed", item.on);
    face.setAttribute("aria-label", word("coverIt", { name }));
    near.setAttribute("aria-label", word("zoomTo", { name }));
    $("span", face).textContent = `${item.found ? "" : "+"}${item.n}`;
    if (chip.dataset.key !== key) { crop($("canvas", face), item.box); chip.dataset.key = key; }
  }
  row.hidden = !items.length;
}

function step(way) {
  if (!picture || frame + way < 0 || frame + way >= picture.frames) return;
  frame += way;
  say(word("frame", { n: frame + 1, all: picture.frames }));
  load();
  refresh();
}

export function undo(back) {
  if (picture && (back ? picture.places.undo() : picture.places.redo())) say(word(back ? "undo" : "redo"));
}

function toggleDrawing(on) {
  editor.drawing = on;
  stage.classList.toggle("drawing", on);
  $("#draw").setAttribute("aria-pressed", on);
  if (on) say(word("drawOn"));
}

$("#add").onclick = () => { view = "mark"; refreshView(); editor.add(); };
$("#draw").onclick = () => { view = "mark"; refreshView(); toggleDrawing(!editor.drawing); };
$("#undo").onclick = () => undo(true);
$("#redo").onclick = () => undo(false);
$("#cover-all").onclick = () => picture.places.turnAll(true);
$("#keep-all").onclick = () => picture.places.turnAll(false);
$("#look").onclick = () => {
  look.toggle(!look.on);
  view = "mark";
  say(word(look.on ? "looking" : "marksShown"));
  refresh();
};
$("#follow").onclick = () => say(word("followed", { n: picture.places.follow(frame), all: picture.frames }));
$("#frame-back").onclick = () => step(-1);
$("#frame-on").onclick = () => step(1);
$("#view").onchange = (event) => { view = event.target.value; refresh(); };
$("#divide").oninput = split;
stage.addEventListener("pointerdown", (event) => {
  if (view !== "slider" || !event.isPrimary || event.button) return;
  event.preventDefault();
  stage.setPointerCapture(event.pointerId);
  slide(event);
});
stage.addEventListener("pointermove", (event) => { if (stage.hasPointerCapture(event.pointerId)) slide(event); });
