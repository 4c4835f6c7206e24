// Evaluated in a report's page: collects the facts that a test checks into one value.
(() => {
  // Compares the colour of text with everything painted behind it, as in WCAG 2.2.
  const rgba = (text) => {
    const m = text.match(/rgba?\(([^)]+)\)/);
    if (!m) return [0, 0, 0, 0];
    const p = m[1].split(/[\s,\/]+/).filter(Boolean).map(Number);
    return [p[0], p[1], p[2], p.length > 3 ? p[3] : 1];
  };
  const over = (top, under) => under.map((u, i) => (i < 3 ? top[3] * top[i] + (1 - top[3]) * u : 1));
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (e.tagName === 'TD' && style.backgroundImage !== 'none') layers.push(rgba(style.backgroundImage));
      layers.push(rgba(style.backgroundColor));
    }
    const canvas = matchMedia('(prefers-color-scheme: dark)').matches && !matchMedia('print').matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
    return layers.reverse().reduce((under, layer) => over(layer, under), canvas);
  };
  const luminance = (c) => {
    const l = c.slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : Math.pow((v / 255 + 0.055) / 1.055, 2.4)));
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2];
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const faint = [];
  let texts = 0;
  for (const e of document.querySelectorAll('main *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.tagName === 'title') continue;
    ++texts;
    const style = getComputedStyle(e);
    const svg = e.closest('svg');
    const under = behind(svg || e);
    const ratio = contrast(over(rgba(svg ? style.fill : style.color), under), under);
    if (ratio < 4.5) faint.push(`${e.tagName} ${e.className.baseVal ?? e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 40)}`);
  }
  const cells = (row) => [...row.cells].map((c) => c.textContent);
  const tables = {};
  for (const t of document.querySelectorAll('table'))
    tables[t.id] = {head: cells(t.tHead.rows[0]), rows: [...t.tBodies[0].rows].map(cells), foot: t.tFoot ? [...t.tFoot.rows].map(cells) : []};
  const taller = (e) => {
    const range = document.createRange();
    range.selectNodeContents(e);
    const box = range.getBoundingClientRect();
    return box.height > box.width && box.height > 40;
  };
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  const named = (e) => e.getAttribute('aria-label') || (document.getElementById(e.getAttribute('aria-labelledby')) || {}).textContent;
  return {
    width: innerWidth,
    scroll_width: document.documentElement.scrollWidth,
    page_colour: getComputedStyle(document.body).backgroundColor,
    text_colour: getComputedStyle(document.body).color,
    body_font_px: parseFloat(getComputedStyle(document.body).fontSize),
    title: document.title,
    heading: document.querySelector('h1').textContent,
    sections: [...document.querySelectorAll('section')].map((s) => s.id),
    links: [...document.querySelectorAll('nav a')].map((a) => a.getAttribute('href').slice(1)),
    tiles: [...document.querySelectorAll('.tiles dd.big')].map((e) => e.textContent),
    warnings: [...document.querySelectorAll('.warning')].map((e) => e.textContent),
    summaries: [...document.querySelectorAll('.examples summary')].map((e) => e.textContent),
    charts: [...document.querySelectorAll('svg.chart')].map((e) => e.getAttribute('aria-label')),
    repeated_ids: ids.filter((id, i) => ids.indexOf(id) !== i),
    nameless: [...document.querySelectorAll('table, .wide, svg[role=img], nav')].filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 80)),
    headless_rows: [...document.querySelectorAll('tbody tr')].filter((r) => !r.querySelector('th[scope=row]')).length,
    // Elements that extend beyond the page without a scrolling box of their own.
    sticking_out: [...document.querySelectorAll('main *')]
      .filter((e) => !e.closest('.wide') && e.getBoundingClientRect().right > innerWidth + 0.5)
      .map((e) => e.outerHTML.slice(0, 80)),
    // Cells with a few letters that overlap.
    squeezed: [...document.querySelectorAll('td, th')]
      .filter((e) => !e.closest('table.upright thead') && e.checkVisibility({contentVisibilityAuto: true}))
      .filter((e) => e.textContent.length > 3 && e.textContent.length < 60 && taller(e))
      .map((e) => e.outerHTML.slice(0, 80)),
    hidden_when_printed: matchMedia('print').matches ? [...document.querySelectorAll('table')].filter((t) => !t.checkVisibility({contentVisibilityAuto: true})).map((t) => t.id) : [],
    scripts: document.scripts.length,
    loaded: performance.getEntriesByType('resource').map((r) => r.name),
    texts,
    faint,
    tables,
  };
})()
