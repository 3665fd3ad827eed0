"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const SVG = document.querySelector("svg")?.namespaceURI;

function find(root, name) {
  return root.querySelector(`[data-${name}]`);
}

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Theme: the system's, until the button changes it.

function startTheme() {
  const button = document.querySelector("[data-theme-toggle]");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const show = () => {
    const dark = chosen === null ? system.matches : chosen === "dark";
    document.documentElement.style.colorScheme = chosen ?? "";
    button.textContent = dark ? "Light theme" : "Dark theme";
    return dark;
  };
  button.addEventListener("click", () => {
    chosen = show() ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  show();
}

// Before and after: the divider follows the pointer while it is pressed, or the slider.

function startStage(stage) {
  const frame = find(stage, "frame");
  const range = find(stage, "divide");
  const divide = (share) => {
    range.value = clamp(100 * share, 0, 100);
    frame.style.setProperty("--at", `${clamp(100 * share, 0, 100)}%`);
  };
  const follow = (event) => {
    const box = frame.getBoundingClientRect();
    divide((event.clientX - box.left) / box.width);
  };
  range.addEventListener("input", () => divide(range.value / 100));
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    frame.setPointerCapture(event.pointerId);
    follow(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (frame.hasPointerCapture(event.pointerId)) follow(event);
  });
  divide(0.5);
}

// Pixels of a picture as numbers: 4 bytes each.

async function pixelsOf(image, width, height) {
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}

function loaded(source) {
  const image = new Image();
  image.src = source;
  return image;
}

function byte(value) {
  return value.toString(16).padStart(2, "0");
}

function hex(pixels, place) {
  return "#" + [0, 1, 2].map((band) => byte(pixels[place + band])).join("");
}

function packed(pixels, place) {
  return pixels[place] + 256 * pixels[place + 1] + 65536 * pixels[place + 2];
}

async function startInspector(stage, panel, about) {
  const frame = find(stage, "frame");
  const cross = frame.querySelector(".cross");
  const { width, height } = about;
  const read = (image) => pixelsOf(image, width, height);
  const before = await read(about.before ? loaded(about.before) : find(frame, "before"));
  const after = await read(about.after ? loaded(about.after) : find(frame, "after"));
  const labels = await read(loaded(about.labels));
  const strongest = await Promise.all(about.strongest.map((source) => read(loaded(source))));
  const alphas = about.alphas ? await read(loaded(about.alphas)) : null;
  const shares = about.shares ? await read(loaded(about.shares)) : null;
  const swatches = [...document.querySelectorAll(".palette [data-copy]")].map((button) => button.dataset.copy);
  let at = { x: Math.floor(width / 2), y: Math.floor(height / 2) };

  function posterior(place) {
    const rows = strongest.map((numbers, order) => [packed(numbers, place), shares[place + order] / 255]);
    return rows.filter(([, share], order) => order === 0 || share >= 0.004);
  }

  function show(x, y) {
    at = { x: clamp(x, 0, width - 1), y: clamp(y, 0, height - 1) };
    const place = 4 * (at.y * width + at.x);
    const label = packed(labels, place);
    const seen = label !== about.transparent;
    find(panel, "hint").hidden = true;
    find(panel, "found").hidden = false;
    find(panel, "place").textContent = `x ${at.x}, y ${at.y}`;
    for (const [name, pixels] of [["before", before], ["after", after]]) {
      const opacity = alphas ? alphas[place + (name === "after")] : 255;
      const color = seen ? hex(pixels, place) + (opacity < 255 ? byte(opacity) : "") : "transparent";
      find(panel, `hex-${name}`).textContent = color;
      find(panel, `swatch-${name}`).style.setProperty("--c", color);
    }
    find(panel, "label").textContent = seen ? `label ${label}` : "no label";
    const rows = seen && shares ? posterior(place) : [];
    find(panel, "posterior").replaceChildren(...rows.map(([component, share]) => {
      const row = element("li", { "data-component": component, "data-probability": share });
      const color = swatches[component] ?? "var(--faint)";
      row.append(
        element("i", { class: "swatch", style: `background:${color}` }),
        element("span", {}, `component ${component}`),
        element("span", { class: "share", style: "text-align:left" }, `${(100 * share).toFixed(1)} %`),
      );
      return row;
    }));
    cross.hidden = false;
    cross.style.left = `${(100 * (at.x + 0.5)) / width}%`;
    cross.style.top = `${(100 * (at.y + 0.5)) / height}%`;
  }

  const point = (event) => {
    const box = frame.getBoundingClientRect();
    show(
      Math.floor(((event.clientX - box.left) / box.width) * width),
      Math.floor(((event.clientY - box.top) / box.height) * height),
    );
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerdown", point);
  frame.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    const [x, y] = steps[event.key].map((step) => step * (event.shiftKey ? 10 : 1));
    show(at.x + x, at.y + y);
    event.preventDefault();
  });
  panel.dataset.ready = "";
}

