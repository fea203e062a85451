// Two or more classes by hand: entropy, criteria and commitment for the numbers on the page.
//
// gamma = M / (s^2 + sigma^2), M = mu^2 d, and sigma^2 = e^{2t} - 1. K classes are as far from one another as the
// two are, g = 2 gamma. Nothing is fetched; tests compare these functions with `speciation.theory`.
"use strict";

const Explorer = (() => {
  const ROOT = Math.sqrt(2 * Math.PI);

  /** Mean of f(z) over a standard normal z: the trapezoidal rule, which is exact to rounding for smooth f. */
  function gaussian(f, reach = 9, steps = 360) {
    const h = (2 * reach) / steps;
    let sum = 0;
    for (let i = 0; i <= steps; i++) {
      const z = -reach + i * h;
      sum += Math.exp(-z * z / 2) * f(z);
    }
    return (sum * h) / ROOT;
  }

  /** log(1 + e^x) without overflow. */
  const softplus = (x) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)));
  const prior = (w) => 0.5 * Math.log(w / (1 - w));
  const classEntropy = (w) => -w * Math.log(w) - (1 - w) * Math.log(1 - w);

  /** Entropy of the class, nats, of two classes at gamma with weights w and 1 - w (T2). */
  function entropy(gamma, w = 0.5) {
    const root = Math.sqrt(gamma), l = prior(w);
    return gaussian((z) => w * softplus(-2 * (l + gamma + root * z)) + (1 - w) * softplus(2 * (l - gamma + root * z)));
  }

  /** E[1 - tanh^2 L], so that dH/dgamma = -mmse/2 and two clones agree with probability 1 - mmse/2 (T3, T4). */
  function mmse(gamma, w = 0.5) {
    const root = Math.sqrt(gamma), l = prior(w);
    const gap = (x) => 1 / Math.cosh(x) ** 2;
    return gaussian((z) => w * gap(l + gamma + root * z) + (1 - w) * gap(l - gamma + root * z));
  }

  /** P(the likelier class still changes later than gamma) on the way back, twice the Bayes error (T19). */
  function commitmentTail(gamma, w = 0.5) {
    const from = Math.sqrt(gamma), to = from + 12, steps = 1200, h = (to - from) / steps, l = prior(w);
    const f = (x) => (x === 0 ? (l === 0 ? 1 : 0) : Math.exp(-x * x / 2 - (l * l) / (2 * x * x)));
    let sum = f(from) + f(to);
    for (let i = 1; i < steps; i++) sum += (i % 2 ? 4 : 2) * f(from + i * h);
    return (4 * Math.sqrt(w * (1 - w)) * sum * h) / (3 * ROOT);
  }

  /** Normal distribution function by its series in odd powers of x. */
  function normal(x) {
    if (x > 8) return 1;
    if (x < -8) return 0;
    let term = x, sum = x;
    for (let n = 1; n < 200 && Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (x * x) / (2 * n + 1);
    return 0.5 + (sum * Math.exp(-x * x / 2)) / ROOT;
  }

  /** Bayes error of K classes of equal weight at equal distances, g = 2 gamma. */
  function bayesError(g, K) {
    const root = Math.sqrt(g);
    return gaussian((z) => -Math.expm1((K - 1) * Math.log(Math.max(normal(z + root), 1e-300))));
  }

  /** Entropy of K classes of equal weight at equal distances, nats (T13): one integral of psi(v) = E exp(-e^(v + sqrt(g) Z)). */
  function manyEntropy(g, K) {
    const root = Math.sqrt(g), log = Math.log(K);
    const risen = (v) => gaussian((z) => -Math.expm1(-Math.exp(v + root * z)), 8.5, 120); // 1 - psi
    const low = -log - 1.5 * g - 9 * root - 30, high = 6 + 9 * root, steps = 500, h = (high - low) / steps;
    let sum = 0;
    for (let i = 0; i <= steps; i++) {
      const v = low + i * h;
      const kept = Math.log1p(-Math.min(risen(v + g), 1 - 1e-300)) + (K - 1) * Math.log1p(-Math.min(risen(v), 1 - 1e-300));
      sum += (Math.exp(-Math.exp(v)) - Math.exp(kept)) * (i === 0 || i === steps ? 0.5 : 1);
    }
    return Math.max(sum * h - g, 0);
  }

  /** Cross-entropy of runs guided to the first class with weight omega, at rising levels of gamma (T12).
   *
   * The density of L obeys dL = [omega + (1 - omega) tanh L] dgamma + dB: finite volumes with exponential fitting
   * in L, Crank and Nicolson's rule in gamma.
   */
  function guided(gammas, omega, w = 0.5) {
    const l = prior(w), low = l - 70, high = l + 70, h = 0.08, n = Math.round((high - low) / h);
    const at = (i) => low + (i + 0.5) * h;
    const bernoulli = (x) => (Math.abs(x) < 1e-8 ? 1 - x / 2 : x / Math.expm1(x));
    const drift = (x) => omega + (1 - omega) * Math.tanh(x);
    const left = new Float64Array(n), right = new Float64Array(n); // rates of jumps from i to i - 1 and to i + 1
    for (let i = 0; i < n; i++) {
      const up = 2 * h * drift(at(i) + h / 2), down = 2 * h * drift(at(i) - h / 2);
      right[i] = i < n - 1 ? bernoulli(-up) / (2 * h * h) : 0;
      left[i] = i > 0 ? bernoulli(down) / (2 * h * h) : 0;
    }
    let p = new Float64Array(n), gamma = Math.min(0.04, gammas[0]);
    for (let i = 0; i < n; i++) {
      const x = at(i) - l - drift(l) * gamma;
      p[i] = Math.exp((-x * x) / (2 * gamma));
    }
    const whole = p.reduce((a, b) => a + b, 0);
    p = p.map((each) => each / whole);
    return gammas.map((level) => {
      const goal = Math.min(level, 40); // decided long before
      while (goal - gamma > 1e-12) {
        const step = Math.min(goal - gamma, 0.04 * gamma + 0.002);
        p = advanced(p, left, right, step);
        gamma += step;
      }
      let sum = 0;
      for (let i = 0; i < n; i++) sum += p[i] * softplus(-2 * at(i));
      return sum;
    });
  }

  /** One step of Crank and Nicolson for a chain of jumps to neighbours, by elimination. */
  function advanced(p, left, right, step) {
    const n = p.length, a = step / 2, c = new Float64Array(n), x = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const gain = (i > 0 ? right[i - 1] * p[i - 1] : 0) + (i < n - 1 ? left[i + 1] * p[i + 1] : 0);
      const known = p[i] + a * (gain - (left[i] + right[i]) * p[i]);
      const below = i > 0 ? -a * right[i - 1] : 0, above = i < n - 1 ? -a * left[i + 1] : 0;
      const pivot = 1 + a * (left[i] + right[i]) - (i > 0 ? below * c[i - 1] : 0);
      c[i] = above / pivot;
      x[i] = (known - (i > 0 ? below * x[i - 1] : 0)) / pivot;
    }
    for (let i = n - 2; i >= 0; i--) x[i] -= c[i] * x[i + 1];
    return x;
  }

  /** Where f changes its sign between low and high, which it does once. */
  function root(f, low, high) {
    const sign = f(low) > 0;
    for (let i = 0; i < 70; i++) {
      const middle = (low + high) / 2;
      if (f(middle) > 0 === sign) low = middle; else high = middle;
    }
    return (low + high) / 2;
  }

  /** Where f is largest between low and high, where it rises and then falls. */
  function peak(f, low, high) {
    const golden = (Math.sqrt(5) - 1) / 2;
    for (let i = 0; i < 60; i++) {
      const a = high - golden * (high - low), b = low + golden * (high - low);
      if (f(a) > f(b)) high = b; else low = a;
    }
    return (low + high) / 2;
  }

  const time = (sigma2) => 0.5 * Math.log1p(sigma2);

  /** Criteria as [name, time], time null where there is none (T5; T13, T14 for more than two classes). */
  function criteria(M, s, w, K) {
    const atGamma = (gamma) => (M / gamma - s * s >= 0 ? time(M / gamma - s * s) : null);
    const most = s > 0 ? M / (s * s) : Infinity, top = Math.min(most, 800);
    if (K > 2) {
      const whole = Math.log(K), half = (x) => manyEntropy(2 * Math.exp(x), K) - whole / 2;
      const high = Math.log(Math.min(top, 6 * whole + 20));
      const decided = half(high) < 0 ? atGamma(Math.exp(root(half, -6, high))) : null;
      return [["half of the entropy left", decided], ["first-order threshold, g = 2 log K", atGamma(whole)],
        ["midpoint unstable, g = K", atGamma(K / 2)]];
    }
    const four = 4 * w * (1 - w), c = s * s - 1, B = 2 * four * M;
    const fraction = (A) => (A > 0 && A <= 1 ? -0.5 * Math.log(A) : null);
    const rate = (x) => { const g = Math.exp(x); return g * (1 + ((1 - s * s) / M) * g) * mmse(g, w); };
    const highest = Math.exp(peak(rate, -6, Math.log(Math.min(top, 60))));
    const half = (x) => entropy(Math.exp(x), w) - classEntropy(w) / 2;
    const l = Math.abs(prior(w));
    const mode = l === 0 ? 1 : root((g) => Math.sqrt(g * (g - 1)) - Math.acosh(Math.sqrt(g)) - l, 1, 50 + 4 * l);
    const spread = four * M + s * s;
    return [
      ["entropy peak, per OU time", highest < 0.999 * Math.min(top, 60) ? atGamma(highest) : null],
      ["half of the entropy left", half(Math.log(top)) < 0 ? atGamma(Math.exp(root(half, -8, Math.log(Math.min(top, 200))))) : null],
      ["curvature", atGamma(1 / four)], ["second mode", atGamma(mode)], ["cloning, γ = 1", atGamma(1)],
      ["covariance", spread >= 1 ? 0.5 * Math.log(spread) : null],
      ["reverse SDE", fraction(2 / (B + Math.sqrt(B * B + 4 * c * c)))],
      ["probability flow", c === 0 ? null : fraction((-c - four * M) / (c * c))],
    ];
  }

  /** Everything the page draws: times, and at each the entropy, rate, guided cross-entropy and commitment. */
  function curves({ d, mu, s, w, K, omega }, count = K > 2 ? 45 : 90) {
    const M = mu * mu * d, centre = 0.5 * Math.log1p(M);
    const from = Math.max(centre - 3, 0.02), to = centre + 3;
    const times = Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
    const gammas = times.map((t) => M / (s * s + Math.expm1(2 * t)));
    const two = K === 2, whole = two ? classEntropy(w) : Math.log(K);
    const H = gammas.map((g) => (two ? entropy(g, w) : manyEntropy(2 * g, K)));
    const speed = (i) => (gammas[i] ** 2 * Math.exp(2 * times[i])) / M; // dgamma/dt = -2 e^{2t} gamma^2 / M
    const slope = (i) => {
      const a = Math.max(i - 1, 0), b = Math.min(i + 1, count - 1);
      return (H[b] - H[a]) / (times[b] - times[a]);
    };
    const rate = gammas.map((g, i) => (two ? speed(i) * mmse(g, w) : slope(i)));
    const back = two && omega !== 1 ? guided([...gammas].reverse(), omega, w).reverse() : null;
    const wrong = gammas.map((g) => (two ? commitmentTail(g, w) : bayesError(2 * g, K)));
    return { times, gammas, whole, H, rate, guided: back, committed: wrong, criteria: criteria(M, s, w, K) };
  }

  return { entropy, mmse, commitmentTail, bayesError, manyEntropy, guided, criteria, curves, classEntropy };
})();

