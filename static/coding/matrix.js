/* Matrices: the arrows go from cell to cell; a cell is edited beside its evidence, saved by itself, and never over
   somebody else's text. */

import { send } from "./sending.js";

const $ = (id) => document.getElementById(id);

/* ---- the grid ------------------------------------------------------------------------------------------------ */

const grid = $("matrix");
if (grid) {
  const links = (row) => [...row.querySelectorAll("a.cell-open")];
  const rows = () => [...grid.querySelectorAll("tbody tr")];
  let at = grid.querySelector("a.cell-open");

  /* One cell is in the tab order: the one that was used last. */
  const settle = () => {
    for (const link of grid.querySelectorAll("a.cell-open")) link.tabIndex = link === at ? 0 : -1;
  };
  const go = (link) => {
    if (!link) return;
    if (at) at.tabIndex = -1;
    at = link;
    at.tabIndex = 0;
    at.focus();
    at.closest("td").scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  settle();
  grid.addEventListener("focusin", (event) => {
    const link = event.target.closest("a.cell-open");
    if (link && link !== at) {
      if (at) at.tabIndex = -1;
      at = link;
      at.tabIndex = 0;
    }
  });
  document.addEventListener("htmx:afterSettle", settle);
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || document.querySelector("dialog[open]")) return;
      const inside = document.activeElement?.closest?.("#matrix");
      if (!inside) {
        const free = document.activeElement === document.body || document.activeElement?.id === "main";
        const wrap = document.activeElement?.classList?.contains("matrix-wrap");
        if ((free || wrap) && event.key.startsWith("Arrow")) {
          event.preventDefault();
          go(at);
        }
        return;
      }
      const link = document.activeElement.closest("a.cell-open");
      if (!link) return;
      const row = link.closest("tr");
      const column = links(row).indexOf(link);
      const all = rows();
      const to = {
        ArrowLeft: () => links(row)[column - 1],
        ArrowRight: () => links(row)[column + 1],
        ArrowUp: () => links(all[all.indexOf(row) - 1] ?? row)[column],
        ArrowDown: () => links(all[all.indexOf(row) + 1] ?? row)[column],
        Home: () => links(row)[0],
        End: () => links(row).at(-1),
      }[event.key];
      if (!to) return;
      event.preventDefault();
      go(to());
    },
    true,
  );
}

/* ---- one cell -------------------------------------------------------------------------------------------------- */

