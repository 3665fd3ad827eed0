
// The player of a clip: the frames before and after on two canvases, divided where the slider of the stage stands.

function canvasFor(image, about) {
  const canvas = element("canvas", { width: about.width, height: about.height, role: "img", "aria-label": image.alt });
  canvas.toggleAttribute(image.hasAttribute("data-before") ? "data-before" : "data-after", true);
  canvas.getContext("2d").drawImage(image, 0, 0, about.width, about.height);
  image.replaceWith(canvas);
  return canvas.getContext("2d");
}

function lastAtMost(values, value) {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (values[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

// Pictures of single frames: a clock says which of them is shown.

function stillSource(about, [before, after], changed) {
  const pictures = about.stills.map(() => null);
  let [at, drawn, rate, running, since, begun] = [0, -1, 1, false, 0, 0];

  async function draw(number) {
    pictures[number] ??= about.stills[number].map(loaded);
    await Promise.all(pictures[number].map((picture) => picture.decode()));
    if (number !== at) return;
    drawn = number;
    [before, after].forEach((context, side) => {
      context.clearRect(0, 0, about.width, about.height);
      context.drawImage(pictures[number][side], 0, 0, about.width, about.height);
    });
    changed(number);
  }

  function go(number) {
    at = number;
    if (at !== drawn) draw(at);
  }

  function begin(time) {
    begun = time;
    since = performance.now();
  }

  function tick(now) {
    if (!running) return;
    let time = begun + ((now - since) / 1000) * rate;
    if (time >= about.end) {
      if (!about.loop) {
        go(about.times.length - 1);
        source.pause();
        return;
      }
      begin(0);
      time = 0;
    }
    go(lastAtMost(about.times, time));
    requestAnimationFrame(tick);
  }

  const source = {
    go(number) {
      begin(about.times[number]);
      go(number);
    },
    play() {
      running = true;
      begin(at === about.times.length - 1 ? 0 : about.times[at]);
      requestAnimationFrame(tick);
    },
    pause() {
      running = false;
      source.stopped();
    },
    rate(value) {
      begin(about.times[at]);
      rate = value;
    },
    stopped() {},
  };
  return source;
}

// A video that has both clips in one picture, one above the other: so they never differ in time.

function videoSource(about, contexts, changed) {
  const video = element("video", { playsinline: "", preload: "auto" });
  video.muted = true;
  video.loop = about.loop;
  const bytes = Uint8Array.from(atob(about.video), (letter) => letter.charCodeAt(0));
  video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  const times = about.times;
  let last = -1;
  const draw = () => {
    contexts.forEach((context, side) => {
      const { width, height } = about;
      context.drawImage(video, 0, side * height, width, height, 0, 0, width, height);
    });
    const number = lastAtMost(times, video.currentTime + 0.0005);
    if (number !== last) changed(number);
    last = number;
  };
  const follow = () => {
    draw();
    if (!video.paused) requestAnimationFrame(follow);
  };
  video.addEventListener("loadeddata", draw);
  video.addEventListener("seeked", draw);
  video.addEventListener("play", follow);
  video.addEventListener("ended", () => source.stopped());
  video.addEventListener("error", () => source.failed());
  const source = {
    go(number) {
      video.currentTime = (times[number] + (times[number + 1] ?? about.end)) / 2; // inside the frame, not at its edge
    },
    play() {
      video.play().catch(() => source.stopped());
    },
    pause() {
      video.pause();
      source.stopped();
    },
    rate(value) {
      video.playbackRate = value;
    },
    stopped() {},
    failed() {},
  };
  return source;
}

function secondsWords(time, end) {
  if (end < 120) return `${time.toFixed(2)} s`;
  const [minutes, seconds] = [Math.floor(time / 60), Math.floor(time % 60)];
  const parts = end < 7200 ? [minutes, seconds] : [Math.floor(minutes / 60), minutes % 60, seconds];
  return parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

function sharesAt(shares, time) {
  const stretch = shares.stretches[lastAtMost(shares.stretches.map(({ edges }) => edges[0]), time)];
  const row = stretch.shares[Math.min(lastAtMost(stretch.edges, time), stretch.shares.length - 1)];
  return row.map((share, label) => ({ name: stretch.names[label], share, color: stretch.colors[label] }));
}

function startPlayer(section, about) {
  const contexts = ["before", "after"].map((side) => canvasFor(find(section, side), about));
  const [button, range, cursor, area] = ["play", "seek", "cursor", "timeline"].map((name) => find(section, name));
  const list = find(section, "shares");
  const most = 12;
  let playing = false;

  function show(number) {
    const time = about.times[number];
    const words = secondsWords(time, about.end);
    range.value = number;
    range.setAttribute("aria-valuetext", words);
    find(section, "time").textContent = words;
    find(section, "moment").textContent = `${words}, frame ${number * about.every}`;
    cursor.style.left = `${(100 * time) / about.shares.end}%`;
    cursor.dataset.time = time;
    list.replaceChildren(...sharesAt(about.shares, time).slice(0, most).map(({ name, share, color }) => {
      const row = element("li", { "data-share": share });
      row.append(
        element("i", { class: "swatch", style: `--c:${color}` }),
        element("span", {}, name),
        element("b", { style: `--c:${color};--bar:${share}` }),
        element("span", { class: "share" }, `${(100 * share).toFixed(1)} %`),
      );
      return row;
    }));
    section.dataset.shown = number;
  }

  const source = (about.video ? videoSource : stillSource)(about, contexts, show);
  const toggle = () => {
    playing = !playing;
    button.textContent = playing ? "Pause" : "Play";
    if (playing) source.play();
    else source.pause();
  };
  source.stopped = () => {
    playing = false;
    button.textContent = "Play";
  };
  source.failed = () => {
    button.disabled = true;
    find(section, "moment").textContent = "This browser cannot play H.264 video: the frame in the middle is shown.";
  };
  const goTo = (time) => source.go(lastAtMost(about.times, clamp(time, 0, about.end)));
  const follow = (event) => {
    const box = area.getBoundingClientRect();
    goTo(((event.clientX - box.left) / box.width) * about.shares.end);
  };
  find(section, "transport").hidden = cursor.hidden = false;
  range.max = about.times.length - 1;
  button.addEventListener("click", toggle);
  range.addEventListener("input", () => source.go(Number(range.value)));
  range.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    toggle();
    event.preventDefault();
  });
  find(section, "speed").addEventListener("change", (event) => source.rate(Number(event.target.value)));
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    area.setPointerCapture(event.pointerId);
    follow(event);
  });
  area.addEventListener("pointermove", (event) => {
    if (area.hasPointerCapture(event.pointerId)) follow(event);
  });
  for (const link of document.querySelectorAll("[data-go]")) {
    link.addEventListener("click", () => {
      goTo(Number(link.dataset.go) + 1e-6);
      section.scrollIntoView({ block: "start" });
    });
  }
  source.go(0);
}

startPlayer(document.querySelector("[data-player]"), data.player);
