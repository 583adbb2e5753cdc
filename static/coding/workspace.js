/* The coding workspace. The server draws turns and marks; this module turns selections into offsets, asks for acts
   and puts the turns that changed in place of the old ones.

   Offsets on the server are Unicode code points, in the browser UTF-16 units; they are converted inside one turn at
   a time, so that the cost never grows with the text. Nothing about a study is kept in the browser. */

import { send } from "./sending.js";

const desk = document.getElementById("workspace");
const text = document.getElementById("text");
const $ = (id) => document.getElementById(id);
const mayEdit = "mayEdit" in desk.dataset;

/* ---- codes and codings ------------------------------------------------------------------------------------- */

const codes = JSON.parse($("codes-data").textContent); // [id, name, colour]
const codeAt = new Map(codes.map((code, at) => [code[0], at]));
let spans = JSON.parse($("codings-data").textContent); // [start, end, coding, code], by start
let reach = furthest();
let recent = desk.dataset.recent.split(" ").filter((id) => codeAt.has(id));

/* reach[i] is the furthest end among the first i + 1 spans: the walk to the left can stop there. */
function furthest() {
  let most = 0;
  return spans.map((span) => (most = Math.max(most, span[1])));
}

/* The codings that share a character with [start, end), by start. */
function touching(start, end) {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle][0] < end) low = middle + 1;
    else high = middle;
  }
  const found = [];
  for (let at = low - 1; at >= 0 && reach[at] > start; at -= 1) if (spans[at][1] > start) found.push(spans[at]);
  return found.reverse();
}

function nameOf(span) {
  return codes[span[3]][1];
}

/* ---- offsets ----------------------------------------------------------------------------------------------- */

function codePoints(string) {
  let n = 0;
  for (const _ of string) n += 1; // eslint-disable-line no-unused-vars
  return n;
}

function unitsFor(string, points) {
  let units = 0;
  for (const sign of string) {
    if (points <= 0) break;
    units += sign.length;
    points -= 1;
  }
  return units;
}

const saidOf = (node) => (node instanceof Element ? node : node?.parentElement)?.closest(".said") ?? null;
const startOf = (said) => Number(said.dataset.start);
const endOf = (said) => Number(said.dataset.end);

/* A place in the document as a code point of the whole text. */
function pointAt(said, node, offset) {
  const range = document.createRange();
  range.setStart(said, 0);
  range.setEnd(node, offset);
  return startOf(said) + codePoints(range.toString());
}

/* A UTF-16 offset of a turn's text as a text node and its offset. */
function placeIn(said, units) {
  const walker = document.createTreeWalker(said, NodeFilter.SHOW_TEXT);
  let node = walker.nextNode();
  while (node && units > node.length) {
    units -= node.length;
    node = walker.nextNode();
  }
  return node ? [node, units] : [said, 0];
}

const placeOf = (said, point) => placeIn(said, unitsFor(said.textContent, point - startOf(said)));

let turnList = null;
const turns = () => (turnList ??= [...text.getElementsByClassName("said")]);

/* The turn that holds a code point, or the next one after it. */
function turnAt(point) {
  const all = turns();
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endOf(all[middle]) <= point) low = middle + 1;
    else high = middle;
  }
  return all[Math.min(low, all.length - 1)] ?? null;
}

/* Static ranges over [start, end), one for each turn. */
function rangesOver(start, end) {
  const found = [];
  const all = turns();
  const first = turnAt(start);
  for (let at = all.indexOf(first); at >= 0 && at < all.length; at += 1) {
    const said = all[at];
    if (startOf(said) >= end) break;
    const from = Math.max(start, startOf(said));
    const to = Math.min(end, endOf(said));
    if (from >= to) continue;
    const [startContainer, startOffset] = placeOf(said, from);
    const [endContainer, endOffset] = placeOf(said, to);
    found.push(new StaticRange({ startContainer, startOffset, endContainer, endOffset }));
  }
  return found;
}

/* ---- transient layers: hovered coding, linked passage, hits; never the only carrier of anything -------------- */

const canHighlight = "highlights" in CSS;
function paint(name, ranges, priority = 0) {
  if (!canHighlight) return;
  if (!ranges.length) {
    CSS.highlights.delete(name);
    return;
  }
  const layer = new Highlight(...ranges);
  layer.priority = priority;
  CSS.highlights.set(name, layer);
}

/* ---- the selection ----------------------------------------------------------------------------------------- */

/* The cursor of the keyboard: a turn and UTF-16 offsets in it. `anchor` is where a selection began. */
let cursor = null;
let anchor = null;

function selectedSpan() {
  const selection = document.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  if (!text.contains(range.commonAncestorContainer) && !range.intersectsNode(text)) return null;
  let first = saidOf(range.startContainer);
  let last = saidOf(range.endContainer);
  if (!first || !last) {
    // An end in a speaker's label or outside the text: take the turns that the selection touches.
    const inside = turns().filter((said) => range.intersectsNode(said));
    if (!inside.length) return null;
    first ??= inside[0];
    last ??= inside[inside.length - 1];
  }
  const start = saidOf(range.startContainer) ? pointAt(first, range.startContainer, range.startOffset) : startOf(first);
  const end = saidOf(range.endContainer) ? pointAt(last, range.endContainer, range.endOffset) : endOf(last);
  return withinTurns(start, end);
}