// Sliders over frames: each has a picture, a name and facts.

function showFacts(list, facts) {
  list.replaceChildren(...facts.map(([name, value]) => {
    const row = element("div");
    row.append(element("dt", {}, name), element("dd", {}, value));
    return row;
  }));
}

function showMarkers(section, charts) {
  section.querySelectorAll("[data-markers]").forEach((group, number) => {
    const marks = charts[number].map(([x, y]) => shape("circle", { class: "marker", cx: x, cy: y, r: 5.5 }));
    group.replaceChildren(...marks);
  });
}

function showStrip(strip, colors) {
  strip.replaceChildren(...colors.map((color) => element("i", { style: `--c:${color}`, title: color })));
}

function showCenters(group, frames, number) {
  const now = frames[number];
  const shapes = [];
  now.centers.forEach((_, center) => {
    const way = frames.slice(0, number + 1).map((frame) => frame.centers[center].join(","));
    if (way.length > 1) shapes.push(shape("polyline", { class: "trail", points: way.join(" ") }));
  });
  now.centers.forEach(([x, y], center) => {
    if (now.ellipses) {
      const [rx, ry, angle] = now.ellipses[center];
      const outline = { cx: x, cy: y, rx, ry, transform: `rotate(${angle} ${x} ${y})` };
      shapes.push(shape("ellipse", { class: "ellipse-halo", ...outline }));
      shapes.push(shape("ellipse", { class: "ellipse", stroke: now.colors[center], ...outline }));
    }
    const r = 4 + 9 * Math.sqrt(now.sizes[center]);
    shapes.push(shape("circle", { class: "center-halo", cx: x, cy: y, r: r + 1.6 }));
    shapes.push(shape("circle", { class: "center", cx: x, cy: y, r, fill: now.colors[center] }));
  });
  group.replaceChildren(...shapes);
}

function startSlider(section) {
  const frames = data[section.dataset.slider];
  const range = find(section, "at");
  const strip = find(section, "strip");
  const centers = find(section, "centers");
  const play = find(section, "play");
  let timer = null;

  function show(number) {
    const frame = frames[number];
    range.value = number;
    range.setAttribute("aria-valuetext", frame.name);
    find(section, "name").textContent = frame.name;
    find(section, "picture").src = frame.picture;
    showFacts(find(section, "facts"), frame.facts);
    showMarkers(section, frame.at);
    if (strip) showStrip(strip, frame.colors);
    if (centers) showCenters(centers, frames, number);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    if (play) play.textContent = "Play";
  }

  range.max = frames.length - 1;
  range.addEventListener("input", () => {
    stop();
    show(Number(range.value));
  });
  if (play) {
    play.addEventListener("click", () => {
      if (timer !== null) return stop();
      play.textContent = "Pause";
      if (Number(range.value) === frames.length - 1) show(0);
      timer = setInterval(() => {
        show(Number(range.value) + 1);
        if (Number(range.value) === frames.length - 1) stop();
      }, 350);
    });
  }
  show(Math.max(0, frames.findIndex((frame) => frame.first)));
}

// Copy a colour or a command. A page from disk may have no clipboard API: then a hidden text field does it.

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", { "aria-hidden": "true", style: "position:fixed;opacity:0" });
    field.value = text;
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}

function startCopying() {
  const toast = document.querySelector("[data-toast]");
  let timer = null;
  for (const button of document.querySelectorAll("[data-copy], [data-copy-line]")) {
    button.addEventListener("click", async () => {
      const text = button.dataset.copy ?? button.dataset.copyLine;
      const name = button.dataset.copy ?? "Command";
      toast.textContent = (await copy(text)) ? `${name} copied` : `Could not copy: ${text}`;
      toast.classList.add("shown");
      clearTimeout(timer);
      timer = setTimeout(() => toast.classList.remove("shown"), 2000);
    });
  }
}

