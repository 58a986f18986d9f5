/* How pictures come in: chosen, pasted, dropped, whole folders. */
import { $ } from "./dom.js";

const HIDDEN = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

function entries(reader) {
  return new Promise((done, failed) => { reader.readEntries(done, failed); });
}

async function files(entry) {
  if (HIDDEN.test(entry.name)) return [];
  if (entry.isFile) return [await new Promise((done, failed) => { entry.file(done, failed); })];
  const found = [], reader = entry.createReader();
  for (let some = await entries(reader); some.length; some = await entries(reader)) { // at most 100 at a time
    for (const one of some) found.push(...await files(one).catch(() => [])); // one that cannot be read costs itself
  }
  return found;
}

async function dropped(transfer) {
  const tops = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const lists = [];
  for (const top of tops) if (top) lists.push(top instanceof File ? [top] : await files(top).catch(() => []));
  return lists.flat();
}

export function receive(take) {
  for (const id of ["#files", "#folder"]) {
    $(id).onchange = (event) => {
      take([...event.target.files].filter((file) => !HIDDEN.test(file.name)));
      event.target.value = "";
    };
  }
  $("#folder").webkitdirectory = true;
  document.addEventListener("paste", (event) => take([...event.clipboardData.files]));
  document.addEventListener("dragover", (event) => { event.preventDefault(); $("#drop").classList.add("over"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("#drop").classList.remove("over"); });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    $("#drop").classList.remove("over");
    take(await dropped(event.dataTransfer));
  });
}
