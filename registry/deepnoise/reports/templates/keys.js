  // One well of each group can be reached by Tab; arrows go on from there.
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const walk = (group, own, step) => {
    own.forEach((cell, index) => cell.setAttribute("tabindex", index ? -1 : 0));
    group.addEventListener("keydown", (event) => {
      const cell = wellAt(event);
      if (!cell || !moves[event.key]) return;
      event.preventDefault();
      const next = step(cell, ...moves[event.key]) || cell;
      own.forEach((one) => one.setAttribute("tabindex", one === next ? 0 : -1));
      next.focus();
      if (!look.hidden) open(next);
    });
  };

  for (const group of all(".confused, .evidence")) {
    const own = all("[data-w]", group);
    walk(group, own, (cell, down, across) => own[own.indexOf(cell) + down + across]);
  }
