"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, text = "") => Object.assign(document.createElement(tag), { textContent: text });

  // Theme: as the system says, until the reader says otherwise.
  const themes = ["system", "light", "dark"];
  const button = find("#theme");
  button.addEventListener("click", () => {
    const now = themes[(themes.indexOf(document.documentElement.dataset.theme || "system") + 1) % 3];
    document.documentElement.dataset.theme = now;
    button.textContent = `Theme: ${now}`;
    button.setAttribute("aria-label", `Colour theme: ${now === "system" ? "as the system" : now}`);
  });

  // Paper has no folds: open them for printing, and fold them again.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open]):not(.experiment)");
    folded.forEach((one) => (one.open = true));
  });
  addEventListener("afterprint", () => folded.forEach((one) => (one.open = false)));

  const block = find("#plates-data");
  if (!block) return;
  const data = JSON.parse(block.textContent);
  const maps = find(".maps");
  const cells = all("rect[data-w]", maps);
  const tip = find("#tip");
  const look = find("#look");
  let chosen = null;

  const text = (name, w) => {
    const column = data.texts[name];
    return column ? column.texts[column.of[w]] : "";
  };
  const named = (index) => (index < 0 ? "none" : data.classes[index]);
  const sure = (w) => (data.sure[w] === null ? "not predicted" : `${(100 * data.sure[w]).toFixed(1)} %`);

  // What is known of a well, as rows of [name, value].
  const facts = (w) => {
    const rows = Object.entries(data.labels).map(([stage, labels]) => [stage, named(labels[w])]);
    if (data.truth) rows.push(["truth", data.truth[w] < 0 ? "not known" : named(data.truth[w])]);
    rows.push(["confidence", sure(w)], ["role", text("role", w).replaceAll("_", " ")]);
    for (const name of Object.keys(data.texts)) {
      if (!["well", "plate", "experiment", "role", "part"].includes(name)) rows.push([name, text(name, w)]);
    }
    if (data.odd[w]) rows.push(["image", data.odd[w]]);
    return rows;
  };
  const place = (w) => `${text("well", w)}, plate ${text("plate", w)} of ${text("experiment", w)}`;
  const spoken = (w) => `${place(w)}: ${facts(w).map((row) => row.join(" ")).join(", ")}`;

  const list = (rows) => {
    const made = make("dl");
    for (const [name, value] of rows) {
      const row = make("div");
      row.append(make("dt", name), make("dd", value));
      made.append(row);
    }
    return made;
  };

  const showTip = (cell) => {
    const w = cell.dataset.w;
    tip.replaceChildren(make("strong", place(w)), list(facts(w)));
    tip.hidden = false;
    const at = cell.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - own.width / 2), innerWidth - own.width - 8);
    const above = at.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  };
  const hideTip = () => (tip.hidden = true);

  // Channels in grey lie side by side in one picture; they are tinted and laid over each other here.
  const compose = (strip) => {
    const { channels } = data;
    const width = strip.width / channels.length;
    const canvas = Object.assign(make("canvas"), { width, height: strip.height });
    const layer = Object.assign(make("canvas"), { width, height: strip.height });
    const [paint, ink] = [canvas.getContext("2d"), layer.getContext("2d")];
    const shown = channels.map((one, index) => [one, index]).filter(([one]) => !one.hidden);
    // The more channels share a primary colour, the less each gives to it, as in the composites.
    const sums = [0, 1, 2].map((part) => shown.reduce((sum, [one]) => sum + one.colour[part] / 255, 0));
    const share = Math.max(1, ...sums) ** -0.6;
    for (const [one, index] of shown) {
      ink.globalCompositeOperation = "source-over";
      ink.drawImage(strip, index * width, 0, width, strip.height, 0, 0, width, strip.height);
      ink.globalCompositeOperation = "multiply";
      ink.fillStyle = shown.length === 1 ? "#fff" : `rgb(${one.colour.map((part) => Math.round(part * share))})`;
      ink.fillRect(0, 0, width, strip.height);
      paint.globalCompositeOperation = "lighter";
      paint.drawImage(layer, 0, 0);
    }
    return canvas;
  };

  const showPicture = (w) => {
    const box = find(".picture", look);
    const toggles = find(".toggles", look);
    const source = data.apart[w] || data.together[w];
    toggles.hidden = !data.apart[w];
    if (!source) {
      const why = data.faults[w] || data.why || "No picture: the page's budget was spent on wells that need a look more.";
      return box.replaceChildren(make("p", why));
    }
    const image = new Image();
    image.alt = `cells of ${place(w)}`;
    image.onload = () => {
      if (chosen && chosen.dataset.w !== w) return;
      const drawn = data.apart[w] ? compose(image) : image;
      drawn.setAttribute("role", "img");
      drawn.setAttribute("aria-label", image.alt);
      box.replaceChildren(drawn);
    };
    image.src = source;
  };

  const open = (cell) => {
    if (chosen) chosen.classList.remove("chosen");
    chosen = cell;
    cell.classList.add("chosen");
    const w = cell.dataset.w;
    find("h3", look).textContent = place(w);
    find(".facts", look).replaceChildren(...list(facts(w)).children);
    look.hidden = false;
    hideTip();
    showPicture(w);
  };
  const close = () => {
    look.hidden = true;
    if (!chosen) return;
    chosen.classList.remove("chosen");
    chosen.focus({ preventScroll: true });
    chosen = null;
  };
  find("#close").addEventListener("click", close);

  data.channels.forEach((channel) => {
    const label = make("label");
    const box = Object.assign(make("input"), { type: "checkbox", checked: true });
    const dot = make("i");
    dot.style.background = `rgb(${channel.colour})`;
    box.addEventListener("change", () => {
      channel.hidden = !box.checked;
      if (chosen) showPicture(chosen.dataset.w);
    });
    label.append(box, dot, channel.stain ? `${channel.name} (${channel.stain})` : channel.name);
    find(".toggles", look).append(label);
  });

  all("input[name=colour]", maps).forEach((radio) =>
    radio.addEventListener("change", () => {
      maps.dataset.colour = radio.value;
      cells.forEach((cell) => {
        cell.setAttribute("class", data.modes[radio.value][cell.dataset.w]);
        cell.classList.toggle("chosen", cell === chosen);
      });
    }),
  );

  // One well of each plate can be reached by Tab; arrows go on from there.
  for (const plate of all(".plate svg", maps)) {
    const own = all("rect[data-w]", plate);
    const at = new Map(own.map((cell) => [cell.dataset.p, cell]));
    own.forEach((cell, index) => cell.setAttribute("tabindex", index ? -1 : 0));
    const step = (cell, down, across) => {
      let [row, column] = cell.dataset.p.split(",").map(Number);
      for (let left = 48; left; left -= 1) {
        row += down;
        column += across;
        const next = at.get(`${row},${column}`);
        if (next) return next;
      }
      return cell;
    };
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    plate.addEventListener("keydown", (event) => {
      const cell = event.target.closest("rect[data-w]");
      if (!cell) return;
      if (event.key === "Enter" || event.key === " ") open(cell);
      else if (moves[event.key]) {
        const next = step(cell, ...moves[event.key]);
        cell.setAttribute("tabindex", -1);
        next.setAttribute("tabindex", 0);
        next.focus();
        if (!look.hidden) open(next);
      } else return;
      event.preventDefault();
    });
    plate.addEventListener("focusin", ({ target }) => {
      target.setAttribute("role", "button");
      target.setAttribute("aria-label", spoken(target.dataset.w));
      if (look.hidden) showTip(target);
    });
    plate.addEventListener("focusout", hideTip);
    plate.addEventListener("pointerover", ({ target }) => target.dataset.w && showTip(target));
    plate.addEventListener("pointerout", hideTip);
    plate.addEventListener("click", ({ target }) => target.dataset.w && open(target));
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (look.hidden) hideTip();
    else close();
  });
})();
