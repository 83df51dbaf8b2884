'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const source = $('data');
  const data = JSON.parse(source.textContent);
  source.remove();
  document.title = `${document.querySelector('h1').textContent} · certsweep`;
  if (!$('table')) return;

  // A row is an array; what many rows share is a number in it.
  const at = Object.fromEntries(data.fields.map((name, i) => [name, i]));
  const shared = (value) => (typeof value === 'number' ? data.strings[value] : value);
  const get = (row, field) => shared(row[at[field]]);
  const levels = ['ok', 'warn', 'unchecked', 'fail'];
  const words = (code) => code.replaceAll('_', ' ');
  const titles = {
    level: 'verdict', finding: 'problem', change: 'change', issuer: 'issuer', key: 'key',
    version: 'version', group: 'key exchange', week: 'expires', tag: 'tag',
  };
  const perPage = 100;
  const perPrint = 1000;
  const count = new Intl.NumberFormat('en');
  const day = 86400;

  const state = { q: '', filters: new Map(), sort: 'level', down: true, page: 0 };
  let found = [];

  // What a row has of each thing that can be filtered by. Problems that were let
  // pass are level 0.
  const facet = {
    level: (row) => [levels[row[at.level]]],
    finding: (row) => row[at.problems].filter((p) => p[1] > 0).map((p) => shared(p[0])),
    change: (row) => row[at.changes].map(shared),
  };
  for (const key of ['issuer', 'key', 'version', 'group', 'week', 'tag']) facet[key] = (row) => [get(row, key)];

  // Searching: all words have to be somewhere in a row. The text of a row is
  // made when it is first searched.
  const texts = new Map();
  const textOf = (row) => {
    let text = texts.get(row);
    if (text === undefined) {
      text = [row[at.name], row[at.ip], row[at.subject], row[at.serial], row[at.sha256], ...(row[at.names] || []),
        get(row, 'tag'), get(row, 'issuer'), get(row, 'key'), get(row, 'version'), get(row, 'group'), get(row, 'cipher'), get(row, 'trust'),
        ...row[at.problems].flatMap((p) => [shared(p[0]), words(shared(p[0])), p[2]])].join('\n').toLowerCase();
      texts.set(row, text);
    }
    return text;
  };

  // Sorting. Without a certificate a row comes last, in either direction.
  const collator = new Intl.Collator('en', { numeric: true });
  const order = {
    level: (a, b) => a[at.level] - b[at.level] || b[at.rank] - a[at.rank],
    name: (a, b) => collator.compare(a[at.name], b[at.name]),
    problem: (a, b) => b[at.rank] - a[at.rank],
    end: (a, b) => a[at.end] - b[at.end],
  };
  for (const key of ['issuer', 'version', 'key']) order[key] = (a, b) => collator.compare(get(a, key), get(b, key));
  const missing = {
    end: (row) => row[at.end] === null,
    issuer: (row) => !get(row, 'issuer'),
    version: (row) => !get(row, 'version'),
    key: (row) => !get(row, 'key'),
  };
  // The next to expire are of interest first, and what is worst.
  const downFirst = { level: true, problem: true };

  const sorted = () => {
    const compare = order[state.sort];
    const none = missing[state.sort] || (() => false);
    const sign = state.down ? -1 : 1;
    return data.rows.slice().sort((a, b) =>
      none(a) - none(b) || sign * compare(a, b) || (a[at.end] ?? Infinity) - (b[at.end] ?? Infinity) || a[at.line] - b[at.line]);
  };
  let rows = [];
  let sortedBy = '';

  const apply = () => {
    const by = state.sort + state.down;
    if (by !== sortedBy) {
      rows = sorted();
      sortedBy = by;
    }
    const wanted = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const filters = [...state.filters];
    found = !wanted.length && !filters.length ? rows : rows.filter((row) =>
      filters.every(([key, values]) => facet[key](row).some((v) => values.has(v))) && wanted.every((word) => textOf(row).includes(word)));
    state.page = Math.min(state.page, Math.max(0, Math.ceil(found.length / perPage) - 1));
    draw();
  };

  // Making elements. Whatever is shown is text.
  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const picture = (name, attributes, ...children) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const icon = (level) => picture('svg', { class: `icon ${level}`, 'aria-hidden': 'true' }, picture('use', { href: `#i-${level}` }));
  const date = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const span = (seconds) => {
    const days = Math.floor(Math.abs(seconds) / day);
    if (days >= 2) return `${count.format(days)} days`;
    const hours = Math.floor(Math.abs(seconds) / 3600);
    return hours >= 2 ? `${hours} hours` : `${Math.floor(Math.abs(seconds) / 60)} minutes`;
  };
  const left = (end) => {
    const seconds = end - data.now;
    return make('span', { class: seconds < 0 ? 'left past' : 'left' }, seconds < 0 ? `${span(seconds)} ago` : `in ${span(seconds)}`);
  };

  const rowOf = (row, index) => {
    const level = levels[row[at.level]];
    const problems = row[at.problems];
    const name = make('button', { type: 'button', class: 'name', 'aria-expanded': 'false' }, make('span', { class: 'clip' }, row[at.name]));
    const nameCell = make('td', { class: 'c-name' }, name);
    const tag = get(row, 'tag');
    if (tag) nameCell.append(make('span', { class: 'sub clip' }, tag));
    // Where there is no room for the column beside it.
    if (problems.length) nameCell.append(make('span', { class: 'sub clip brief' }, problems[0][2]));
    const problemCell = make('td', { class: 'c-problem' });
    if (problems.length) problemCell.append(make('span', { class: 'clip' }, problems[0][2]));
    if (problems.length > 1) problemCell.append(make('span', { class: 'sub' }, `and ${problems.length - 1} more`));
    const endCell = make('td', { class: 'c-end' });
    if (row[at.end] !== null) endCell.append(left(row[at.end]), make('span', { class: 'sub' }, date(row[at.end])));
    const tr = make('tr', { class: 'row', 'aria-rowindex': index + 2 },
      make('td', { class: 'c-level' }, make('span', { class: 'verdict' }, icon(level), make('span', { class: 'word' }, level))),
      nameCell, problemCell, endCell,
      make('td', { class: 'c-issuer' }, make('span', { class: 'clip' }, get(row, 'issuer'))),
      make('td', { class: 'c-tls' }, get(row, 'version'), make('span', { class: 'sub' }, get(row, 'group').split(' · ')[0])),
      make('td', { class: 'c-key' }, get(row, 'key')));
    tr.addEventListener('click', (event) => {
      // Whoever marks text to copy it opens nothing.
      if (String(getSelection()) && !event.target.closest('button')) return;
      toggle(tr, name, row);
    });
    return tr;
  };

  const toggle = (tr, button, row) => {
    const open = button.getAttribute('aria-expanded') === 'true';
    button.setAttribute('aria-expanded', String(!open));
    tr.classList.toggle('open', !open);
    if (open) tr.nextElementSibling.remove();
    else tr.after(detailOf(row));
  };

  const facts = (pairs) => {
    const list = make('dl', {});
    for (const [term, value, mono] of pairs) if (value) list.append(make('dt', {}, term), make('dd', mono ? { class: 'mono' } : {}, value));
    return list;
  };
  const section = (title, ...children) => make('div', {}, make('h3', {}, title), ...children);

  const detailOf = (row) => {
    const problems = make('ul', { class: 'problems' });
    for (const [code, level, message] of row[at.problems]) {
      problems.append(make('li', {}, icon(levels[level]), make('div', {}, message,
        make('span', { class: 'sub' }, words(shared(code)) + (level === 0 ? ', allowed' : '')))));
    }
    if (!row[at.problems].length) problems.append(make('li', {}, icon('ok'), 'Nothing to do.'));
    const what = make('div', {}, section('What to do', problems));
    const changes = row[at.changes];
    if (changes.length && !facet.finding(row).includes('changed')) what.append(section('Changed since the baseline', make('p', {}, changes.map(shared).map(words).join(', '))));
    if (row[at.subject] || row[at.end] !== null) what.append(section('Chain', chainOf(row)));
    const names = (row[at.names] || []).join(', ') + (row[at.more] ? ` and ${count.format(row[at.more])} more` : '');
    const about = section('What was seen', facts([
      ['Address', row[at.ip]], ['Seen', row[at.time] === null ? '' : new Date(row[at.time] * 1000).toISOString().replace('T', ' ').slice(0, 16) + ' UTC'],
      ['Trust', get(row, 'trust')], ['Protocol', [get(row, 'version'), get(row, 'cipher')].filter(Boolean).join(', ')], ['Key exchange', get(row, 'group')],
      ['ALPN', get(row, 'alpn')], ['Names', names], ['Serial', row[at.serial], true], ['SHA-256', row[at.sha256], true],
    ]));
    return make('tr', { class: 'detail' }, make('td', { colspan: '7' }, make('div', { class: 'columns' }, what, make('div', {}, about))));
  };

  const chainOf = (row) => {
    const list = make('ol', { class: 'chain' });
    const leaf = [row[at.subject], get(row, 'issuer'), row[at.start], row[at.end], get(row, 'key'), get(row, 'signature')];
    const above = row[at.chain].map((c) => (typeof c === 'number' ? data.certificates[c] : c));
    const chain = [leaf, ...above];
    for (const [subject, issuer, start, end, key, signature] of chain) {
      const li = make('li', {}, make('div', {}, subject || 'no subject'), make('span', { class: 'sub' }, [key, signature].filter(Boolean).join(', ')));
      if (start !== null && end !== null) {
        li.append(make('span', { class: 'sub' }, `${date(start)} to ${date(end)}, `, left(end)), life(start, end));
      }
      list.append(li);
      // Above the last certificate is one that was not sent.
      if (list.children.length === chain.length && issuer !== subject) li.append(make('span', { class: 'sub' }, `issued by ${issuer}`));
    }
    return list;
  };

  // The part of a certificate's life that has passed.
  const life = (start, end) => {
    const used = Math.max(0, Math.min(1, (data.now - start) / Math.max(1, end - start)));
    return picture('svg', { class: end < data.now ? 'life past' : 'life', 'aria-hidden': 'true' },
      picture('rect', { class: 'whole', width: '100%', height: '100%' }),
      picture('rect', { class: 'used', width: `${(100 * used).toFixed(1)}%`, height: '100%' }));
  };

  const draw = (all) => {
    const first = all ? 0 : state.page * perPage;
    const last = Math.min(found.length, all ? perPrint : first + perPage);
    const body = document.createDocumentFragment();
    for (let i = first; i < last; i++) body.append(rowOf(found[i], i));
    $('rows').replaceChildren(body);
    $('table').setAttribute('aria-rowcount', String(found.length + 1));
    $('table').hidden = found.length === 0;
    $('nothing').hidden = found.length > 0;
    const total = count.format(data.rows.length);
    $('status').textContent = found.length === data.rows.length ? `${total} endpoints` : `${count.format(found.length)} of ${total} endpoints`;
    $('pages').hidden = found.length <= perPage;
    $('range').textContent = `${count.format(first + 1)}–${count.format(last)} of ${count.format(found.length)}`;
    $('previous').disabled = state.page === 0;
    $('following').disabled = last >= found.length;
    for (const th of document.querySelectorAll('th[data-sort]')) {
      const active = th.dataset.sort === state.sort;
      if (active) th.setAttribute('aria-sort', state.down ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
      th.querySelector('.arrow').textContent = active ? (state.down ? ' ↓' : ' ↑') : '';
    }
    drawFilters();
  };

  const drawFilters = () => {
    const chips = document.createDocumentFragment();
    for (const [key, values] of state.filters) {
      for (const value of values) {
        const text = `${titles[key]}: ${key === 'finding' || key === 'change' ? words(value) : value}`;
        const chip = make('button', { type: 'button', 'aria-label': `Remove the filter ${text}` }, `${text} ×`);
        chip.addEventListener('click', () => {
          flip(key, value);
          ($('chips').querySelector('button') || $('search')).focus();
        });
        chips.append(make('li', {}, chip));
      }
    }
    $('chips').replaceChildren(chips);
    for (const link of document.querySelectorAll('a[data-key]')) {
      if (state.filters.get(link.dataset.key)?.has(link.dataset.value)) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  };

  // The address says what is shown, so that it can be kept and sent, and the
  // browser's way back leads back.
  const address = () => {
    const parameters = new URLSearchParams();
    if (state.q) parameters.set('q', state.q);
    for (const [key, values] of state.filters) for (const value of values) parameters.append(key, value);
    if (state.sort !== 'level' || !state.down) parameters.set('sort', (state.down ? '-' : '') + state.sort);
    return `#${parameters}`;
  };
  const visit = (replace) => {
    if (replace) history.replaceState(null, '', address());
    else if (location.hash !== address()) history.pushState(null, '', address());
    apply();
  };
  const read = () => {
    const parameters = new URLSearchParams(location.hash.slice(1));
    state.q = parameters.get('q') || '';
    state.filters = new Map();
    for (const [key, value] of parameters) {
      if (!Object.hasOwn(facet, key)) continue;
      if (!state.filters.has(key)) state.filters.set(key, new Set());
      state.filters.get(key).add(value);
    }
    const sort = parameters.get('sort') || '-level';
    state.down = sort.startsWith('-');
    state.sort = sort.replace('-', '');
    if (!Object.hasOwn(order, state.sort)) Object.assign(state, { sort: 'level', down: true });
    state.page = 0;
    $('search').value = state.q;
    apply();
  };

  // Values of one kind widen a search, of several kinds narrow it.
  const flip = (key, value) => {
    const values = state.filters.get(key) || new Set();
    if (!values.delete(value)) values.add(value);
    if (values.size) state.filters.set(key, values);
    else state.filters.delete(key);
    state.page = 0;
    visit();
  };

  const listen = () => {
    document.addEventListener('click', (event) => {
      if (event.target.closest('.skip')) {
        // The address is for filters.
        event.preventDefault();
        $('endpoints').focus();
        return;
      }
      const link = event.target.closest('a[data-key]');
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      flip(link.dataset.key, link.dataset.value);
      if (link.hasAttribute('aria-current')) $('endpoints').scrollIntoView();
    });
    let typing = 0;
    $('search').addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        state.q = $('search').value.trim();
        state.page = 0;
        visit(true);
      }, 120);
    });
    for (const th of document.querySelectorAll('th[data-sort]')) {
      const button = make('button', { type: 'button' }, th.textContent, make('span', { class: 'arrow', 'aria-hidden': 'true' }));
      button.addEventListener('click', () => {
        const key = th.dataset.sort;
        state.down = state.sort === key ? !state.down : Boolean(downFirst[key]);
        Object.assign(state, { sort: key, page: 0 });
        visit(true);
      });
      th.replaceChildren(button);
    }
    const turn = (by) => {
      state.page += by;
      draw();
      $('endpoints').scrollIntoView();
    };
    $('previous').addEventListener('click', () => turn(-1));
    $('following').addEventListener('click', () => turn(1));
    $('clear').addEventListener('click', () => {
      Object.assign(state, { q: '', filters: new Map(), page: 0 });
      $('search').value = '';
      visit();
      $('search').focus();
    });
    addEventListener('popstate', read);
    addEventListener('hashchange', read);
    addEventListener('beforeprint', () => draw(true));
    addEventListener('afterprint', () => draw());
    document.addEventListener('keydown', (event) => {
      if (event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey && event.target !== $('search')) {
        event.preventDefault();
        $('search').focus();
      }
    });
  };

  listen();
  $('tools').hidden = false;
  read();
})();
