/* The search page: looks for ?q=... in the sections of the book (_static/search-index.js, which
   book/_ext/search.py writes), and lists the best first, with an excerpt and a link to each. */
(() => {
"use strict";

const { pages, places } = globalThis.aebookIndex;
const WORD = /[\p{L}\p{N}\p{M}_]+/gu, GREEK = /\p{Script=Greek}/gu;
const NAMES = ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron " +
  "pi rho sigma sigma tau upsilon phi chi psi omega").split(" ");
const SHOWN = 20, BEFORE = 60, LENGTH = 240;  // results at first; characters of an excerpt

// --- words

/** A word as it is compared: without accents, a Greek letter by its name, one English spelling. */
const fold = (word) => word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
  .replace(GREEK, (letter) => NAMES[letter.charCodeAt(0) - 0x3b1] ?? letter)
  .replaceAll("our", "or").replaceAll("ll", "l");

/** The words of a text as [where it begins, its length, folded]. */
const wordsOf = (text) => [...text.matchAll(WORD)].map((m) => [m.index, m[0].length, fold(m[0])]);

/** What is looked for: a word, or what is left of it without an ending of the plural. */
const sought = (query) => wordsOf(query).map(([, , word]) =>
  ({ word, start: word.length > 3 ? word.replace(/(e?s)$/, "") : word }));

// --- the best places

/** How well one word fits a text: 1 for the word itself, less where a longer one begins so. */
function fit(words, { word, start }) {
  let best = 0, count = 0;
  for (const [, , other] of words) {
    if (!other.startsWith(start)) continue;
    count += 1;
    best = Math.max(best, other === word ? 1 : other === start ? 0.9 : 0.5);
  }
  return { best, count };
}

/** What a place is worth: 0 unless every word is there; a word in a title before one in a text,
 *  and what bears just this name before all, a page before a section. */
function worth(place, terms) {
  let sum = 0;
  for (const term of terms) {
    const [title, text, code] = [place.title, place.text, place.code].map((w) => fit(w, term));
    if (!title.count && !text.count && !code.count) return 0;
    sum += 10 * title.best + 2 * text.best + 0.3 * Math.min(text.count, 8) + 0.5 * code.best;
  }
  const title = place.title.filter(([, , word], i) => i || !/^\d+$/.test(word));  // "5. Two modes"
  const same = ([, , word], i) => word === terms[i]?.word || word === terms[i]?.start;
  if (title.length === terms.length && title.every(same)) sum += place.isPage ? 20 : 10;
  return sum;
}

function find(terms) {
  const found = places.map(([page, anchor, title, text, code]) => {
    const place = { title: wordsOf(title), text: wordsOf(text), code: wordsOf(code),
                    isPage: title === pages[page][1] };
    return { page, anchor, title, text, code, worth: worth(place, terms) };
  });
  return found.filter((place) => place.worth > 0).sort((a, b) => b.worth - a.worth);
}

// --- what is shown

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A text whose words that are looked for are marked. */
function marked(text, terms) {
  const parts = [];
  let at = 0;
  for (const [start, length, word] of wordsOf(text)) {
    if (!terms.some((term) => word.startsWith(term.start))) continue;
    parts.push(text.slice(at, start), h("mark", {}, text.slice(start, start + length)));
    at = start + length;
  }
  return [...parts, text.slice(at)];
}

/** The part of a text that holds most of the words; of a text without any, its beginning. */
function excerpt(text, terms) {
  const hits = wordsOf(text).flatMap(([start, , word]) => terms
    .filter((term) => word.startsWith(term.start)).map((term) => ({ start, term })));
  const kinds = (from) => new Set(hits.filter(({ start }) => start >= from &&
    start < from + LENGTH - BEFORE).map(({ term }) => term)).size;
  const best = hits.reduce((a, b) => (kinds(b.start) > kinds(a.start) ? b : a), hits[0]);
  let from = Math.max((best?.start ?? 0) - BEFORE, 0);
  if (from > 0) from = text.indexOf(" ", from) + 1;
  let to = Math.min(from + LENGTH, text.length);
  if (to < text.length) to = Math.max(text.lastIndexOf(" ", to), from + BEFORE + 1);
  return (from > 0 ? "… " : "") + text.slice(from, to) + (to < text.length ? " …" : "");
}

function entry({ page, anchor, title, text, code }, terms) {
  const [address, chapter] = pages[page];
  const holds = (part) => wordsOf(part).some(([, , word]) =>
    terms.some((term) => word.startsWith(term.start)));
  const line = code.split("\n").find(holds);
  const found = !holds(text) && line
    ? h("p", {}, h("code", {}, ...marked(line.trim(), terms)))
    : h("p", {}, ...marked(excerpt(text, terms), terms));
  const href = `${address}#${encodeURIComponent(anchor)}`;
  const link = h("a", { href }, ...marked(title, terms));
  const where = title === chapter ? [] : [h("p", { class: "search-where" }, chapter)];
  return h("li", {}, h("h2", {}, link), ...where, found);
}

function show(query) {
  const [status, list, more] = ["status", "found", "more"].map((name) =>
    document.querySelector(`.search-${name}`));
  const terms = sought(query);
  if (!terms.length) return;
  const entries = find(terms).map((place) => entry(place, terms)), n = entries.length;
  status.textContent = n > 1
    ? `${n} places with “${query}”, the best first.`
    : n ? `One place with “${query}”.` : `No place with “${query}”. Fewer letters find more.`;
  list.append(...entries.slice(0, SHOWN));
  more.hidden = entries.length <= SHOWN;
  more.addEventListener("click", () => {
    more.hidden = true;
    list.append(...entries.slice(SHOWN));
    entries[SHOWN].querySelector("a").focus();
  });
  // The page that is opened marks these words: sphinx_highlight.js of every page looks here.
  const words = [...query.toLowerCase().matchAll(WORD)].map(([word]) => word);
  list.addEventListener("click", () => localStorage.setItem("sphinx_highlight_terms",
    words.filter((word) => word.length > 2).join(" ")));
}

const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
document.querySelector(".search-page input").value = query;
if (query) show(query);
})();