/* Between two turns stand the next speaker's label and blank lines, which are never drawn: a selection that stops at
   the first letter of a turn does not reach over them. */
function withinTurns(start, end) {
  const all = turns();
  const first = turnAt(start);
  let last = turnAt(end - 1);
  if (last && startOf(last) >= end) last = all[all.indexOf(last) - 1];
  if (!first || !last) return null;
  const from = Math.max(start, startOf(first));
  const to = Math.min(end, endOf(last));
  return from < to ? [from, to] : null;
}

const words = new Intl.Segmenter("en", { granularity: "word" });

/* The end of the next word, or the start of the one before, in a turn's text; null at its edge. */
function nextWord(string, units, forward) {
  let before = null;
  for (const part of words.segment(string)) {
    if (!part.isWordLike) continue;
    const edge = part.index + part.segment.length;
    if (forward && edge > units) return edge;
    if (!forward && part.index < units) before = part.index;
  }
  return before;
}

/* Where a selection of words begins: not in the blank or the sign between two words, but at the word itself. */
function atWord(place, forward) {
  const string = place.said.textContent;
  const edge = nextWord(string, place.units, forward);
  if (edge === null) return place;
  const far = nextWord(string, edge, !forward);
  if (far === null || (forward ? far < place.units : far > place.units)) return place;
  return { said: place.said, units: far };
}

function nextSign(string, units, forward) {
  if (forward) return units < string.length ? units + String.fromCodePoint(string.codePointAt(units)).length : null;
  if (units === 0) return null;
  const low = string.charCodeAt(units - 1);
  return units - (low >= 0xdc00 && low <= 0xdfff && units > 1 ? 2 : 1);
}

function step(from, forward, move) {
  const units = move(from.said.textContent, from.units, forward);
  if (units !== null) return { said: from.said, units };
  const all = turns();
  const next = all[all.indexOf(from.said) + (forward ? 1 : -1)];
  return next ? { said: next, units: forward ? 0 : next.textContent.length } : from;
}

/* Selects from the anchor to the cursor; where the cursor stands, as a node and an offset. */
function select() {
  const to = placeIn(cursor.said, cursor.units);
  document.getSelection().setBaseAndExtent(...placeIn(anchor.said, anchor.units), ...to);
  return to;
}

function showCursor(extend) {
  if (!extend) anchor = cursor;
  const [node, offset] = select();
  makeCurrent(cursor.said);
  if (document.activeElement !== cursor.said) cursor.said.focus({ preventScroll: true });
  const rect = caretRect(node, offset);
  if (rect) {
    const margin = 96;
    if (rect.top < margin) window.scrollBy({ top: rect.top - margin });
    else if (rect.bottom > window.innerHeight - margin) window.scrollBy({ top: rect.bottom - window.innerHeight + margin });
  }
  drawCaret();
}

function caretRect(node, offset) {
  if (node.nodeType !== Node.TEXT_NODE) return node.getBoundingClientRect();
  const range = document.createRange();
  range.setStart(node, Math.max(0, Math.min(offset, node.length)));
  range.collapse(true);
  const rect = range.getClientRects()[0];
  return rect ?? node.parentElement.getBoundingClientRect();
}

/* Browsers show no cursor in text that is not edited, so one is drawn. */
const caret = document.createElement("span");
caret.className = "caret";
caret.hidden = true;
caret.setAttribute("aria-hidden", "true");
desk.append(caret);
function drawCaret() {
  const isOn = cursor && document.activeElement === cursor.said;
  caret.hidden = !isOn;
  if (!isOn) return;
  const [node, offset] = placeIn(cursor.said, cursor.units);
  const rect = caretRect(node, offset);
  const host = desk.getBoundingClientRect();
  caret.style.insetInlineStart = `${rect.left - host.left}px`;
  caret.style.insetBlockStart = `${rect.top - host.top}px`;
  caret.style.blockSize = `${rect.height}px`;
}

/* ---- the current turn and the list beside the text ------------------------------------------------------------ */

let current = null;
function makeCurrent(said) {
  if (said === current) return;
  if (current) current.tabIndex = -1;
  current = said;
  if (!said) return;
  said.tabIndex = 0;
  listHere();
}

function excerpt(string, most = 90) {
  const tidy = string.replace(/\s+/g, " ").trim();
  return tidy.length > most ? `${tidy.slice(0, most - 1)}…` : tidy;
}

function wordsOf(start, end) {
  return rangesOver(start, end)
    .map((range) => {
      const live = document.createRange();
      live.setStart(range.startContainer, range.startOffset);
      live.setEnd(range.endContainer, range.endOffset);
      return live.toString();
    })
    .join(" … ");
}

