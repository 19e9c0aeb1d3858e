  const maps = find(".maps");
  const cells = all("[data-w]", maps);
  all("input[name=colour]", maps).forEach((radio) =>
    radio.addEventListener("change", () => {
      maps.dataset.colour = radio.value;
      cells.forEach((cell) => {
        cell.setAttribute("class", data.modes[radio.value][cell.dataset.w]);
        cell.classList.toggle("chosen", cell === chosen);
      });
    }),
  );

  // Arrows pass over places without a well.
  for (const plate of all(".plate svg", maps)) {
    const own = all("[data-w]", plate);
    const at = new Map(own.map((cell) => [cell.dataset.p, cell]));
    walk(plate, own, (cell, down, across) => {
      let [row, column] = cell.dataset.p.split(",").map(Number);
      for (let left = 48; left; left -= 1) {
        row += down;
        column += across;
        const next = at.get(`${row},${column}`);
        if (next) return next;
      }
    });
    plate.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open(event.target);
    });
  }
  // On the drawings themselves, this would make each of them a stop of Tab.
  document.addEventListener("focusin", ({ target }) => {
    if (!cells.includes(target)) return;
    target.setAttribute("role", "button");
    target.setAttribute("aria-label", spoken(target.dataset.w));
  });
