"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, text = "") => Object.assign(document.createElement(tag), { textContent: text });

{% include "theme.js" %}

  const block = find("#plates-data");
  if (!block) return;
  const data = JSON.parse(block.textContent);

{% include "wells.js" %}

{% include "look.js" %}

{% include "keys.js" %}

{% include "plates.js" %}
})();