function codingItem(span, inDialog) {
  const item = document.createElement("li");
  const chip = document.createElement("span");
  chip.className = `code-chip c${codes[span[3]][2]}`;
  chip.textContent = nameOf(span);
  const quote = document.createElement("span");
  quote.className = "muted";
  quote.textContent = excerpt(wordsOf(span[0], span[1]));
  const row = document.createElement("div");
  row.className = "row";
  const acts = [["Select", () => selectSpan(span)]];
  if (mayEdit) {
    acts.push(["Change code", () => openPicker("recode", span)], ["Remove", () => removeCoding(span)]);
    if (inDialog && pending) acts.push(["Set to selection", () => resizeCoding(span, pending)]);
  }
  for (const [label, act] of acts) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button quiet small";
    button.textContent = label;
    const more = document.createElement("span");
    more.className = "visually-hidden";
    more.textContent = ` ${nameOf(span)}`;
    button.append(more);
    button.addEventListener("click", () => {
      $("chooser").close();
      act();
    });
    row.append(button);
  }
  item.append(chip, " ", quote, row);
  item.addEventListener("mouseenter", () => paint("hovered", rangesOver(span[0], span[1]), 2));
  item.addEventListener("mouseleave", () => paint("hovered", []));
  return item;
}

function listHere() {
  const here = current ? touching(startOf(current), endOf(current)) : [];
  const list = $("here-list");
  if (!here.length) {
    const none = document.createElement("li");
    none.className = "muted";
    none.textContent = "Nothing is coded here.";
    list.replaceChildren(none);
  } else {
    list.replaceChildren(...here.map((span) => codingItem(span, false)));
  }
  $("here-title").textContent = `Codings in turn ${current ? current.parentElement.dataset.turn : ""}`;
}

function selectSpan(span) {
  const said = turnAt(span[0]);
  const last = turnAt(span[1] - 1);
  anchor = { said, units: unitsFor(said.textContent, Math.max(0, span[0] - startOf(said))) };
  cursor = { said: last, units: unitsFor(last.textContent, Math.min(span[1], endOf(last)) - startOf(last)) };
  showCursor(true);
}

/* ---- acts ----------------------------------------------------------------------------------------------------- */

function tell(said, isError = false) {
  const notice = document.createElement("p");
  notice.className = `notice ${isError ? "error" : "success"}`;
  notice.textContent = said;
  $("live").replaceChildren(notice);
}

const WHY = {
  "signed out": "You are signed out and nothing was changed. Sign in again in another tab, then do it again here.",
  failed: "The server failed and nothing was changed. Try again.",
  unreachable: "The server did not answer, so this may not be stored. Look at your connection, then reload the page to see.",
};

/* One act after the other: what is asked for while an answer is on its way waits its turn and is not forgotten. */
let line = Promise.resolve();
function ask(url, fields) {
  const turn = line.then(() => askNow(url, fields));
  line = turn.catch(() => null);
  return turn;
}

async function askNow(url, fields) {
  const { data, error, why } = await send(url, fields);
  if (why || error) {
    tell(why ? WHY[why] : error, true);
    return null;
  }
  swap(data);
  tell(data.said);
  return data;
}

/* Put the touched turns in place of the old ones and bring the index up to date. */
function swap(data) {
  const span = selectedSpan();
  const kept = cursorKept(span);
  const hadFocus = document.activeElement === document.body || text.contains(document.activeElement);
  for (const [id, name, colour] of data.codes) {
    if (!codeAt.has(id)) codeAt.set(id, codes.push([id, name, colour]) - 1);
  }
  const currentTurn = current?.parentElement.dataset.turn;
  for (const [ordinal, html] of data.blocks) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const old = $(`t${ordinal}`);
    const fresh = holder.content.firstElementChild;
    old.replaceWith(fresh);
    watch.unobserve(old);
    watch.observe(fresh);
  }
  turnList = null;
  const [from, to] = data.range;
  const isHere = (one) => one[1] > from && one[0] < to;
  const fresh = data.codings.map(([start, end, coding, code]) => [start, end, coding, codeAt.get(code)]);
  recount(spans.filter(isHere), fresh);
  spans = [...spans.filter((one) => !isHere(one)), ...fresh];
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  reach = furthest();
  current = null;
  if (kept) {
    cursor = cursorAt(kept.point);
    anchor = cursorAt(kept.from);
    makeCurrent(cursor.said);
    if (span || hadFocus) select();
    if (hadFocus) cursor.said.focus({ preventScroll: true });
    drawCaret();
  } else if (currentTurn) {
    makeCurrent($(`t${currentTurn}`)?.querySelector(".said") ?? null);
  }
  showBar();
}

/* Where the selection, or else the cursor, stands as code points, which outlive the elements. */
function cursorKept(span) {
  if (!span) return cursor && { point: pointFor(cursor), from: pointFor(anchor) };
  const { anchorNode, anchorOffset, focusNode, focusOffset } = document.getSelection();
  const order = document.createRange();
  order.setStart(anchorNode, anchorOffset);
  const isBackward = order.comparePoint(focusNode, focusOffset) < 0;
  return isBackward ? { point: span[0], from: span[1] } : { point: span[1], from: span[0] };
}

/* Before a dialog: the cursor remembers what the mouse selected, so that it is selected again afterwards. */
function hold() {
  const span = selectedSpan();
  if (!span) return;
  const { point, from } = cursorKept(span);
  cursor = cursorAt(point);
  anchor = cursorAt(from);
}

