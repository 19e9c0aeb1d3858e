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