if (typeof module !== "undefined") module.exports = Explorer;

/** The page: sliders, three charts in SVG and a table. */
function explorerPage(root) {
  const SVG = "http://www.w3.org/2000/svg", W = 360, H = 210, EDGE = { left: 44, right: 8, top: 10, bottom: 34 };
  const DASHES = ["", "6 3", "2 2", "8 3 2 3", "14 5"];
  const controls = [
    ["d", "dimension d", 0, 6, 0.05, 3.6, (x) => Math.round(10 ** x)],
    ["mu", "mean μ of each coordinate", -2, 1, 0.02, 0, (x) => 10 ** x],
    ["s", "standard deviation s of a class", 0, 3, 0.02, 1, (x) => x],
    ["w", "weight w of the first class", 0.01, 0.99, 0.01, 0.5, (x) => x],
    ["K", "number of classes K", 2, 200, 1, 2, (x) => x],
    ["omega", "guidance weight ω", 0, 5, 0.1, 2, (x) => x],
  ];
  const element = (name, attributes, parent, text) => {
    const made = ["svg", "path", "line", "text", "g"].includes(name)
      ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const short = (x) => (Math.abs(x) >= 1e5 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(2) : String(+x.toPrecision(4)));
  const panel = element("div", { class: "explorer-controls" }, root);
  const inputs = {}, shown = {};
  for (const [name, words, low, high, step, value] of controls) {
    const row = element("label", {}, panel);
    element("span", {}, row, words);
    inputs[name] = element("input", { type: "range", min: low, max: high, step, value, "aria-label": words }, row);
    shown[name] = element("output", {}, row);
  }
  const note = element("p", { class: "explorer-note" }, root);
  const charts = element("div", { class: "explorer-charts" }, root);
  const table = element("table", {}, element("div", { class: "explorer-table" }, root));

  function ticks(low, high) {
    const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find((n) => n * power >= raw) * power;
    const found = [];
    for (let x = Math.ceil(low / step) * step; x <= high + 1e-9; x += step) found.push(Math.abs(x) < 1e-9 ? 0 : x);
    return found;
  }

  function chart(title, times, top, lines, marks) {
    const svg = element("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title }, charts);
    const x = (t) => EDGE.left + ((t - times[0]) / (times[times.length - 1] - times[0])) * (W - EDGE.left - EDGE.right);
    const y = (v) => H - EDGE.bottom - (Math.min(v, top) / top) * (H - EDGE.top - EDGE.bottom - 14);
    const axis = { stroke: "currentColor", "stroke-opacity": 0.5 };
    element("text", { x: EDGE.left, y: 14, "font-size": 11, fill: "currentColor" }, svg, title);
    for (const t of ticks(times[0], times[times.length - 1])) {
      element("line", { x1: x(t), x2: x(t), y1: y(0), y2: y(0) + 4, ...axis }, svg);
      element("text", { x: x(t), y: y(0) + 15, "font-size": 10, fill: "currentColor", "text-anchor": "middle" }, svg, short(t));
    }
    for (const v of ticks(0, top)) {
      element("line", { x1: EDGE.left - 4, x2: EDGE.left, y1: y(v), y2: y(v), ...axis }, svg);
      element("text", { x: EDGE.left - 6, y: y(v) + 3, "font-size": 10, fill: "currentColor", "text-anchor": "end" }, svg, short(v));
    }
    element("path", { d: `M${EDGE.left},${EDGE.top + 14}V${y(0)}H${W - EDGE.right}`, fill: "none", ...axis }, svg);
    element("text", { x: (W + EDGE.left) / 2, y: H - 4, "font-size": 10, fill: "currentColor", "text-anchor": "middle" }, svg,
      "Ornstein–Uhlenbeck time t (← generation)");
    for (const [t, dash] of marks) {
      if (t === null || t < times[0] || t > times[times.length - 1]) continue;
      element("line", { x1: x(t), x2: x(t), y1: EDGE.top + 14, y2: y(0), stroke: "currentColor", "stroke-opacity": 0.8,
        "stroke-dasharray": dash }, svg);
    }
    for (const [values, colour, dash] of lines) {
      const path = values.map((v, i) => `${i ? "L" : "M"}${x(times[i]).toFixed(1)},${y(v).toFixed(1)}`).join("");
      element("path", { d: path, fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }, svg);
    }
  }

  function draw() {
    const values = Object.fromEntries(controls.map(([name, , , , , , read]) => [name, read(+inputs[name].value)]));
    for (const name in values) shown[name].textContent = short(values[name]);
    const many = values.K > 2;
    inputs.w.disabled = inputs.omega.disabled = many;
    const found = Explorer.curves(values);
    note.textContent = (many
      ? "More than two classes: equal weights, all as far from one another as the two are; without guidance. "
      : "") + `M = μ²d = ${short(values.mu ** 2 * values.d)}, H(C) = ${short(found.whole)} nats.`;
    charts.replaceChildren();
    const known = found.criteria.filter(([, t]) => t !== null);
    const marks = known.slice(0, 3).map(([, t], i) => [t, DASHES[i]]);
    const entropies = [[found.H, "#1f77b4", ""]];
    if (found.guided) entropies.push([found.guided, "#d55e00", "6 3"]);
    chart(found.guided ? "entropy H; guided runs, H_ω (dashed) [nats]" : "entropy H(C|X) [nats]",
      found.times, 1.15 * found.whole, entropies, marks);
    chart("rate dH/dt [nats per OU time]", found.times, 1.1 * Math.max(...found.rate), [[found.rate, "#1f77b4", ""]], marks);
    const doubled = found.committed.map((each) => 2 * each);
    chart(many ? "P(class still changes): between ε and 2ε" : "P(the class still changes later on)", found.times, 1,
      many ? [[found.committed, "#1f77b4", ""], [doubled.map((each) => Math.min(each, 1)), "#1f77b4", "2 2"]]
        : [[found.committed, "#1f77b4", ""]], marks);
    table.replaceChildren();
    const head = element("tr", {}, table);
    for (const word of ["criterion", "line", "t", "σ"]) element("th", {}, head, word);
    for (const [name, t] of found.criteria) {
      const row = element("tr", {}, table), order = known.findIndex((each) => each[0] === name);
      element("td", {}, row, name);
      const cell = element("td", {}, row);
      if (order >= 0 && order < 3) {
        const svg = element("svg", { viewBox: "0 0 40 8", width: 40, height: 8, "aria-hidden": "true" }, cell);
        element("line", { x1: 0, x2: 40, y1: 4, y2: 4, stroke: "currentColor", "stroke-dasharray": DASHES[order] }, svg);
      }
      element("td", {}, row, t === null ? "none" : short(t));
      element("td", {}, row, t === null ? "" : short(Math.sqrt(Math.expm1(2 * t))));
    }
  }

  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
  for (const name in inputs) inputs[name].addEventListener("input", later);
  draw();
}

if (typeof document !== "undefined") {
  const begin = () => document.querySelectorAll("#explorer-app").forEach(explorerPage);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
}