/* The numbers beside the codes and beside this text follow what was done here. */
function recount(before, after) {
  const change = new Map();
  for (const [list, sign] of [[before, -1], [after, 1]]) {
    for (const span of list) change.set(span[3], (change.get(span[3]) ?? 0) + sign);
  }
  for (const [at, n] of change) addTo($("code-tree").querySelector(`li[data-code="${CSS.escape(codes[at][0])}"] .count`), n);
  addTo(document.querySelector(".texts a[aria-current] .count"), after.length - before.length);
}

function addTo(count, n) {
  if (count && n) count.textContent = String(Number(count.textContent) + n);
}

const pointFor = (place) => startOf(place.said) + codePoints(place.said.textContent.slice(0, place.units));
function cursorAt(point) {
  let said = turnAt(point);
  const all = turns();
  const before = all[all.indexOf(said) - 1];
  if (before && point <= endOf(before)) said = before; // the end of a turn belongs to that turn
  return { said, units: unitsFor(said.textContent, Math.max(0, point - startOf(said))) };
}

function remember(code) {
  recent = [code, ...recent.filter((id) => id !== code)].slice(0, 5);
}

async function applyCode(code, span) {
  const data = await ask(desk.dataset.apply, { start: span[0], end: span[1], code });
  if (data) remember(code);
}

const removeCoding = (span) => ask(desk.dataset.remove, { coding: span[2] });
const resizeCoding = (span, to) => ask(desk.dataset.resize, { coding: span[2], start: to[0], end: to[1] });
const undo = () => ask(desk.dataset.undo, {});
const redo = () => ask(desk.dataset.redo, {});

/* ---- the code picker ---------------------------------------------------------------------------------------------- */

const picker = $("picker");
const find = $("picker-find");
const list = $("picker-list");
let pending = null; // the span that the open dialog is about
let picking = { mode: "apply", span: null };
let chosen = 0;
let options = [];

function codable() {
  return [...$("code-tree").querySelectorAll("li[data-codable]")].map((item) => item.dataset.code);
}

function pathOf(id) {
  const option = [...$("picker-parent").options].find((one) => one.value === id);
  if (option) return option.text;
  const item = $("code-tree").querySelector(`li[data-code="${CSS.escape(id)}"]`);
  let above = item?.previousElementSibling;
  while (above && above.dataset.level >= item.dataset.level) above = above.previousElementSibling;
  const parent = above ? pathOf(above.dataset.code) : "";
  return `${parent ? `${parent} › ` : ""}${codes[codeAt.get(id)][1]}`;
}

function fillPicker() {
  const wanted = find.value.trim();
  const fold = wanted.toLocaleLowerCase();
  const all = codable();
  const order = wanted ? all : [...recent.filter((id) => all.includes(id)), ...all.filter((id) => !recent.includes(id))];
  const matching = order.filter((id) => pathOf(id).toLocaleLowerCase().includes(fold));
  // A name that begins with what was typed comes before one that only holds it.
  if (wanted) {
    const begins = (id) => (codes[codeAt.get(id)][1].toLocaleLowerCase().startsWith(fold) ? 0 : 1);
    matching.sort((a, b) => begins(a) - begins(b));
  }
  options = matching.map((id) => ({ code: id }));
  const isExact = all.some((id) => codes[codeAt.get(id)][1].toLocaleLowerCase() === fold);
  if (wanted && !isExact && picking.mode === "apply") options.push({ create: wanted });
  chosen = Math.min(chosen, Math.max(0, options.length - 1));
  list.replaceChildren(
    ...options.map((option, at) => {
      const item = document.createElement("li");
      item.id = `option-${at}`;
      item.setAttribute("role", "option");
      if (option.create) {
        item.textContent = `Add “${option.create}” to the codebook and code it`;
      } else {
        const chip = document.createElement("span");
        chip.className = `code-chip c${codes[codeAt.get(option.code)][2]}`;
        chip.textContent = codes[codeAt.get(option.code)][1];
        const path = document.createElement("span");
        path.className = "muted small";
        path.textContent = pathOf(option.code).split(" › ").slice(0, -1).join(" › ");
        item.append(chip, " ", path);
        if (!wanted && recent.includes(option.code)) item.append(" · recent");
      }
      item.addEventListener("click", () => {
        chosen = at;
        take();
      });
      return item;
    }),
  );
  markChosen();
}

