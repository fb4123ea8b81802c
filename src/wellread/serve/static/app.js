// Answers appear sentence by sentence; without this file the form sends the same question and the page comes whole.
"use strict";
const form = document.getElementById("ask");
const place = document.getElementById("answer");
const lately = document.getElementById("lately");

function waiting(text) {
  const article = document.createElement("article");
  article.className = "answer";
  const inside = document.createElement("div");
  inside.className = "text";
  const paragraph = document.createElement("p");
  paragraph.className = "waiting";
  paragraph.textContent = text;
  inside.append(paragraph);
  article.append(inside);
  place.replaceChildren(article);
  return paragraph;
}

async function read(response, paragraph) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (!data) continue;
      const said = JSON.parse(data);
      if (said.piece !== undefined) {
        if (paragraph.className) { paragraph.className = ""; paragraph.textContent = ""; }
        paragraph.append(said.piece);
      }
      if (said.html !== undefined) place.innerHTML = said.html;
      if (said.error !== undefined) { paragraph.className = "notice"; paragraph.textContent = said.error.message; }
    }
  }
}

if (form && place && window.ReadableStream) {
  let stop = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (stop) stop.abort();
    const mine = (stop = new AbortController());
    if (lately) lately.hidden = true;
    const paragraph = waiting("Reading the documents (Escape stops) ");
    place.setAttribute("aria-busy", "true");
    try {
      const response = await fetch("/ask-stream", { method: "POST", body: new URLSearchParams(new FormData(form)), signal: mine.signal });
      if (response.headers.get("content-type").startsWith("text/event-stream")) await read(response, paragraph);
      else { paragraph.className = "notice"; paragraph.textContent = (await response.json()).error.message; }
    } catch (error) {
      if (stop !== mine) return;
      paragraph.className = "notice";
      paragraph.textContent = error.name === "AbortError" ? "Stopped." : "The connection broke: " + error.message;
    } finally {
      if (stop === mine) { place.removeAttribute("aria-busy"); stop = null; }
    }
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && stop) stop.abort(); });
}

// a mark that is pointed at, or has the focus, shows which source it means
for (const [name, on] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
  document.addEventListener(name, (event) => {
    const mark = event.target.closest && event.target.closest("a.mark");
    const source = mark && document.getElementById(mark.hash.slice(1));
    if (source) source.classList.toggle("shown", on);
  });
}

// keys for those who like them; nothing needs them, and «?» switches them off (they are then off in this browser)
const KEYS = { "/": "to the question", j: "next source", k: "source before", o: "open the source", e: "correct the answer", "?": "these keys" };
const sources = () => [...document.querySelectorAll(".sources li[id] h3 a")];

function step(by) {
  const links = sources();
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))];
  if (next) { next.focus(); next.closest("li").scrollIntoView({ block: "nearest" }); }
}

function help() {
  const dialog = document.createElement("dialog");
  const list = document.createElement("dl");
  for (const [key, what] of Object.entries(KEYS)) {
    const name = document.createElement("dt"), said = document.createElement("dd");
    name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    said.textContent = what;
    list.append(name, said);
  }
  const label = document.createElement("label"), box = Object.assign(document.createElement("input"), { type: "checkbox", checked: localStorage.keys !== "off" });
  box.addEventListener("change", () => { localStorage.keys = box.checked ? "on" : "off"; });
  label.append(box, " Keys without Ctrl or Alt do something here");
  const close = Object.assign(document.createElement("button"), { textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.setAttribute("aria-label", "Keys");
  dialog.append(list, label, close);
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog") || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  if (event.key !== "?" && localStorage.keys === "off") return;
  const field = document.getElementById("q") || document.getElementById("f");
  const correct = document.querySelector(".rating details");
  if (event.key === "/" && field) field.focus();
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "o" && sources().includes(document.activeElement)) document.activeElement.click();
  else if (event.key === "e" && correct) { correct.open = true; correct.querySelector("textarea").focus(); }
  else if (event.key === "?") help();
  else return;
  event.preventDefault();
});
