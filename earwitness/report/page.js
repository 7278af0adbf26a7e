"use strict";
// The page's data: see earwitness/report/payload.py. File names and categories come from other
// people's data sets, so text is only ever set as text, never parsed as HTML.
const { dataset, classes, models, accuracy, clips } = JSON.parse(
  document.getElementById("data").textContent
);
const PAGE = 25;
const byId = (id) => document.getElementById(id);
const controls = ["class", "guess", "fold", "verdict", "model", "least", "most", "order"];
const everything = { class: "", guess: "", fold: "", verdict: "", least: 0, most: 100 };
let shown = [];
let page = 0;

function element(tag, properties = {}, ...children) {
  const { dataset: data, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
const guessOf = (clip, model) => clip.top[model][0][0];
const sureness = (clip, model) => clip.top[model][0][1];
const isRight = (clip, model) => guessOf(clip, model) === clip.target;
// The first model is the ensemble, the others are its members.
const isSuspect = (clip) => models.every((_, m) => m === 0 || !isRight(clip, m));
const judge = () => Number(byId("model").value);

function fill(id, options, all) {
  const first = all ? [element("option", { value: "", textContent: all })] : [];
  const rest = options.map(([value, textContent]) => element("option", { value, textContent }));
  byId(id).replaceChildren(...first, ...rest);
}

// Whoever judges and the order stay as they are.
function filterBy(values) {
  for (const [id, value] of Object.entries({ ...everything, ...values })) byId(id).value = value;
  filter();
}

function filter() {
  const value = Object.fromEntries(controls.map((id) => [id, byId(id).value]));
  const model = judge();
  shown = clips.filter((clip) => {
    const sure = Math.round(1e4 * sureness(clip, model)) / 100;
    return (
      (value.class === "" || clip.target === Number(value.class)) &&
      (value.guess === "" || guessOf(clip, model) === Number(value.guess)) &&
      (value.fold === "" || clip.fold === Number(value.fold)) &&
      (value.verdict !== "right" || isRight(clip, model)) &&
      (value.verdict !== "wrong" || !isRight(clip, model)) &&
      (value.verdict !== "suspect" || isSuspect(clip)) &&
      sure >= Number(value.least) &&
      sure <= Number(value.most)
    );
  });
  const sign = { sure: -1, unsure: 1 }[value.order];
  if (sign) shown.sort((a, b) => sign * (sureness(a, model) - sureness(b, model)));
  for (const id of ["least", "most"]) {
    document.querySelector(`output[for=${id}]`).textContent = `${value[id]}%`;
  }
  for (const cell of byId("matrix").querySelectorAll("button")) {
    const { actual, predicted } = cell.dataset;
    const pressed = actual === value.class && predicted === value.guess;
    cell.setAttribute("aria-pressed", String(pressed));
  }
  page = 0;
  showPage();
}

function showPage() {
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  byId("list").replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(clipRow));
  byId("count").textContent = shown.length
    ? `${shown.length} of ${clips.length} clips, page ${page + 1} of ${pages}`
    : `None of ${clips.length} clips is like that: change a filter, or show all clips.`;
  const focused = document.activeElement;
  byId("previous").disabled = page === 0;
  byId("next").disabled = page >= pages - 1;
  // A button that is disabled loses the focus, and the keyboard its place on the page.
  if (focused.disabled) byId("list").firstElementChild?.focus();
}

function turn(step) {
  page += step;
  showPage();
}

function clipRow(clip) {
  const label = classes[clip.target];
  const verdict = isRight(clip, judge()) ? "right" : "wrong";
  const title = element("h3", {}, clip.file, " ");
  title.append(element("small", {}, `is ${label}, fold ${clip.fold}, ${verdict}`));
  const picture = element("img", {
    src: `clips/${clip.row}.webp`, loading: "lazy", width: 320, height: 64,
    alt: `log-mel spectrogram of ${clip.file}`,
  });
  const player = element("audio", {
    controls: true, preload: "none", src: `clips/${clip.row}.ogg`,
  });
  player.setAttribute("aria-label", `play ${clip.file}`);
  const guesses = element("div", { className: "guesses" });
  guesses.append(...models.map((name, model) => modelColumn(clip, name, model)));
  return element(
    "li", { className: `clip ${verdict}`, tabIndex: -1 },
    title, element("div", { className: "sound" }, picture, player), guesses
  );
}

function modelColumn(clip, name, model) {
  const list = element("ol");
  for (const [guess, probability] of clip.top[model]) {
    const className = guess === clip.target ? "hit" : "miss";
    const spans = [classes[guess], percent(probability)].map((text) => element("span", {}, text));
    list.append(element("li", { className }, ...spans));
  }
  return element("div", { className: "model" }, element("h4", {}, name), list);
}

function moveInList(step) {
  const rows = [...byId("list").children];
  const here = rows.indexOf(document.activeElement.closest(".clip"));
  let next = here < 0 ? 0 : here + step;
  if (next >= rows.length && !byId("next").disabled) {
    turn(1);
    next = 0;
  } else if (next < 0 && !byId("previous").disabled) {
    turn(-1);
    next = PAGE - 1;
  }
  byId("list").children[next]?.focus();
}

function playFocused() {
  const player = document.activeElement.closest(".clip")?.querySelector("audio");
  if (player) player.paused ? player.play() : player.pause();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("select, input")) return;
  const action = { j: () => moveInList(1), k: () => moveInList(-1), p: playFocused }[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
}

function start() {
  const folds = [...new Set(clips.map((clip) => clip.fold))].sort((a, b) => a - b);
  byId("dataset").textContent = dataset;
  document.title = `Earwitness: ${dataset}`;
  byId("summary").textContent = `${clips.length} clips, ${classes.length} classes, test folds ` +
    `${folds.join(", ")}. Top-1: ` +
    models.map((name, m) => `${name} ${accuracy[m].toFixed(3)}`).join(", ") + ".";
  // Options in alphabetical order; their values are class indices.
  const named = classes.map((name, index) => [index, name]);
  named.sort((a, b) => a[1].localeCompare(b[1]));
  fill("class", named, "any");
  fill("guess", named, "any");
  fill("fold", folds.map((fold) => [fold, fold]), "any");
  fill("model", models.map((name, model) => [model, name]));
  const suspects = clips.filter(isSuspect).length;
  byId("suspects").textContent = `${suspects} clips that every member gets wrong`;
  byId("suspects").addEventListener("click", () => filterBy({ verdict: "suspect" }));
  byId("all").addEventListener("click", () => filterBy({}));
  byId("filters").addEventListener("input", (event) => {
    if (event.target.id === "model") showConfusions();
    filter();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  for (const id of ["matrix", "pairs"]) {
    byId(id).addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) showPair(button);
    });
  }
  byId("matrix").addEventListener("keydown", moveInMatrix);
  document.addEventListener("keydown", onKey);
  // One clip at a time.
  document.addEventListener("play", (event) => {
    for (const other of document.querySelectorAll("audio")) {
      if (other !== event.target) other.pause();
    }
  }, true);
  showConfusions();
  filter();
}

start();