function markChosen() {
  [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
  find.setAttribute("aria-activedescendant", options.length ? `option-${chosen}` : "");
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  $("picker-under").hidden = !options[chosen]?.create;
}

function openPicker(mode, span) {
  if (!span) {
    tell("Select some words first: with the mouse, or with Shift and the arrow keys.", true);
    return;
  }
  hold();
  picking = { mode, span };
  $("picker-title").textContent = mode === "recode" ? `Change the code “${nameOf(span)}”` : "Code this passage";
  find.value = "";
  chosen = 0;
  const parent = $("picker-parent");
  if (!parent.value && parent.options.length > 1) {
    const last = recent[0] && $("code-tree").querySelector(`li[data-code="${CSS.escape(recent[0])}"]`);
    let above = last?.previousElementSibling;
    while (above && above.dataset.level >= last.dataset.level) above = above.previousElementSibling;
    parent.value = above?.dataset.code ?? parent.options[1].value;
  }
  fillPicker();
  picker.showModal();
  find.focus();
}

async function take() {
  const option = options[chosen];
  if (!option) return;
  const { mode, span } = picking;
  picker.close();
  if (option.create) {
    const data = await ask(desk.dataset.create, {
      name: option.create,
      parent: $("picker-parent").value,
      start: span[0],
      end: span[1],
    });
    if (data) growTree(data.new_code);
  } else if (mode === "recode") {
    const data = await ask(desk.dataset.recode, { coding: span[2], code: option.code });
    if (data) remember(option.code);
  } else {
    await applyCode(option.code, span);
  }
}

/* A code that was just added, in the tree beside the text. */
function growTree([id, name, colour, parent, level]) {
  if (!codeAt.has(id)) codeAt.set(id, codes.push([id, name, colour]) - 1);
  const item = document.createElement("li");
  item.className = `level-${level}`;
  Object.assign(item.dataset, { code: id, codable: "", level: String(level) });
  const link = document.createElement("a");
  link.className = `code-chip c${colour}`;
  link.textContent = name;
  link.href = `../../codes/${id}/`;
  const count = document.createElement("span");
  count.className = "count";
  count.textContent = String(spans.filter((span) => span[3] === codeAt.get(id)).length);
  item.append(link, " ", count);
  const tree = $("code-tree");
  const above = parent && tree.querySelector(`li[data-code="${CSS.escape(parent)}"]`);
  let after = above;
  while (after?.nextElementSibling && Number(after.nextElementSibling.dataset.level) > Number(above.dataset.level)) {
    after = after.nextElementSibling;
  }
  if (after) after.after(item);
  else tree.append(item);
  if (level < 3) $("picker-parent").add(new Option(name, id));
  remember(id);
}

find?.addEventListener("input", () => {
  chosen = 0;
  fillPicker();
});
find?.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const n = options.length || 1;
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : n - 1)) % n;
    markChosen();
  } else if (event.key === "Enter") {
    event.preventDefault();
    take();
  }
});
picker.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  take();
});
for (const dialog of [picker, $("chooser"), $("memo-dialog")]) {
  dialog.addEventListener("close", () => {
    if (!cursor) return;
    select(); // a field that had the focus took the selection
    cursor.said.focus({ preventScroll: true });
  });
}

/* ---- which coding: the chooser ------------------------------------------------------------------------------------ */

function openChooser(here) {
  if (!here.length) return;
  hold();
  pending = selectedSpan();
  $("chooser-list").replaceChildren(...here.map((span) => codingItem(span, true)));
  $("chooser").showModal();
}
$("chooser-close").addEventListener("click", () => $("chooser").close());

function caretFromPoint(x, y) {
  if (document.caretPositionFromPoint) {
    const found = document.caretPositionFromPoint(x, y);
    return found && [found.offsetNode, found.offset];
  }
  const range = document.caretRangeFromPoint?.(x, y);
  return range && [range.startContainer, range.startOffset];
}

/* The code point under the pointer; null beside the text: the browser snaps to the nearest character, so the
   rectangle of the character must hold the point. */
function pointUnder(x, y) {
  const found = caretFromPoint(x, y);
  if (!found) return null;
  const [node, offset] = found;
  const said = saidOf(node);
  if (!said || node.nodeType !== Node.TEXT_NODE) return null;
  for (const from of [offset, offset - 1]) {
    if (from < 0 || from >= node.length) continue;
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, from + 1);
    for (const rect of range.getClientRects()) {
      if (x >= rect.left && x <= rect.right && y >= rect.top && y <= rect.bottom) return pointAt(said, node, from);
    }
  }
  return null;
}

/* The second click of a double click selects a word: it must not fall on a button of a dialog that the first opened. */
const DOUBLE = 300;
let opening = 0;
text.addEventListener("pointerdown", () => clearTimeout(opening));
text.addEventListener("click", (event) => {
  clearTimeout(opening);
  if (event.target.closest(".stripe")) return;
  const said = saidOf(event.target);
  if (said) makeCurrent(said);
  if (event.detail > 1 || !document.getSelection().isCollapsed) return;
  const point = pointUnder(event.clientX, event.clientY);
  if (point === null) return;
  cursor = anchor = cursorAt(point);
  opening = setTimeout(() => {
    if (!document.querySelector("dialog[open]")) openChooser(touching(point, point + 1));
  }, DOUBLE);
});

let hovering = 0;
text.addEventListener("mouseover", (event) => {
  const mark = event.target.closest("mark");
  cancelAnimationFrame(hovering);
  hovering = requestAnimationFrame(() => {
    if (!mark) {
      paint("hovered", []);
      return;
    }
    const ids = new Set(mark.dataset.codings.split(" ").map(Number));
    const said = saidOf(mark);
    const here = said ? touching(startOf(said), endOf(said)).filter((span) => ids.has(span[2])) : [];
    paint("hovered", here.flatMap((span) => rangesOver(span[0], span[1])), 2);
  });
});
text.addEventListener("mouseleave", () => paint("hovered", []));

/* ---- marks by keyboard: one of them takes the focus at a time --------------------------------------------------------- */

