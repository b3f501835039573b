/**
 * Files out of what was dropped or chosen, folders walked through.
 */

/**
 * Must be called while the event is handled: the entries are taken at once.
 *
 * @param {DataTransfer} transfer
 * @returns {AsyncGenerator<File>}
 */
export function droppedFiles(transfer) {
  /** @type {FileSystemEntry[]} */
  const entries = [];
  /** @type {File[]} */
  const files = [];
  for (const item of transfer.items) {
    const entry = item.kind === "file" ? item.webkitGetAsEntry?.() : null;
    if (entry) {
      entries.push(entry);
    } else if (item.kind === "file") {
      const file = item.getAsFile();
      if (file) {
        files.push(file);
      }
    }
  }
  return walk(entries, files);
}

/**
 * @param {FileSystemEntry[]} entries
 * @param {File[]} files
 * @returns {AsyncGenerator<File>}
 */
async function* walk(entries, files) {
  yield* files;
  const waiting = [...entries].reverse();
  for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
    if (entry.isFile) {
      yield await fileOf(/** @type {FileSystemFileEntry} */ (entry));
    } else if (entry.isDirectory) {
      const inside = await entriesOf(
        /** @type {FileSystemDirectoryEntry} */ (entry));
      inside.sort((a, b) => b.name.localeCompare(a.name));
      waiting.push(...inside);
    }
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/**
 * A reader gives a folder in portions; an empty one is the end.
 *
 * @param {FileSystemDirectoryEntry} directory
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(directory) {
  const reader = directory.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const portion = await new Promise((resolve, reject) =>
      reader.readEntries(resolve, reject));
    if (portion.length === 0) {
      return all;
    }
    all.push(...portion);
  }
}
