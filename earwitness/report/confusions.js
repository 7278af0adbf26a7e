"use strict";
// The confusion matrix and the most confused pairs; page.js has the data and the filters.
const PAIRS = 20;

function countConfusions(model) {
  const counts = classes.map(() => new Array(classes.length).fill(0));
  for (const clip of clips) counts[clip.target][guessOf(clip, model)] += 1;
  return counts;
}

function showConfusions() {
  const counts = countConfusions(judge());
  const pairs = [];
  const body = element("tbody");
  counts.forEach((row, actual) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const line = element("tr", {}, element("th", { scope: "row" }, classes[actual]));
    row.forEach((count, predicted) => {
      line.append(element("td", {}, ...(count ? [cell(actual, predicted, count, total)] : [])));
      if (count && actual !== predicted) pairs.push([count, actual, predicted]);
    });
    body.append(line);
  });
  const names = classes.map((name) => element("th", { scope: "col" }, name));
  byId("matrix").replaceChildren(
    element("thead", {}, element("tr", {}, element("td"), ...names)), body
  );
  const first = body.querySelector("button");
  if (first) first.tabIndex = 0;
  pairs.sort((a, b) => b[0] - a[0]);
  byId("pairs").replaceChildren(...pairs.slice(0, PAIRS).map(pairButton));
}

function cell(actual, predicted, count, total) {
  const hit = actual === predicted;
  const button = element("button", {
    type: "button", tabIndex: -1, className: hit ? "hit" : "", dataset: { actual, predicted },
    title: `${classes[actual]} taken for ${classes[predicted]}: ${count}`,
  }, String(count));
  button.setAttribute("aria-label", button.title);
  button.style.setProperty("--share", `${Math.round(15 + 55 * Math.sqrt(count / total))}%`);
  return button;
}

function pairButton([count, actual, predicted]) {
  const text = `${classes[actual]} taken for ${classes[predicted]}: ${count}`;
  const button = element("button", { type: "button", dataset: { actual, predicted } }, text);
  return element("li", {}, button);
}

function showPair(button) {
  filterBy({ class: button.dataset.actual, guess: button.dataset.predicted });
  byId("clips").focus({ preventScroll: true });
  byId("clips").scrollIntoView();
}

function moveInMatrix(event) {
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const [down, right] = step[event.key] ?? [0, 0];
  if (!(down || right) || !event.target.dataset.actual) return;
  event.preventDefault();
  let { actual, predicted } = event.target.dataset;
  let next = null;
  do {
    actual = Number(actual) + down;
    predicted = Number(predicted) + right;
    if (!(actual in classes && predicted in classes)) return;
    next = byId("matrix").querySelector(
      `[data-actual="${actual}"][data-predicted="${predicted}"]`
    );
  } while (!next);
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