let mark = null;
function leaveMark() {
  if (!mark) return;
  for (const name of ["tabindex", "role", "aria-label"]) mark.removeAttribute(name);
  mark = null;
}

function goToMark(forward) {
  const here = mark ?? current;
  const all = text.getElementsByTagName("mark");
  let next = null;
  if (forward) {
    for (const one of all) {
      if (!here || here.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) {
        next = one;
        break;
      }
    }
  } else {
    for (const one of all) {
      if (here && !(here.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING)) break;
      next = one;
    }
  }
  if (!next) {
    tell(forward ? "There is no coded stretch further on." : "There is no coded stretch before.");
    return;
  }
  leaveMark();
  mark = next;
  const said = saidOf(mark);
  makeCurrent(said);
  const units = pointAt(said, mark, 0) - startOf(said);
  cursor = anchor = { said, units: unitsFor(said.textContent, units) };
  mark.tabIndex = -1;
  mark.setAttribute("role", "button");
  mark.setAttribute("aria-label", `${mark.title}: ${excerpt(mark.textContent, 60)}`);
  mark.focus();
  mark.scrollIntoView({ block: "nearest" });
}

function codingsOf(one) {
  const ids = new Set(one.dataset.codings.split(" ").map(Number));
  const said = saidOf(one);
  return touching(startOf(said), endOf(said)).filter((span) => ids.has(span[2]));
}

/* ---- keyboard ----------------------------------------------------------------------------------------------------------- */

function inText() {
  const active = document.activeElement;
  return active === document.body || active === document.getElementById("main") || text.contains(active);
}

function begin() {
  if (cursor && cursor.said.isConnected) return true;
  const first = current ?? turnInView();
  if (!first) return false;
  cursor = anchor = { said: first, units: 0 };
  return true;
}

function turnInView() {
  return turns().find((said) => said.getBoundingClientRect().bottom > 100) ?? null;
}

function moveTurn(forward) {
  const all = turns();
  const at = all.indexOf(cursor.said);
  const fresh = document.activeElement !== cursor.said && !text.contains(document.activeElement);
  const said = fresh ? cursor.said : all[Math.min(Math.max(at + (forward ? 1 : -1), 0), all.length - 1)];
  cursor = { said, units: 0 };
  showCursor(false);
  said.scrollIntoView({ block: "nearest" });
}

function extendTurn(forward) {
  const length = cursor.said.textContent.length;
  if (forward && cursor.units < length) cursor = { said: cursor.said, units: length };
  else if (!forward && cursor.units > 0) cursor = { said: cursor.said, units: 0 };
  else {
    const next = step(cursor, forward, () => null);
    cursor = next === cursor ? cursor : { said: next.said, units: forward ? next.said.textContent.length : 0 };
  }
  showCursor(true);
}

const arrows = new Set(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);

document.addEventListener(
  "keydown",
  (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target === $("find")) {
      if (event.key === "Enter") {
        event.preventDefault();
        nextHit(!event.shiftKey);
      } else if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        $("find").value = "";
        search();
        begin() && showCursor(false);
      }
      return;
    }
    if (!inText()) return;
    const off = document.documentElement.dataset.shortcuts === "off";
    if (arrows.has(event.key)) {
      const isSide = event.key === "ArrowLeft" || event.key === "ArrowRight";
      if (event.altKey && !event.shiftKey) return; // the browser's own: back and forward
      if (!begin()) return;
      event.preventDefault();
      leaveMark();
      const forward = event.key === "ArrowRight" || event.key === "ArrowDown";
      if (isSide) {
        const isFresh = document.getSelection().isCollapsed;
        if (event.shiftKey && !event.altKey && isFresh) anchor = cursor = atWord(cursor, forward);
        cursor = step(cursor, forward, event.altKey ? nextSign : nextWord);
        showCursor(event.shiftKey);
      } else if (event.shiftKey) extendTurn(forward);
      else moveTurn(forward);
      return;
    }
    if (event.altKey) return;
    if (event.key === "Enter") {
      if (event.target.closest?.("a, button, summary")) return;
      if (mark && document.activeElement === mark) {
        event.preventDefault();
        openChooser(codingsOf(mark));
        return;
      }
      const span = selectedSpan();
      if (span && mayEdit) {
        event.preventDefault();
        openPicker("apply", span);
      } else if (!span && cursor) {
        event.preventDefault();
        const point = pointFor(cursor);
        const here = touching(point, point + 1);
        if (here.length) openChooser(here);
        else tell("Nothing is coded at the cursor. Select some words to code them.");
      }
      return;
    }
    if (event.key === "Escape") {
      if (!document.getSelection().isCollapsed || mark) {
        event.preventDefault();
        leaveMark();
        if (cursor) showCursor(false);
        else document.getSelection().removeAllRanges();
      }
      return;
    }
    if (off) return;
    const acts = {
      n: () => goToMark(true),
      p: () => goToMark(false),
      ...(mayEdit && {
        m: openMemo,
        u: undo,
        U: redo,
        ".": () => {
          const span = selectedSpan();
          if (span && recent[0]) applyCode(recent[0], span);
          else tell("Select some words first; then . gives them the last code again.", true);
        },
      }),
    };
    const act = acts[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  },
  true,
);

