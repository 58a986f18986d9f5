/* The page: pictures come in, are looked at, cleaned and taken home. */
import * as credit from "./credit.js";
import { $, enable, say } from "./dom.js";
import * as grid from "./grid.js";
import { receive } from "./intake.js";
import { Picture } from "./picture.js";
import { each, running, stop } from "./run.js";
import { save } from "./saving.js";
import { hasToken, setToken, stay } from "./service.js";
import { change, load, session, settings, show } from "./settings.js";
import { best, speak, word } from "./speech.js";
import * as viewer from "./viewer.js";
import { LANGUAGES } from "./words.js";

const SLICE = 25; // tiles made in one go
const NARROW = matchMedia("(max-width: 50rem)");
const pictures = new Set();
const sound = () => grid.order().filter((picture) => !picture.refused);
const waiting = () => sound().filter((picture) => !picture.result);

const passing = () => [...pictures].filter((picture) => picture.refused && picture.error.mayPass);

let due = false;
function refresh() { // once a frame, however many pictures change
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; draw(); });
}

function draw() {
  const fine = sound(), done = fine.filter((picture) => picture.result), open = waiting();
  const clean = $("#clean-all"), home = $("#save-all");
  document.body.classList.toggle("busy", pictures.size > 0);
  document.body.classList.toggle("many", pictures.size > 1);
  document.body.classList.toggle("open", viewer.current() !== null);
  $("#options").hidden = !pictures.size;
  $("#grid").hidden = pictures.size < 2 || viewer.current() !== null;
  $("#count").textContent = word("pictures", { n: pictures.size });
  $("#walk").hidden = pictures.size < 2;
  $("#again").hidden = !passing().length;
  $("#again").textContent = word("againAll", { n: passing().length });
  home.hidden = !done.length;
  home.textContent = done.length > 1 ? word("saveAll", { n: done.length }) : word("save");
  clean.hidden = !open.length && !running();
  enable(clean, !running() && open.length > 0);
  clean.textContent = fine.length > 1 ? word("cleanAll", { n: open.length }) : word("clean");
  $("#clean-one").hidden = $("#save-one").hidden = pictures.size < 2;
  const one = viewer.current();
  if (one) {
    enable($("#clean-one"), !one.refused && !one.result && !["looking", "cleaning"].includes(one.state));
    enable($("#save-one"), Boolean(one.result));
  }
  home.classList.toggle("primary", clean.hidden);
}

function open(picture, place = "#name") {
  viewer.open(picture);
  draw();
  if (pictures.size > 1) { $(place).focus(); scrollTo(0, 0); }
  else if (NARROW.matches) $("#picture").scrollIntoView(); // what somebody chose is what they see first
}

function back() {
  const picture = viewer.current();
  if (!picture || pictures.size < 2) return;
  viewer.close();
  draw();
  grid.focus(picture);
}

function walk(way, fits = () => true) {
  const all = grid.order(), here = all.indexOf(viewer.current());
  for (let i = 1; i <= all.length; i++) {
    const one = all[(here + way * i + all.length * 2) % all.length];
    if (fits(one)) { open(one); return; }
  }
}

async function take(files) {
  const fresh = files.map((file) => new Picture(file, file.name || word("pasted")));
  if (!fresh.length) return;
  const before = pictures.size;
  for (const picture of fresh) {
    pictures.add(picture);
    picture.addEventListener("change", refresh);
    picture.addEventListener("locked", unlock);
  }
  if (pictures.size === 1) open(fresh[0]); else if (before < 2) viewer.close();
  for (let at = 0; at < fresh.length; at += SLICE) { // the page stays awake while hundreds come in
    if (at) await new Promise((done) => { setTimeout(done); });
    grid.put(fresh.slice(at, at + SLICE), open);
    draw();
  }
  await look(fresh);
}

function again(some = passing()) {
  for (const picture of some) picture.anew();
  return look(some);
}

async function look(some) {
  say(word("looking"));
  if (await each(some, (picture, signal) => picture.look({ signal }), refresh)) report();
}

function report() {
  const fine = sound(), faces = fine.reduce((sum, picture) => sum + picture.places.faces.length, 0), count = word("pictures", { n: fine.length });
  const refused = [...pictures].find((picture) => picture.refused);
  if (!fine.length && refused) say(refused.error.plain);
  else if (settings.mode === "faces" && !faces) say(word("readyNone", { pictures: count }));
  else if (settings.mode === "faces") say(word("ready", { faces: word("facesFound", { n: faces }), pictures: count }));
  else say(word("readyPlain", { pictures: count }));
}

async function cleanAll() {
  if (running() || !waiting().length) return;
  const pressed = document.activeElement === $("#clean-all");
  refresh();
  say(word("cleaning"));
  if (!await each(waiting(), (picture, signal) => picture.clean({ signal }), refresh)) return;
  draw();
  if (pressed && document.activeElement === document.body && !$("#save-all").hidden) $("#save-all").focus();
  const done = sound().filter((picture) => picture.result).length;
  if (pictures.size === 1) viewer.compare();
  say(word("done", { done, pictures: word("pictures", { n: pictures.size }) }));
}

