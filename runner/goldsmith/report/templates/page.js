'use strict';
// Narrows lists by a search and by a status. Without it, everything is there to read.
for (const tools of document.querySelectorAll('.tools')) {
  const scope = document.getElementById(tools.dataset.scope);
  const rows = [...scope.querySelectorAll('tbody tr')];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const groups = [...scope.querySelectorAll('details')];
  const opened = groups.map((group) => group.open);
  const search = tools.querySelector('input');
  const buttons = [...tools.querySelectorAll('button')];
  let status = '';

  const narrow = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = !words.length && !status;
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !((!status || row.dataset.status === status) && words.every((word) => texts[i].includes(word)));
      shown += !row.hidden;
    });
    groups.forEach((group, i) => {
      const empty = !group.querySelector('tbody tr:not([hidden])');
      group.hidden = empty;
      group.open = all ? opened[i] : !empty;
    });
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.status === status));
    tools.querySelector('output').textContent = all ? '' : `${shown} of ${rows.length} shown`;
  };
  search.addEventListener('input', narrow);
  for (const button of buttons) {
    button.addEventListener('click', () => {
      status = status === button.dataset.status ? '' : button.dataset.status;
      narrow();
    });
  }
  tools.addEventListener('submit', (event) => event.preventDefault());
  tools.hidden = false;
}
// For browsers that do not print what is folded.
let folded = [];
addEventListener('beforeprint', () => {
  folded = [...document.querySelectorAll('details:not([open])')];
  for (const one of folded) one.open = true;
});
addEventListener('afterprint', () => {
  for (const one of folded) one.open = false;
});
