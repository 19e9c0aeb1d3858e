  const tip = find("#tip");
  const look = find("#look");

  const text = (name, w) => {
    const column = data.texts[name];
    return column ? column.texts[column.of[w]] : "";
  };
  const named = (index) => (index < 0 ? "none" : data.classes[index]);
  const sure = (w) => (data.sure[w] === null ? "not predicted" : `${(100 * data.sure[w]).toFixed(1)} %`);

  // What is known of a well, as rows of [name, value]: in brief, and all of it.
  const brief = (w) => {
    const rows = Object.entries(data.labels).map(([stage, labels]) => [stage, named(labels[w])]);
    if (data.truth) rows.push(["truth", data.truth[w] < 0 ? "not known" : named(data.truth[w])]);
    rows.push(["confidence", sure(w)], ["role", text("role", w).replaceAll("_", " ")]);
    if (data.odd[w]) rows.push(["image", data.odd[w]]);
    return rows;
  };
  const facts = (w) => {
    const rows = brief(w);
    for (const name of Object.keys(data.texts)) {
      if (!["well", "plate", "experiment", "role", "part"].includes(name)) rows.push([name, text(name, w)]);
    }
    return rows;
  };
  const place = (w) => `${text("well", w)}, plate ${text("plate", w)} of ${text("experiment", w)}`;
  const spoken = (w) => `${place(w)}: ${brief(w).map((row) => row.join(" ")).join(", ")}`;

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
    tip.replaceChildren(make("strong", place(w)), list(brief(w)));
    tip.hidden = false;
    const at = cell.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - own.width / 2), innerWidth - own.width - 8);
    const above = at.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : at.bottom + 8}px`;
  };
  const hideTip = () => (tip.hidden = true);

  // Cells of plates and pictures alike carry the number of their well, and tell of it under the pointer or the focus.
  const wellAt = ({ target }) => target.closest("[data-w]");
  const tell = (event) => {
    const cell = wellAt(event);
    if (cell && look.hidden) showTip(cell);
  };
  document.addEventListener("pointerover", tell);
  document.addEventListener("focusin", tell);
  document.addEventListener("pointerout", hideTip);
  document.addEventListener("focusout", hideTip);