async function cleanOne() {
  const one = viewer.current();
  if (one.refused || one.result || ["looking", "cleaning"].includes(one.state)) return;
  await one.clean({ first: true });
  if (viewer.current() === one) viewer.compare();
  draw();
}

function remove(picture) {
  const all = grid.order(), next = all[all.indexOf(picture) + 1] ?? all[all.indexOf(picture) - 1];
  picture.gone = true;
  pictures.delete(picture);
  viewer.close();
  grid.take(picture);
  if (pictures.size === 1) open(next);
  draw();
  if (next && pictures.size > 1) grid.focus(next); else if (!next) $("#files").focus();
  say(word("removed", { name: picture.name }));
}

const unsaved = () => [...pictures].some((picture) => picture.unsaved);

function clear() {
  if (unsaved() && !confirm(word("clearAsk"))) return;
  stop();
  viewer.close();
  for (const picture of pictures) {
    picture.gone = true;
    grid.take(picture);
  }
  pictures.clear();
  draw();
  $("#files").focus();
  say(word("cleared"));
}

function unlock() {
  if (!$("#door").hidden) return;
  const why = $("#door p");
  why.dataset.word = hasToken() ? "doorWrong" : "door";
  why.textContent = word(why.dataset.word);
  $("#door").hidden = false;
  $("#token").focus();
}

function edited() {
  for (const picture of pictures) if (!picture.refused) picture.edited();
}

async function chosen(event) {
  const { name } = event.target;
  if (!(name in settings)) return;
  change(name, event.target.type === "checkbox" ? event.target.checked : event.target.value);
  if (["names", "table"].includes(name)) return;
  edited();
  if (settings.mode === "faces" && ["mode", "recall"].includes(name)) {
    say(word("looking"));
    const search = (picture, signal) => picture.look({ signal }).then(() => picture.search({ signal })).catch((error) => { if (!signal.aborted) picture.refuse(error); });
    if (!await each(sound(), search, refresh)) return;
  }
  report();
}

function all(on) {
  session.cover = on;
  for (const picture of pictures) picture.places.turnAll(on);
  say(word(on ? "coverAll" : "keepAll"));
}

function keys(event) {
  const undo = (event.ctrlKey || event.metaKey) && event.code === "KeyZ" && !event.target.matches("input:not([type=radio], [type=checkbox], [type=range])");
  if (undo) { event.preventDefault(); viewer.undo(!event.shiftKey); }
  if (event.key === "Escape" && !event.target.matches("select")) back();
  if (!event.altKey || pictures.size < 2) return;
  const jump = { KeyN: () => walk(1), KeyP: () => walk(-1), KeyR: () => walk(1, (one) => one.refused) }[event.code];
  if (jump) { event.preventDefault(); jump(); }
}

function start() {
  for (const [code, name] of Object.entries(LANGUAGES)) $("#language").append(new Option(name, code));
  credit.begin(edited);
  load();
  speak(settings.language || best(navigator.languages));
  $("#language").value = document.documentElement.lang;
  $("#language").onchange = (event) => {
    change("language", event.target.value);
    speak(event.target.value);
    show();
    grid.translate();
    viewer.retell();
    draw();
  };
  const hash = new URLSearchParams(location.hash.slice(1));
  if (hash.has("token")) {
    setToken(hash.get("token"));
    history.replaceState(null, "", location.pathname); // out of the address bar and of the history
    if (hash.has("stay")) stay();
  }
  $("#door").onsubmit = (event) => {
    event.preventDefault();
    setToken($("#token").value.trim());
    $("#door").hidden = true;
    const locked = [...pictures].filter((picture) => picture.error?.code === "unauthorized");
    again(locked).then(() => { if (viewer.current()) open(viewer.current(), "#name"); });
  };
  $("#options").onsubmit = $("#view").onsubmit = (event) => event.preventDefault();
  $("#options").onchange = chosen;
  $("#all-cover").onclick = () => all(true);
  $("#all-keep").onclick = () => all(false);
  $("#back").onclick = back;
  $("#previous").onclick = () => walk(-1);
  $("#next").onclick = () => walk(1);
  $("#again").onclick = () => again();
  $("#clear").onclick = clear;
  $("#remove").onclick = () => remove(viewer.current());
  $("#clean-all").onclick = cleanAll;
  $("#clean-one").onclick = cleanOne;
  $("#save-all").onclick = () => save(sound().filter((picture) => picture.result));
  $("#save-one").onclick = () => { if (viewer.current().result) save([viewer.current()]); };
  document.addEventListener("keydown", keys);
  addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });
  receive(take);
  draw();
}

start();