// Tables: numbers by value, words by alphabet, what is missing last.

function compareCells(one, other, place) {
  const [a, b] = [one, other].map((row) => row.cells[place].dataset.value);
  if (a === "" || b === "") return { missing: true, order: (a === "") - (b === "") };
  const [x, y] = [Number(a), Number(b)];
  const words = Number.isNaN(x) || Number.isNaN(y);
  return { missing: false, order: words ? a.localeCompare(b) : x === y ? 0 : x - y };
}

function startTable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    if (table.tBodies[0].rows[0]?.cells[place].classList.contains("word")) head.classList.add("word");
    head.querySelector("button").addEventListener("click", () => {
      const descending = head.ariaSort === "ascending";
      for (const other of heads) other.ariaSort = "none";
      head.ariaSort = descending ? "descending" : "ascending";
      const rows = [...table.tBodies[0].rows].sort((one, other) => {
        const { missing, order } = compareCells(one, other, place);
        return missing || !descending ? order : -order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

// A table that goes on beyond its frame fades out there.

function startScrolling(frame) {
  const mark = () => {
    frame.toggleAttribute("data-more", frame.scrollLeft + frame.clientWidth < frame.scrollWidth - 1);
  };
  frame.addEventListener("scroll", mark);
  new ResizeObserver(mark).observe(frame);
  new ResizeObserver(mark).observe(frame.firstElementChild);
}

// Columns that do not fit are left out, those of the highest rank first, unless the reader wants all of them.

function startColumns(table) {
  const ranks = [...table.tHead.rows[0].cells].map((head) => Number(head.dataset.rank || 0));
  const all = table.closest(".scroll").parentElement.querySelector("[data-columns]");
  if (!all) return;
  const box = all.querySelector("input");
  const toggle = (place, hidden) => {
    for (const row of table.rows) row.cells[place].hidden = hidden;
  };
  const fit = () => {
    ranks.forEach((_, place) => toggle(place, false));
    const room = table.parentElement.clientWidth;
    all.hidden = table.offsetWidth <= room;
    if (box.checked) return;
    const order = ranks.map((rank, place) => ({ rank, place })).filter(({ rank }) => rank > 0);
    order.sort((one, other) => other.rank - one.rank || other.place - one.place);
    for (const { place } of order) {
      if (table.offsetWidth <= room) break;
      toggle(place, true);
    }
  };
  box.addEventListener("change", fit);
  window.addEventListener("resize", fit);
  fit();
}

// A comparison: which two of the pictures are shown, one on each side of the divider.

function startChooser(section) {
  const stage = find(section, "stage");
  const pictures = [...section.querySelectorAll("[data-tile]")];
  const sides = { before: find(section, "choose-before"), after: find(section, "choose-after") };
  const show = () => {
    for (const [side, select] of Object.entries(sides)) {
      const tile = pictures[Number(select.value)];
      const image = find(stage, side);
      image.src = tile.querySelector("img").src;
      image.alt = tile.dataset.tile;
      find(stage, `${side}-name`).textContent = tile.dataset.tile;
    }
    pictures.forEach((tile, number) => {
      tile.setAttribute("aria-pressed", String(number === Number(sides.after.value)));
    });
  };
  for (const select of Object.values(sides)) select.addEventListener("change", show);
  pictures.forEach((tile, number) => {
    tile.addEventListener("click", () => {
      sides.after.value = String(number);
      show();
    });
  });
  show();
}

startTheme();
startCopying();
document.querySelectorAll("[data-stage]").forEach(startStage);
document.querySelectorAll("[data-slider]").forEach(startSlider);
document.querySelectorAll("[data-chooser]").forEach(startChooser);
document.querySelectorAll("table.sortable").forEach(startTable);
document.querySelectorAll("table.compact").forEach(startColumns);
document.querySelectorAll(".scroll").forEach(startScrolling);
const panel = document.querySelector("[data-inspector]");
if (panel) startInspector(document.querySelector("[data-stage]"), panel, data.inspector);
