/**
 * What the forms over lists have in common.
 */

/**
 * Keeps a search in the address, without a step back for each letter.
 *
 * @param {import("../app.js").AppContext} context
 * @param {string} page
 * @param {Record<string, string>} values  the empty ones are left out
 */
export function keepSearch(context, page, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) =>
    value !== ""));
  history.replaceState(null, "",
    `#/${page}${query.size > 0 ? `?${query}` : ""}`);
  context.noteList();
}

/**
 * The arrow down leads from the search to the first row.
 *
 * @param {HTMLElement} search
 * @param {HTMLElement} list
 */
export function downToList(search, list) {
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      list.querySelector("a")?.focus();
    }
  });
}
