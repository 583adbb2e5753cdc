/* The review of identifiers and the redaction of a cleared text: keyboard, and selecting words in the text.
   Everything here is also there as a button or a field; nothing is kept in the browser. */

const page = document.querySelector("[data-transcript-page]");

/* Offsets: every run of text carries data-start in code points. A selection is counted inside one run only. */
function codePoints(text, units) {
  return [...text.slice(0, units)].length;
}

function offsetAt(node, units) {
  const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  const run = element?.closest("[data-start]");
  if (!run) return null;
  const range = document.createRange();
  range.selectNodeContents(run);
  range.setEnd(node, units);
  const before = range.toString();
  return Number(run.dataset.start) + codePoints(before, before.length);
}

function selectedSpan() {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const text = document.querySelector(".transcript");
  if (!text?.contains(range.startContainer) || !text.contains(range.endContainer)) return null;
  const start = offsetAt(range.startContainer, range.startOffset);
  const end = offsetAt(range.endContainer, range.endOffset);
  if (start === null || end === null || end <= start) return null;
  return { start, end, words: selection.toString() };
}

function fillFromSelection() {
  const form = document.querySelector("form[data-selection]");
  if (!form) return;
  const span = selectedSpan();
  if (!span) return;
  form.elements.start.value = span.start;
  form.elements.end.value = span.end;
  form.elements.words.value = span.words.slice(0, 200);
}

document.addEventListener("selectionchange", fillFromSelection);

/* Typed words count by themselves: what was selected before no longer holds. */
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-selection]");
  if (form && event.target === form.elements.words) {
    form.elements.start.value = "";
    form.elements.end.value = "";
  }
});

/* The list: j and k go through it, a, r and u decide, Enter opens the place with all its choices, n adds. */
function rows() {
  return [...document.querySelectorAll(".places li")];
}

function current() {
  return document.querySelector(".places li[aria-current]");
}

function choose(row) {
  if (!row) return;
  for (const other of rows()) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  row.scrollIntoView({ block: "nearest" });
  for (const mark of document.querySelectorAll("mark.place.current")) mark.classList.remove("current");
  const mark = document.getElementById(`place-${row.dataset.place}`);
  mark?.classList.add("current");
  mark?.scrollIntoView({ block: "center" });
  row.querySelector("a")?.focus({ preventScroll: true });
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  choose(all[Math.min(Math.max(at + by, 0), all.length - 1)]);
}

function press(name) {
  const button = current()?.querySelector(`button[data-do="${name}"]`);
  button?.click();
}

const TYPING = "input, textarea, select, [contenteditable=true]";

document.addEventListener(
  "keydown",
  (event) => {
    if (!page || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.documentElement.dataset.shortcuts === "off") return;
    if (event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    const acts = {
      j: () => step(1),
      k: () => step(-1),
      a: () => press("accept"),
      r: () => press("reject"),
      u: () => press("undo"),
      n: () => {
        fillFromSelection();
        document.querySelector("form[data-selection] [name=words]")?.focus();
      },
    };
    const act = acts[event.key];
    if (!act || (event.key !== "n" && !rows().length)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // j and k mean the rows of a table elsewhere
    act();
  },
  true,
);

/* After a decision the next place is in hand. */
document.addEventListener("htmx:afterSwap", () => {
  const row = current();
  if (row) choose(row);
});
