/* Taking results home: one file, or a zip; neutral names, or the old ones with a suffix. */
import { settings } from "./settings.js";
import { zip } from "./zip.js";

function stem(name) {
  return name.replace(/\.[^.]*$/, "").replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_") || "image";
}

export function names(pictures) {
  const taken = new Set(), width = Math.max(3, String(pictures.length).length);
  return pictures.map(({ name, result }, i) => {
    const base = settings.names === "suffix" ? `${stem(name)}-clean` : pictures.length > 1 ? `image-${String(i + 1).padStart(width, "0")}` : "image";
    let found = base + result.extension;
    for (let count = 2; taken.has(found.toLowerCase()); count++) found = `${base}-${count}${result.extension}`;
    taken.add(found.toLowerCase());
    return found;
  });
}

function hand(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function tableOf(pictures, chosen) {
  const cell = (text) => `"${(/^[=+\-@]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`; // no formula for a spreadsheet
  return new Blob([pictures.map(({ name }, i) => `${cell(chosen[i])},${cell(name)}\r\n`).join("")], { type: "text/csv" });
}

export async function save(pictures) {
  const chosen = names(pictures);
  if (pictures.length === 1) {
    hand(pictures[0].result.blob, chosen[0]);
  } else {
    const files = pictures.map(({ result }, i) => [chosen[i], result.blob]);
    if (settings.table) files.push(["names.csv", tableOf(pictures, chosen)]);
    hand(await zip(files), "images.zip");
  }
  for (const picture of pictures) picture.keep();
}