const editor = $("editor");
if (editor) {
  const box = $("runs");
  const state = $("cell-state");
  const saved = $("saved");
  let version = Number(editor.dataset.version);
  let isDirty = false;
  let isSaving = false;
  let isBlocked = false; // a conflict waits for a decision
  let timer = 0;
  let asked = false;

  /* Runs to elements: text only ever enters as text. */
  const element = (run) => {
    if (run.kind === "verbatim") {
      const chip = document.createElement("q");
      chip.className = `verbatim${run.bold ? " bold" : ""}`;
      chip.contentEditable = "false";
      chip.dataset.quote = run.quote;
      chip.textContent = run.text || "quote removed";
      return chip;
    }
    const span = document.createElement("span");
    span.className = ["run", run.kind, run.bold && "bold", run.italic && "italic"].filter(Boolean).join(" ");
    span.textContent = run.text ?? "";
    return span;
  };
  const show = (runs) => {
    box.replaceChildren(...runs.map(element));
    if (!box.childNodes.length) box.append(element({ kind: "summary", text: "" }));
    measure();
  };

  /* Elements to runs. Whatever a browser put into the box, only text, line ends and the four marks come out. */
  const read = () => {
    const runs = [];
    const add = (text, look) => {
      if (!text) return;
      const last = runs.at(-1);
      if (last && last.kind !== "verbatim" && last.kind === look.kind && !!last.bold === look.bold && !!last.italic === look.italic) last.text += text;
      else runs.push({ kind: look.kind, text, bold: look.bold, italic: look.italic });
    };
    const walk = (node, look) => {
      for (const child of node.childNodes) {
        if (child.nodeType === Node.TEXT_NODE) {
          add(child.data.replaceAll("\u200b", ""), look);
          continue;
        }
        if (child.nodeType !== Node.ELEMENT_NODE || child.classList.contains("pending")) continue;
        if (child.dataset.quote) {
          runs.push({ kind: "verbatim", quote: child.dataset.quote, bold: child.classList.contains("bold") });
          continue;
        }
        if (child.tagName === "BR") {
          add("\n", look);
          continue;
        }
        if (/^(DIV|P)$/.test(child.tagName) && runs.length && !runs.at(-1).text?.endsWith("\n")) add("\n", look);
        walk(child, {
          kind: child.classList.contains("comment") ? "comment" : child.classList.contains("summary") ? "summary" : look.kind,
          bold: look.bold || child.classList.contains("bold") || /^(B|STRONG)$/.test(child.tagName),
          italic: look.italic || child.classList.contains("italic") || /^(I|EM)$/.test(child.tagName),
        });
      }
    };
    walk(box, { kind: "summary", bold: false, italic: false });
    return runs;
  };

  const WHY = {
    "signed out": "you are signed out. Sign in again in another tab, then press Save.",
    failed: "the server failed. Press Save to try again.",
    unreachable: "the server does not answer.",
  };
  const WORDLESS = ["not_started", "not_raised", "not_applicable", "not_asked"];
  const hasWords = (runs) => runs.some((run) => run.kind === "verbatim" || (run.kind === "summary" && run.text.trim()));

  const save = async () => {
    clearTimeout(timer);
    if (isSaving) asked = true; // as soon as the answer is there
    if (!isDirty || isSaving || isBlocked) return;
    const runs = read();
    if (hasWords(runs) && WORDLESS.includes(state.value)) state.value = "draft";
    isSaving = true;
    isDirty = false;
    saved.textContent = "Saving…";
    const answer = await send(editor.dataset.save, { runs: JSON.stringify(runs), state: state.value, expected_version: String(version), read_at: editor.dataset.readAt });
    isSaving = false;
    if (answer.why || answer.error) isDirty = true;
    if (answer.why) {
      saved.textContent = `Not saved: ${WHY[answer.why]} Your text is still here.`;
      if (answer.why === "unreachable") timer = setTimeout(save, 8000);
    } else if (answer.status === 409 && answer.data.runs) conflict(answer.data);
    else if (answer.error) saved.textContent = `Not saved: ${answer.error}`;
    else {
      version = answer.data.version;
      saved.textContent = answer.data.said;
      $("stale")?.remove();
    }
    // Written while the answer was on its way.
    if (isDirty && !isBlocked && saved.textContent.startsWith("Saved")) {
      if (asked) save();
      else later();
    }
    asked = false;
  };
  /* A guide, never a limit: a cell that is read beside others holds a few sentences. */
  const LONG = 120; // words
  const measure = () => {
    const n = box.textContent.replaceAll("\u200b", "").split(/\s+/).filter(Boolean).length;
    $("length").textContent = n > LONG ? `${n} words: long for a cell, try for ${LONG}` : `${n} word${n === 1 ? "" : "s"}`;
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(save, 1500);
  };
  const changed = () => {
    isDirty = true;
    measure();
    if (!isBlocked) saved.textContent = "Not saved yet";
    later();
  };

  /* Somebody else saved the cell: both texts, and a choice. */
  const conflict = (theirs) => {
    isBlocked = true;
    saved.textContent = "Not saved: somebody else saved this cell.";
    const place = $("conflict");
    const words = document.createElement("p");
    words.textContent = `${theirs.by || "Somebody"} saved this cell while you were writing. Nothing is lost. Their text:`;
    const text = document.createElement("div");
    text.className = "yours";
    text.append(...theirs.runs.map(element));
    const row = document.createElement("div");
    row.className = "row";
    const choices = [
      ["Keep mine", () => {}],
      ["Use theirs", () => { show(theirs.runs); state.value = theirs.state; }],
      ["Put mine after theirs", () => { const mine = read(); show([...theirs.runs, { kind: "summary", text: "\n" }, ...mine.map(withWords)]); }],
    ];
    // The words of the quotes in the box, before it is drawn anew.
    const known = new Map([...box.querySelectorAll("[data-quote]")].map((chip) => [chip.dataset.quote, chip.textContent]));
    const withWords = (run) => (run.quote ? { ...run, text: known.get(run.quote) } : run);
    for (const [label, act] of choices) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button secondary small";
      button.textContent = label;
      button.addEventListener("click", () => {
        act();
        version = theirs.version;
        isBlocked = false;
        place.hidden = true;
        isDirty = true;
        box.focus();
        save();
      });
      row.append(button);
    }
    place.replaceChildren(words, text, row);
    place.hidden = false;
    row.firstElementChild.focus();
  };

  /* Marking a selection inside the box. */
  const restyle = (name) => {
    const selection = document.getSelection();
    if (!selection.rangeCount || selection.isCollapsed || !box.contains(selection.anchorNode)) return;
    const range = selection.getRangeAt(0);
    const flat = [];
    const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("q[data-quote]") || !range.intersectsNode(node)) continue;
      flat.push([node, node === range.startContainer ? range.startOffset : 0, node === range.endContainer ? range.endOffset : node.length]);
    }
    const parts = flat.filter(([, from, to]) => from < to);
    const isOn = parts.length > 0 && parts.every(([node]) => node.parentElement.closest(".run")?.classList.contains(name));
    for (const [node, from, to] of parts) {
      const middle = node.splitText(from);
      const rest = middle.splitText(to - from);
      const outer = middle.parentElement.closest(".run");
      const span = document.createElement("span");
      span.className = outer ? outer.className : "run summary";
      span.classList.toggle(name, !isOn);
      if (name === "comment") span.classList.toggle("summary", isOn);
      span.append(middle);
      if (outer) {
        const after = outer.cloneNode(false);
        while (rest) {
          const next = rest.nextSibling;
          after.append(rest);
          if (!next) break;
          after.append(next);
        }
        outer.after(span, after);
        for (const empty of [outer, after]) if (!empty.textContent) empty.remove();
      } else rest.before(span);
    }
    changed();
  };

  /* Quotes. */
  const picker = $("quote-picker");
  const list = $("quote-list");
  let place = null;
  let chosen = 0;
  const evidence = () => [...document.querySelectorAll("#evidence [data-coding]")];
  const keepPlace = () => {
    const selection = document.getSelection();
    if (selection.rangeCount && box.contains(selection.anchorNode)) place = selection.getRangeAt(0).cloneRange();
  };
  /* The quote's place is taken at once, so that what is typed while the answer is on its way stands behind it. */
  const hold = () => {
    const chip = element({ kind: "verbatim", quote: "", text: "…" });
    chip.classList.add("pending");
    const after = element({ kind: "summary", text: "\u200b" });
    if (place && box.contains(place.startContainer)) {
      const outer = (place.startContainer.nodeType === Node.TEXT_NODE ? place.startContainer.parentElement : place.startContainer).closest?.(".run");
      if (outer && box.contains(outer)) {
        const rest = document.createRange();
        rest.setStart(place.endContainer, place.endOffset);
        rest.setEndAfter(outer.lastChild ?? outer);
        const tail = outer.cloneNode(false);
        tail.append(rest.extractContents());
        outer.after(chip, after);
        if (tail.textContent) after.after(tail);
      } else {
        place.collapse(false);
        place.insertNode(after);
        place.insertNode(chip);
      }
    } else box.append(chip, after);
    box.focus();
    document.getSelection().collapse(after.firstChild, 1);
    return chip;
  };
  let isLinking = false; // a double click is one quote
  const link = async (coding) => {
    if (isLinking) return;
    isLinking = true;
    const chip = hold();
    const { data, error, why } = await send(editor.dataset.quote, { coding });
    setTimeout(() => (isLinking = false), 300);
    if (why || error) {
      chip.remove();
      saved.textContent = `The quote was not inserted: ${why ? WHY[why] : error}`;
      return;
    }
    chip.dataset.quote = data.quote;
    chip.textContent = data.text;
    chip.classList.remove("pending");
    changed();
    save();
  };
  const mark = () => {
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
    if (list.children.length) list.setAttribute("aria-activedescendant", `passage-${chosen}`);
  };
  const openQuotes = () => {
    keepPlace();
    const found = evidence();
    if (!found.length) {
      saved.textContent = "There is no passage to quote in the list of evidence.";
      return;
    }
    list.replaceChildren(
      ...found.map((one, at) => {
        const item = document.createElement("li");
        item.id = `passage-${at}`;
        item.setAttribute("role", "option");
        item.dataset.coding = one.dataset.coding;
        item.textContent = one.querySelector("blockquote").textContent.trim();
        item.addEventListener("click", () => {
          chosen = at;
          takeQuote();
        });
        return item;
      }),
    );
    chosen = 0;
    picker.showModal();
    list.focus();
    mark();
  };
  const takeQuote = () => {
    const coding = list.children[chosen]?.dataset.coding;
    picker.close();
    if (coding) link(coding);
  };
  list.addEventListener("keydown", (event) => {
    const n = list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : n - 1)) % n;
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      takeQuote();
    }
  });
  for (const form of document.querySelectorAll(".insert-quote")) {
    form.querySelector("button").addEventListener("pointerdown", keepPlace);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      link(form.elements.coding.value);
    });
  }

  box.addEventListener("input", changed);
  box.addEventListener("blur", () => {
    keepPlace();
    save();
  });
  box.addEventListener("paste", (event) => {
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  box.addEventListener("drop", (event) => event.preventDefault());
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      document.execCommand("insertText", false, "\n");
    }
  });
  state.addEventListener("change", () => {
    changed();
    save();
  });
  const acts = { bold: () => restyle("bold"), italic: () => restyle("italic"), comment: () => restyle("comment"), quote: openQuotes };
  for (const button of editor.querySelectorAll("[data-act]")) {
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", () => acts[button.dataset.act]());
  }
  $("save-cell").addEventListener("click", () => {
    isDirty = true; // saving again says that new evidence was seen
    save();
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || document.querySelector("dialog[open]")) return;
      const act = { k: openQuotes, b: acts.bold, i: acts.italic, m: acts.comment, s: () => { isDirty = true; save(); } }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    },
    true,
  );
  window.addEventListener("beforeunload", (event) => {
    if (isDirty || isSaving) event.preventDefault();
  });

  show(JSON.parse($("runs-data").textContent));
  for (const hidden of document.querySelectorAll("[data-scripted]")) hidden.hidden = false;
  document.querySelector(".cell-page").dataset.ready = "true";
}
