// Draws what /view says, every two seconds, and touches only what has changed.

const POLL_MILLISECONDS = 2000
const REDRAW_MILLISECONDS = 10000

// Okabe and Ito's colours, which the colour-blind tell apart, somewhat darker or lighter by the background.
const COLOURS = {
  light: ['#0072b2', '#d55e00', '#00805c', '#a8487f', '#8a6d00', '#3b8fc4', '#5c5c5c', '#7a4fb5'],
  dark: ['#56b4e9', '#f0883e', '#2fc49a', '#e08fc0', '#f0e442', '#8ecdf2', '#b9c0c9', '#b99af0'],
}
const darkness = matchMedia('(prefers-color-scheme: dark)')

// ── building blocks ─────────────────────────────────────────────────────────────────────────────────

function element (tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children.filter(child => child !== undefined && child !== null))
  return made
}

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 })
const shown = value => typeof value === 'number' ? number.format(value) : value ?? ''
const duration = milliseconds => milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`

function time (moment) {
  const date = new Date(moment)
  return element('time', { datetime: date.toISOString() }, date.toLocaleTimeString('en-GB'))
}

function state (value) {
  return element('span', { class: `state ${value}` }, value.replace('_', ' ').toLowerCase())
}

// What was drawn last, by where: what is the same is not drawn again.
const drawn = new Map()

function changed (place, value) {
  const text = JSON.stringify(value)
  if (drawn.get(place) === text) return false
  drawn.set(place, text)
  return true
}

function fill (selector, items, make, nothing) {
  const place = document.querySelector(selector)
  if (!changed(selector, items)) return
  const open = new Set([...place.querySelectorAll('details[open]')].map(each => each.dataset.id))
  place.replaceChildren(...(items.length ? make(items) : [element('p', { class: 'empty' }, nothing)]))
  for (const each of place.querySelectorAll('details')) each.open = open.has(each.dataset.id)
}

function table (columns, rows) {
  return element('table', {},
    element('thead', {}, element('tr', {}, ...columns.map(name => element('th', { scope: 'col' }, name)))),
    element('tbody', {}, ...rows.map(row => element('tr', {}, ...row.map(cell =>
      element('td', {}, cell instanceof Node ? cell : shown(cell)))))))
}

// ── panels ──────────────────────────────────────────────────────────────────────────────────────────

function image (each) {
  let picture
  if (each.picture) {
    const source = `/thumbnail?${new URLSearchParams({ key: each.picture.key, etag: each.picture.etag })}`
    picture = element('img', { src: source, alt: `Thumbnail of ${each.key}`, title: each.key })
  } else {
    const failed = each.outcome === 'FAILED'
    picture = element('div', { class: failed ? 'none' : 'none quiet' }, failed ? each.reason : each.outcome.toLowerCase())
  }
  return element('li', {}, picture, element('small', { title: each.key }, each.key), element('small', {}, time(each.time)))
}

function alarm (each) {
  return element('details', { 'data-id': each.name },
    element('summary', {}, state(each.state), ' ', element('span', {}, each.name),
      element('span', { class: 'meta' }, each.composite ? 'composite, since ' : 'since ', time(each.since))),
    each.problem ? element('p', { class: 'problem' }, `Not evaluated: ${each.problem}`) : null,
    element('p', {}, each.reason),
    element('p', {}, each.description),
    element('p', { class: 'empty' }, `Tells ${each.topics.join(', ') || 'nobody'}`))
}

function alert (each, index, all) {
  return element('details', { 'data-id': String(all.length - index) },
    element('summary', {}, each.subject, element('span', { class: 'meta' }, `${each.topic}, `, time(each.sent))),
    element('pre', {}, each.text))
}

function trace (each) {
  return element('article', { class: 'trace' },
    element('h3', {}, each.key, ' ', element('span', {}, duration(each.milliseconds), ', ', time(each.time))),
    element('ol', {}, ...each.parts.map(part => {
      const bar = element('span', { class: 'bar' })
      bar.style.marginLeft = `${100 * part.offset / (each.milliseconds || 1)}%`
      bar.style.width = `${100 * part.milliseconds / (each.milliseconds || 1)}%`
      const name = element('span', {}, part.name)
      name.style.paddingLeft = `${part.depth}em`
      return element('li', part.failed ? { class: 'failed' } : {},
        name, element('span', { class: 'ms' }, duration(part.milliseconds)), element('span', {}, bar))
    })))
}

const URGENCY = ['ALARM', 'INSUFFICIENT_DATA', 'OK']

function drawPanels (view) {
  const on = view.alarms.filter(each => each.state === 'ALARM').length
  document.querySelector('nav a[href="#alarms"]').textContent = on ? `Alarms (${on} on)` : 'Alarms'
  fill('#images ul', view.images, each => each.map(image), 'No image yet: upload one to the uploads bucket.')
  const alarms = view.alarms.toSorted((a, b) => URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state))
  fill('#alarms .content', alarms, each => each.map(alarm), 'There are no alarms.')
  fill('#alerts .content', view.alerts, each => each.map(alert), 'Nobody has been told anything.')
  fill('#events .content', view.events, rows => [
    table(['Event', 'Key', 'Sequence', 'Time'], rows.map(row =>
      [row.reason ? `${row.what}: ${row.reason}` : row.what, row.key, row.sequence.replace(/^0+/, ''), time(row.time)])),
  ], 'Nothing has been announced.')
  fill('#failures .content', view.failures, rows => [
    table(['Key', 'Reason', 'Detail', 'Failed'], rows.map(row => [row.key, row.reason, row.detail, time(row.failed)])),
  ], 'No image has failed.')
  fill('#traces .content', view.traces, each => each.map(trace), 'No image has such a trace.')
}

// ── dashboards ──────────────────────────────────────────────────────────────────────────────────────

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name)

// light-dark() is resolved only in properties that are colours.
function colours () {
  const probe = document.body.appendChild(element('i', { hidden: true }))
  const resolve = name => { probe.style.color = `var(${name})`; return getComputedStyle(probe).color }
  const found = { text: resolve('--text'), quiet: resolve('--quiet'), line: resolve('--line'), bad: resolve('--bad') }
  probe.remove()
  return { ...found, series: COLOURS[darkness.matches ? 'dark' : 'light'] }
}

function layout (widget, paint) {
  const negative = widget.series.some(series => series.values.some(value => value < 0))
  const axis = given => ({
    automargin: true, gridcolor: paint.line, zerolinecolor: paint.line, title: { text: given?.label ?? '', standoff: 6 },
    range: given?.min !== undefined && given?.max !== undefined ? [given.min, given.max] : undefined,
    rangemode: given?.min === 0 ? 'tozero' : negative ? 'normal' : 'nonnegative', tickmode: 'auto', nticks: 6,
  })
  const horizontal = widget.horizontal.filter(line => line.visible !== false).map(line => ({
    type: 'line', xref: 'paper', x0: 0, x1: 1, y0: line.value, y1: line.value, yref: line.yAxis === 'right' ? 'y2' : 'y',
    line: { color: line.color ?? paint.bad, width: 1, dash: 'dash' },
    label: { text: line.label ?? '', font: { size: 10, color: line.color ?? paint.bad }, textposition: 'start', yanchor: 'top' },
  }))
  const vertical = widget.vertical.filter(line => line.visible !== false).map(line => ({
    type: 'line', yref: 'paper', y0: 0, y1: 1, x0: line.value, x1: line.value, line: { color: line.color ?? paint.quiet, width: 1 },
    label: { text: line.label ?? '', font: { size: 10 } },
  }))
  return {
    paper_bgcolor: 'transparent', plot_bgcolor: 'transparent', font: { size: 11, color: paint.text },
    margin: { l: 4, r: 4, t: 6, b: 4, pad: 2 }, hovermode: 'x unified', shapes: [...horizontal, ...vertical],
    hoverlabel: { font: { size: 11 } }, showlegend: widget.legend !== 'hidden',
    legend: widget.legend === 'right' ? {} : { orientation: 'h', traceorder: 'normal', x: 0, y: -0.12, yanchor: 'top', font: { size: 10.5 } },
    yaxis: axis(widget.axes.left), yaxis2: { ...axis(widget.axes.right), overlaying: 'y', side: 'right', showgrid: false },
    xaxis: { gridcolor: paint.line, automargin: true, nticks: 6 },
  }
}

const last = series => series.values.at(-1)

const VIEWS = {
  timeSeries (widget, paint, view) {
    const traces = widget.series.map((series, index) => ({
      type: 'scatter', mode: series.times.length < 40 ? 'lines+markers' : 'lines', name: series.label, showlegend: true,
      // With a point that is none, the legend names a series without data, too.
      x: [...series.times.map(moment => new Date(moment)), null], y: [...series.values, null], yaxis: series.axis === 'right' ? 'y2' : 'y',
      line: { width: 1.6, color: series.color ?? paint.series[index % paint.series.length] }, marker: { size: 4 },
      ...(widget.stacked ? { stackgroup: series.axis, stackgaps: 'infer zero' } : {}),
    }))
    const all = layout(widget, paint)
    // A long period may have begun before what is looked at.
    const start = Math.min(view.start, ...widget.series.flatMap(series => series.times))
    const xaxis = { ...all.xaxis, type: 'date', tickformat: '%H:%M', range: [new Date(start), new Date(view.end)] }
    const nothing = { text: 'no data', xref: 'paper', yref: 'paper', x: 0.5, y: 0.5, showarrow: false, font: { color: paint.quiet } }
    const isEmpty = widget.series.every(series => series.values.length === 0)
    return [traces, { ...all, xaxis, annotations: isEmpty ? [nothing] : [] }]
  },
  bar (widget, paint) {
    const colour = widget.series.map((series, index) => series.color ?? paint.series[index % paint.series.length])
    return [[{ type: 'bar', x: widget.series.map(series => series.label), y: widget.series.map(last), marker: { color: colour } }],
      { ...layout(widget, paint), showlegend: false }]
  },
  pie (widget, paint) {
    return [[{
      type: 'pie', hole: 0.5, labels: widget.series.map(series => series.label), values: widget.series.map(last),
      marker: { colors: widget.series.map((series, index) => series.color ?? paint.series[index % paint.series.length]) },
    }], layout(widget, paint)]
  },
  gauge (widget, paint) {
    const { min = 0, max = 100 } = widget.axes.left ?? {}
    return [widget.series.map((series, index) => ({
      type: 'indicator', mode: 'gauge+number', value: last(series), title: { text: series.label, font: { size: 12 } },
      domain: { row: 0, column: index },
      gauge: { axis: { range: [min, max] }, bar: { color: series.color ?? paint.series[index % paint.series.length] } },
    })), { ...layout(widget, paint), grid: { rows: 1, columns: widget.series.length } }]
  },
}

function sparkline (series) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const [first, end] = [series.times[0], series.times.at(-1)]
  const [low, high] = [Math.min(...series.values), Math.max(...series.values)]
  svg.setAttribute('viewBox', '0 0 100 20')
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline')
  line.setAttribute('points', series.values.map((value, index) =>
    `${100 * (series.times[index] - first) / (end - first || 1)},${19 - 18 * (value - low) / (high - low || 1)}`).join(' '))
  line.setAttribute('vector-effect', 'non-scaling-stroke')
  svg.append(line)
  return svg
}

function numbers (widget) {
  return element('div', { class: 'numbers' }, ...widget.series.map(series => element('div', {},
    element('strong', {}, series.values.length ? shown(last(series)) : '--'), series.label,
    widget.sparkline && series.values.length > 1 ? sparkline(series) : null)))
}

function summary (widget) {
  return widget.series.map(series => `${series.label}: ${series.values.length ? shown(last(series)) : 'no data'}`).join(', ')
}

function contents (widget, alarms) {
  switch (widget.kind) {
    case 'text': {
      const text = element('div', { class: 'text' })
      text.innerHTML = widget.html // rendered from Markdown without HTML
      return [text]
    }
    case 'alarms':
      return [element('ul', { class: 'badges' }, ...widget.alarms.map(arn => {
        const found = alarms.find(each => each.arn === arn)
        return element('li', {}, state(found?.state ?? 'INSUFFICIENT_DATA'), found?.name ?? arn.split(':').at(-1))
      }))]
    case 'table':
      if (widget.series) return [table(['', 'Value'], widget.series.map(series => [series.label, last(series)]))]
      return [table(widget.columns, widget.rows.map(row => row.map((cell, index) =>
        widget.columns[index].startsWith('@timestamp') && cell ? time(cell) : cell)))]
    case 'singleValue':
      return [numbers(widget)]
    default:
      return []
  }
}

const graphs = new Map()

function drawWidget (box, widget, view, place) {
  const isGraph = widget.kind in VIEWS
  const alarms = widget.kind === 'alarms' ? view.alarms : []
  if (changed(place, [widget, alarms])) {
    const plot = isGraph ? graphs.get(place) ?? element('div', { class: 'plot' }) : null
    box.style.gridColumn = `${widget.x + 1} / span ${widget.width}`
    box.style.gridRow = `${widget.y + 1} / span ${widget.height}`
    box.replaceChildren(
      ...(widget.title ? [element('h3', {}, widget.title)] : []),
      ...widget.problems.map(problem => element('p', { class: 'problem' }, problem)),
      ...contents(widget, alarms), ...(plot ? [plot] : []))
    if (plot) {
      graphs.set(place, plot)
      plot.setAttribute('role', 'img')
      plot.setAttribute('aria-label', `${widget.title}. Latest values: ${summary(widget)}`)
      drawGraph(plot, widget, view)
    }
  } else if (isGraph && view.end - Number(graphs.get(place).dataset.end) >= REDRAW_MILLISECONDS) {
    drawGraph(graphs.get(place), widget, view)
  }
  // Whoever has no mouse scrolls by keys what does not fit.
  box.tabIndex = box.scrollHeight > box.clientHeight ? 0 : -1
}

function drawGraph (plot, widget, view) {
  plot.dataset.end = view.end
  const [traces, arrangement] = VIEWS[widget.kind](widget, colours(), view)
  Plotly.react(plot, traces, arrangement, { displayModeBar: false, responsive: true })
}

function drawDashboards (view) {
  const section = document.querySelector('#dashboards')
  if (changed('dashboards', view.dashboards.map(each => [each.name, each.widgets.length]))) {
    section.replaceChildren(...view.dashboards.flatMap(each => [
      element('h2', {}, `Dashboard ${each.name}`),
      element('div', { class: 'grid', 'data-name': each.name }, ...each.widgets.map(() => element('article', { class: 'widget' }))),
    ]))
    if (!view.dashboards.length) section.append(element('p', { class: 'empty' }, 'There is no dashboard.'))
  }
  for (const each of view.dashboards) {
    const boxes = section.querySelector(`[data-name="${CSS.escape(each.name)}"]`).children
    each.widgets.forEach((widget, index) => drawWidget(boxes[index], widget, view, `${each.name}/${index}`))
  }
}

// ── the loop ────────────────────────────────────────────────────────────────────────────────────────

const range = document.querySelector('#range')
const key = document.querySelector('#key')
const status = document.querySelector('#status')
let latest

function draw (view) {
  document.querySelector('#stack').textContent = view.stack
  drawPanels(view)
  drawDashboards(view)
}

async function look () {
  try {
    const answer = await fetch(`/view?${new URLSearchParams({ minutes: range.value, key: key.value })}`)
    if (!answer.ok) throw new Error(await answer.text())
    latest = await answer.json()
    draw(latest)
    const trouble = latest.troubles.join(' · ')
    status.textContent = trouble || `up to date, ${new Date(latest.end).toLocaleTimeString('en-GB')}`
    status.classList.toggle('trouble', trouble !== '')
  } catch (error) {
    status.textContent = error instanceof TypeError ? 'this page has lost its server' : error.message
    status.classList.add('trouble')
  }
}

let soon
async function go () {
  clearTimeout(soon)
  if (!document.hidden) await look()
  soon = setTimeout(go, POLL_MILLISECONDS)
}

range.addEventListener('change', go)
key.addEventListener('input', go)
document.addEventListener('visibilitychange', go)
darkness.addEventListener('change', () => { drawn.clear(); if (latest) draw(latest) })
go()
