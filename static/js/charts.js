// Draws the dashboard's charts from the tables that stand beside them: without this script the tables say the same.
// A div names its table (data-table) and its form: data-plot="stack" or "lines".
const HEIGHT = 200;
const DASH = [5, 3];
// Whole numbers only: there is no half call.
const STEPS = [1, 2, 5].flatMap((step) => [step, step * 10, step * 100, step * 1e3, step * 1e4, step * 1e5, step * 1e6]).sort((a, b) => a - b);

function colour(number) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--cs-series-${number}`).trim();
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function readTable(table) {
  const rows = [...table.tBodies[0].rows];
  const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  return {
    names,
    labels: rows.map((row) => row.cells[0].textContent),
    series: names.map((_, at) => rows.map((row) => {
      const text = row.cells[at + 1].dataset.value;
      return text === "" ? null : Number(text);
    })),
  };
}

function stacked(series) {
  const sums = series[0].map(() => 0);
  return series.map((values) => values.map((value, at) => (sums[at] += value || 0)));
}

function axes(data) {
  const plain = { stroke: token("--cs-muted"), grid: { stroke: token("--cs-line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return [
    { ...plain, grid: { show: false }, space: 64, size: 30, values: (_, places) => places.map((at) => (Number.isInteger(at) ? data.labels[at] ?? "" : "")) },
    { ...plain, size: 48, incrs: STEPS, values: (_, places) => places.map((value) => value.toLocaleString(document.documentElement.lang)) },
  ];
}

function options(kind, data, width) {
  const bars = window.uPlot.paths.bars({ size: [0.6, 48] });
  const series = data.names.map((label, at) => (kind === "stack"
    ? { label, fill: colour(at + 1), stroke: colour(at + 1), width: 0, paths: bars, points: { show: false } }
    : { label, stroke: colour(at ? 3 : 1), width: 2, dash: at ? DASH : undefined, spanGaps: true, points: { show: data.labels.length < 40 } }));
  // The highest sum is drawn first and covered by the smaller ones.
  if (kind === "stack") series.reverse();
  return {
    width, height: HEIGHT, legend: { show: false }, cursor: { show: false },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.05)] } },
    axes: axes(data), series: [{}, ...series],
  };
}

function draw(place) {
  const table = document.getElementById(place.dataset.table);
  if (!table || !window.uPlot) return;
  const data = readTable(table);
  const kind = place.dataset.plot;
  const values = kind === "stack" ? stacked(data.series).reverse() : data.series;
  place.replaceChildren();
  new window.uPlot(options(kind, data, place.clientWidth), [data.labels.map((_, at) => at), ...values], place);
}

function drawAll() {
  for (const place of document.querySelectorAll("[data-plot]")) draw(place);
}

let waiting = 0;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
addEventListener("load", drawAll);
if (document.readyState === "complete") drawAll();
