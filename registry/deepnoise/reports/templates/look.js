  let chosen = null;

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
    const source = data.apart[w] || data.together[w] || find("img", chosen)?.src;
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
    hideTip();
  };
  find("#close").addEventListener("click", close);
  document.addEventListener("click", (event) => {
    const cell = wellAt(event);
    if (cell) open(cell);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (look.hidden) hideTip();
    else close();
  });

  // For Tab, the panel lies between the well that it shows and the same well: Escape leaves.
  addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || look.hidden) return;
    const stops = all("button, input", look).filter((one) => one.offsetParent);
    const [first, last] = event.shiftKey ? [stops.at(-1), stops[0]] : [stops[0], stops.at(-1)];
    if (document.activeElement === chosen) first.focus();
    else if (document.activeElement === last) chosen.focus();
    else return;
    event.preventDefault();
  });

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