text.addEventListener("focusin", (event) => {
  const said = saidOf(event.target);
  if (said) makeCurrent(said);
  if (said && event.target === said && !(cursor && cursor.said === said)) cursor = anchor = { said, units: 0 };
  drawCaret();
});
text.addEventListener("focusout", () => requestAnimationFrame(drawCaret));
window.addEventListener("resize", drawCaret);

/* ---- the bar for a selection by mouse or touch --------------------------------------------------------------------------- */

const bar = $("selection-bar");
const turnNumber = (said) => said.parentElement.dataset.turn;

/* How much is selected: a drag that ended beside the text may have taken far more than was meant. */
function sizeOf([start, end]) {
  const n = end - start;
  const [first, last] = [turnNumber(turnAt(start)), turnNumber(turnAt(end - 1))];
  const signs = `${n.toLocaleString("en-GB")} character${n === 1 ? "" : "s"}`;
  return first === last ? signs : `${signs}, turns ${first} to ${last}`;
}

function showBar() {
  const span = mayEdit ? selectedSpan() : null;
  bar.hidden = !span;
  if (span) $("bar-words").textContent = sizeOf(span);
}
let settling = 0;
document.addEventListener("selectionchange", () => {
  cancelAnimationFrame(settling);
  settling = requestAnimationFrame(showBar);
});
for (const button of bar.querySelectorAll("button")) {
  // Pressing the button must not drop the selection that it is about.
  button.addEventListener("pointerdown", (event) => event.preventDefault());
}
$("bar-code").addEventListener("click", () => openPicker("apply", selectedSpan()));
$("bar-memo").addEventListener("click", () => openMemo());

/* Clicking a code beside the text gives it to the selection; without one the link opens the code's quotes. */
$("code-tree").addEventListener("pointerdown", (event) => {
  if (event.target.closest("[data-codable]") && selectedSpan()) event.preventDefault();
});
$("code-tree").addEventListener("click", (event) => {
  const item = event.target.closest("[data-codable]");
  const span = mayEdit && item ? selectedSpan() : null;
  if (!span || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  applyCode(item.dataset.code, span);
});
$("code-tree").addEventListener("mouseover", (event) => {
  const item = event.target.closest("[data-code]");
  const at = item ? codeAt.get(item.dataset.code) : undefined;
  const mine = at === undefined ? [] : spans.filter((span) => span[3] === at).slice(0, 400);
  paint("hovered", mine.flatMap((span) => rangesOver(span[0], span[1])), 2);
});
$("code-tree").addEventListener("mouseleave", () => paint("hovered", []));

/* ---- memos -------------------------------------------------------------------------------------------------------------------- */

let memoSpan = null;
function openMemo() {
  hold();
  memoSpan = selectedSpan() ?? (current ? [startOf(current), endOf(current)] : null);
  if (!memoSpan) {
    tell("Select some words first, or go to a turn.", true);
    return;
  }
  $("memo-title").textContent = `Memo on “${excerpt(wordsOf(...memoSpan), 60)}”`;
  $("memo-body").value = "";
  $("memo-dialog").showModal();
}
$("memo-cancel").addEventListener("click", () => $("memo-dialog").close());
$("memo-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = $("memo-body").value.trim();
  const save = event.submitter ?? $("memo-form").querySelector("[type=submit]");
  if (!body || save.disabled) return;
  save.disabled = true; // a double click is one memo
  const data = await ask(desk.dataset.memo, { start: memoSpan[0], end: memoSpan[1], body });
  save.disabled = false;
  if (!data) return; // what was written stays in the open dialog
  $("memo-dialog").close();
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = data.memo.url;
  link.textContent = excerpt(data.memo.body, 120);
  item.append(link);
  $("memos").prepend(item);
});

/* ---- find ---------------------------------------------------------------------------------------------------------------------- */

let hits = [];
let hitAt = -1;
function search() {
  const wanted = $("find").value.trim();
  hits = [];
  hitAt = -1;
  if (wanted.length > 1) {
    const pattern = new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
    for (const said of turns()) {
      for (const hit of said.textContent.matchAll(pattern)) hits.push([said, hit.index, hit.index + hit[0].length]);
    }
  }
  const found = hits.slice(0, 2000).map(([said, from, to]) => {
    const [startContainer, startOffset] = placeIn(said, from);
    const [endContainer, endOffset] = placeIn(said, to);
    return new StaticRange({ startContainer, startOffset, endContainer, endOffset });
  });
  paint("hits", found, 1);
  paint("hit", []);
  $("found").textContent = wanted.length > 1 ? `${hits.length} found` : "";
}
function nextHit(forward) {
  if (!hits.length) search();
  if (!hits.length) return;
  hitAt = (hitAt + (forward ? 1 : hits.length - 1) + hits.length) % hits.length;
  const [said, from, to] = hits[hitAt];
  if (!said.isConnected) {
    search();
    return;
  }
  const [startContainer, startOffset] = placeIn(said, from);
  const [endContainer, endOffset] = placeIn(said, to);
  paint("hit", [new StaticRange({ startContainer, startOffset, endContainer, endOffset })], 3);
  startContainer.parentElement.scrollIntoView({ block: "center" });
  cursor = { said, units: to };
  anchor = { said, units: from };
  makeCurrent(said);
  $("found").textContent = `${hitAt + 1} of ${hits.length}`;
}
let typing = 0;
$("find").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(search, 150);
});

