/* What the desk does by keyboard, and three small comforts. Everything here is also there by mouse and without
   scripts. Nothing about a study is kept in the browser. */

const TYPING = "input:not([type=checkbox],[type=radio],[type=button],[type=submit]), textarea, select, [contenteditable=true]";
const ROWS = ".table tbody tr";
const dialog = document.getElementById("shortcuts");

function isTyping(target) {
  return target instanceof Element && target.closest(TYPING) !== null;
}

/* Shortcuts: the page's own, declared as
   <template data-shortcuts><dt><kbd>m</kbd></dt><dd>Write a memo</dd></template>, and the rooms of the navigation. */
function pairs(host, title, entries) {
  const list = document.createElement("dl");
  list.className = "keys";
  for (const [keys, words] of entries) {
    const dt = document.createElement("dt");
    for (const key of keys) {
      const kbd = document.createElement("kbd");
      kbd.textContent = key;
      dt.append(kbd, " ");
    }
    const dd = document.createElement("dd");
    dd.textContent = words;
    list.append(dt, dd);
  }
  const heading = document.createElement("h3");
  heading.textContent = title;
  host.replaceChildren(heading, list);
}

function fillShortcuts() {
  const rooms = [...document.querySelectorAll(".side-nav a[data-key]")].map((link) => [
    ["g", link.dataset.key],
    link.querySelector("span")?.textContent ?? link.textContent.trim(),
  ]);
  const roomHost = dialog.querySelector("[data-room-keys]");
  if (rooms.length) pairs(roomHost, "Go to a room", rooms);
  const pageHost = dialog.querySelector("[data-page-keys]");
  pageHost.replaceChildren();
  for (const template of document.querySelectorAll("template[data-shortcuts]")) {
    const heading = document.createElement("h3");
    heading.textContent = template.dataset.title ?? "On this page";
    const list = document.createElement("dl");
    list.className = "keys";
    list.append(template.content.cloneNode(true));
    pageHost.append(heading, list);
  }
}

function openShortcuts() {
  if (!dialog || dialog.open) return;
  fillShortcuts();
  dialog.showModal();
}

for (const button of document.querySelectorAll("[data-open-shortcuts]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    document.querySelector(".side-nav:popover-open")?.hidePopover();
    openShortcuts();
  });
}

/* Rows of a table: j and k, or the arrows once a row has the focus. A row's first link or control takes the focus,
   so that Enter does what a click would. */
function control(row) {
  return row.querySelector("a[href], button, input, select, textarea, summary");
}

function moveRow(step) {
  const active = document.activeElement;
  const from = active?.closest(ROWS);
  const scope = from?.closest("table") ?? document.querySelector("main .table");
  if (!scope) return false;
  const rows = [...scope.querySelectorAll("tbody tr")].filter((row) => control(row));
  if (!rows.length) return false;
  const at = from ? rows.indexOf(from) : step > 0 ? -1 : rows.length;
  const to = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  control(to).focus();
  to.scrollIntoView({ block: "nearest" });
  return true;
}

let awaitingRoom = 0;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const off = document.documentElement.dataset.shortcuts === "off";

  if (event.key === "Escape") {
    if (document.querySelector("dialog[open], :popover-open")) return; // the browser closes these itself
    const open = document.activeElement?.closest("details[open]");
    if (open && open.matches(".switcher, .column-chooser")) {
      open.open = false;
      open.querySelector("summary").focus();
      return;
    }
    if (isTyping(event.target)) {
      event.target.blur();
      return;
    }
    const back = document.querySelector("main [data-back]");
    if (back) back.click();
    return;
  }
  if (off || isTyping(event.target) || document.querySelector("dialog[open]")) return;

  if (awaitingRoom && performance.now() - awaitingRoom < 1500) {
    awaitingRoom = 0;
    const link = document.querySelector(`.side-nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
      return;
    }
  }
  awaitingRoom = 0;

  switch (event.key) {
    case "?":
      event.preventDefault();
      openShortcuts();
      break;
    case "g":
      awaitingRoom = performance.now();
      break;
    case "/": {
      const search = document.querySelector("main [data-search], main input[type=search], main .toolbar :is(input:not([type=hidden]), select)");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select?.();
      }
      break;
    }
    case "j":
    case "k":
      if (moveRow(event.key === "j" ? 1 : -1)) event.preventDefault();
      break;
    case "ArrowDown":
    case "ArrowUp":
      if (document.activeElement?.closest(ROWS) && moveRow(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
      break;
  }
});

/* A summary of errors takes the focus, on loading and after a swap. */
function focusErrors(root) {
  root.querySelector?.("[data-error-summary]")?.focus();
}
focusErrors(document);
document.addEventListener("htmx:afterSwap", (event) => focusErrors(event.target));

/* A request that failed says so in words and changes nothing on the page. */
function tell(words) {
  const live = document.getElementById("live");
  const notice = document.createElement("p");
  notice.className = "notice error";
  notice.textContent = words;
  live.replaceChildren(notice);
}
document.addEventListener("htmx:responseError", (event) => {
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const heading = answer.querySelector("h1")?.textContent.trim() ?? "That did not work";
  const words = answer.querySelector("main p")?.textContent.trim() ?? "Nothing was changed. Load the page again and repeat the step.";
  tell(`${heading}. ${words}`);
});
document.addEventListener("htmx:sendError", () => {
  tell("The server cannot be reached. What you entered is still on this page; try again in a moment.");
});
document.addEventListener("htmx:beforeRequest", () => document.getElementById("live").replaceChildren());

/* Column chooser: <details class="column-chooser" data-columns="table-id"> is filled with one box for every column
   but the first. The choice lives as long as the page. */
for (const chooser of document.querySelectorAll("details[data-columns]")) {
  const find = () => document.getElementById(chooser.dataset.columns);
  if (!find()) continue;
  const hidden = new Set();
  const apply = () => {
    for (const row of find()?.rows ?? []) {
      for (const index of Array(row.cells.length).keys()) row.cells[index].hidden = hidden.has(index);
    }
  };
  const panel = document.createElement("div");
  for (const [index, heading] of [...(find()?.tHead?.rows[0]?.cells ?? [])].entries()) {
    if (index === 0) continue;
    const label = document.createElement("label");
    label.className = "choice";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(index);
      else hidden.add(index);
      apply();
    });
    label.append(box, " ", heading.innerText.trim());
    panel.append(label);
  }
  chooser.append(panel);
  chooser.classList.add("ready");
  document.addEventListener("htmx:afterSwap", apply);
}

/* A button that copies the text of an element, shown only where the browser can. */
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  });
}

/* Filters in a toolbar marked data-instant are sent when a choice changes; the button stays for everyone else. */
document.addEventListener("change", (event) => {
  const form = event.target instanceof Element ? event.target.closest("form[data-instant]") : null;
  if (form && event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
});
