/** Files of this computer on their way to the server: what is sent, in how many parts, and how far it has come. Pure but for the walk. */

const HIDDEN = /^(?=.*\/)(.*\/)?(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/i;

/** What a chosen file is called: with its folders where a folder was chosen. */
export function chosenFile(file) {
  return { file, path: file.webkitRelativePath || file.name };
}

/** Files without those that folders keep for themselves; a file that was chosen by itself is wanted. Pure. */
export function withoutHidden(files) {
  return files.filter(({ path }) => !HIDDEN.test(path));
}

/** Parts that the server takes one after the other: at most so many files and bytes in each. Pure. */
export function inParts(files, mostFiles, mostBytes) {
  const parts = [];
  let bytes = 0;
  for (const one of files) {
    const size = one.file.size;
    const last = parts.at(-1);
    if (!last || last.length >= mostFiles || bytes + size > mostBytes) {
      parts.push([one]);
      bytes = size;
    } else {
      last.push(one);
      bytes += size;
    }
  }
  return parts;
}

/** Everything that was dropped, folders walked through. */
export async function droppedFiles(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...data.files].map(chosenFile);
  return (await Promise.all(entries.map((entry) => filesBelow(entry, "")))).flat();
}

async function filesBelow(entry, folder) {
  const path = `${folder}${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [{ file, path }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A folder is told in parts; an empty part is its end.
    const part = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!part.length) break;
    found.push(...part);
  }
  return (await Promise.all(found.map((one) => filesBelow(one, `${path}/`)))).flat();
}