/* ---- stripes: drawn for the turns in view only ------------------------------------------------------------------------------------ */

const stripesOn = $("stripes-on");
const LANE = 9;
const STRIPE = 8; // a stripe and the gap before its label
const LABEL = 15;

function drawStripes(turn) {
  const said = turn.querySelector(".said");
  turn.querySelector(".stripes")?.remove();
  if (!said || stripesOn.getAttribute("aria-pressed") !== "true") return;
  const here = touching(startOf(said), endOf(said));
  if (!here.length) return;
  // Read every rectangle first, write afterwards: one layout for the whole turn.
  const top = turn.getBoundingClientRect().top;
  const extent = new Map();
  for (const one of said.getElementsByTagName("mark")) {
    const rect = one.getBoundingClientRect();
    for (const id of one.dataset.codings.split(" ")) {
      const known = extent.get(id);
      if (known) known[1] = Math.max(known[1], rect.bottom - top);
      else extent.set(id, [rect.top - top, rect.bottom - top]);
    }
  }
  const placed = inLanes(here.filter((span) => extent.has(String(span[2]))), (span) => extent.get(String(span[2])));
  if (!placed.length) return;
  const host = document.createElement("div");
  host.className = "stripes";
  host.setAttribute("aria-hidden", "true"); // the list beside the text says the same
  const room = Number.parseFloat(getComputedStyle(turn).getPropertyValue("--lanes")) - STRIPE;
  const most = Math.max(...placed.map(([, lane]) => lane));
  const gap = most ? Math.min(LANE, room / most) : LANE; // many codings stand closer, none is cut off
  let below = -Infinity; // where the label before ends: labels never cover one another
  for (const [span, lane] of placed) {
    const [from, to] = extent.get(String(span[2]));
    const stripe = document.createElement("button");
    stripe.type = "button";
    stripe.tabIndex = -1;
    stripe.className = `stripe c${codes[span[3]][2]}`;
    stripe.title = nameOf(span);
    stripe.style.insetBlockStart = `${from}px`;
    stripe.style.blockSize = `${to - from}px`;
    stripe.style.insetInlineStart = `${lane * gap}px`;
    if (span[0] >= startOf(said)) {
      const label = document.createElement("span");
      label.textContent = nameOf(span);
      const labelTop = Math.max(from, below);
      below = labelTop + LABEL;
      label.style.insetBlockStart = `${labelTop - from}px`;
      label.style.insetInlineStart = `${(most - lane) * gap + STRIPE}px`; // to the right of every stripe
      stripe.append(label);
    }
    stripe.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the selection, to resize to
    stripe.addEventListener("mouseenter", () => paint("hovered", rangesOver(span[0], span[1]), 2));
    stripe.addEventListener("click", () => openChooser([span]));
    host.append(stripe);
  }
  turn.append(host);
}

/* Each span with the first lane that is free where it begins. */
function inLanes(list, placeOf) {
  const ends = [];
  return list.map((span) => {
    const [from, to] = placeOf(span);
    let lane = ends.findIndex((end) => end <= from);
    if (lane < 0) lane = ends.length;
    ends[lane] = to;
    return [span, lane];
  });
}

const watch = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) drawStripes(entry.target);
      else entry.target.querySelector(".stripes")?.remove();
    }
  },
  { rootMargin: "200px" },
);
stripesOn.addEventListener("click", () => {
  const isOn = stripesOn.getAttribute("aria-pressed") !== "true";
  stripesOn.setAttribute("aria-pressed", String(isOn));
  text.classList.toggle("no-stripes", !isOn);
  for (const turn of text.children) watch.unobserve(turn);
  for (const turn of text.children) watch.observe(turn);
});

/* ---- a passage named in the address: from a quote, a list, a memo ------------------------------------------------------------------ */

function showLinked() {
  const named = /^#at=(\d+)-(\d+)$/.exec(location.hash);
  if (!named) {
    paint("linked", []);
    return;
  }
  const [start, end] = [Number(named[1]), Number(named[2])];
  const said = turnAt(start);
  if (!said || start >= end) return;
  paint("linked", rangesOver(start, end), 2);
  said.scrollIntoView({ block: "center" });
  cursor = anchor = cursorAt(start);
  makeCurrent(said);
  said.focus({ preventScroll: true });
}
window.addEventListener("hashchange", showLinked);

/* ---- begin ---------------------------------------------------------------------------------------------------------------------------- */

for (const hidden of document.querySelectorAll("[data-scripted]")) hidden.hidden = false;
$("undo")?.addEventListener("click", undo);
$("redo")?.addEventListener("click", redo);
if (text.firstElementChild) {
  const first = text.querySelector(".said");
  first.tabIndex = 0;
  current = first;
  listHere();
  for (const turn of text.children) watch.observe(turn);
}
showLinked();
desk.dataset.ready = "true";
