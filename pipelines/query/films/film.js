/* Film: a video with its notes on lanes below it. What is in a card comes as data and is written as text alone.

   Times are the file's integers. A frame is asked for a quarter into the time that it is shown for, since a player
   rounds; where the player counts from is learnt from the first frame that it shows. A player goes by the durations in
   the file, which are wrong where frames are stored in another order and last unequally: where it shows another frame
   than was asked for, and again three quarters in, the frame comes from the server, as all do of a file that the
   browser does not play. Without a server the lanes are all there is. */
const clock = seconds => {
  const ms = Math.round(seconds * 1000), pad = (n, digits) => String(n).padStart(digits, "0");
  const rest = pad(Math.floor(ms / 1000) % 60, 2) + "." + pad(ms % 1000, 3), minutes = Math.floor(ms / 60000);
  return minutes < 60 ? minutes + ":" + rest : Math.floor(minutes / 60) + ":" + pad(minutes % 60, 2) + ":" + rest;
};
const SETTLED_MS = 250;
let leaveFilm = () => {};

function film(card) {
  const {lanes, extension, left_out} = card.film, served = data.served, base = `${card.key}`;
  const spans = lanes.flatMap(lane => lane.spans), [num, den] = lanes.length ? lanes[0].time_base : [1, 1];
  let times = {pts: spans.map(span => span.start_pts).sort((a, b) => a - b), end_pts: Math.max(1, ...spans.map(span => span.end_pts)), time_base: [num, den]};
  if (!times.pts.length) times.pts = [0];
  let known = false, offset = null, waiting = null, asked = null, tries = 0, latest = null, now = times.pts[0], stills = false, gone = false;
  const seconds = pts => pts * times.time_base[0] / times.time_base[1];
  const place = pts => {
    let low = 0, high = times.pts.length;
    while (low < high) { const middle = (low + high) >> 1; if (times.pts[middle] <= pts) low = middle + 1; else high = middle; }
    return Math.max(0, low - 1);
  };
  const ends = at => at + 1 < times.pts.length ? times.pts[at + 1] : times.end_pts;

  const video = served && el("video", {controls: true, preload: "auto", playsinline: true, tabindex: "0", "aria-label": "the video"});
  const still = el("img", {alt: "", onload: () => screen.dataset.frame = place(now)});
  const over = el("svg", {"aria-hidden": "true"});
  const screen = el("div", {class: "screen"}, video ? [video, over] : card.picture ? image(card, "a frame of the video") : blank(card));
  const at = el("span", {class: "at", role: "status"}), aside = el("p", {class: "aside small quiet"});
  const rows = el("div", {class: "lanes", role: "group", "aria-label": "Notes on spans of time"});
  const buttons = [];

  function mark(pts) {
    now = pts;
    const first = times.pts[0], all = Math.max(1, times.end_pts - first);
    rows.style.setProperty("--now", 100 * (pts - first) / all + "%");
    for (const [button, span] of buttons) button.setAttribute("aria-current", String(served && span.start_pts <= pts && pts < span.end_pts));
    if (!served) return;
    if (known) over.setAttribute("viewBox", `0 0 ${times.width_px} ${times.height_px}`);
    over.replaceChildren(...spans.filter(span => span.seen && span.start_pts <= pts && pts < span.end_pts).map(span => {
      const last = span.seen.reduce((best, one) => one[0] <= pts ? one : best);
      return el("polygon", {points: last[1].map(point => point.join(",")).join(" ")});
    }));
    at.textContent = clock(seconds(pts)) + (known ? `, frame ${count(place(pts))} of ${count(times.pts.length)}` : "");
  }
  function seek(pts) {
    const frame = place(pts), start = known ? times.pts[frame] : pts;
    mark(start);
    if (known && offset === null && !stills && video && video.requestVideoFrameCallback) { waiting = start; return; }
    asked = known ? frame : null;
    tries = 0;
    if (stills) layStill(frame);
    else if (video) goInto(known ? start + (ends(frame) - start) / 4 : start + .001 / seconds(1));
  }
  function goInto(pts) {
    still.remove();
    video.currentTime = seconds(pts) + (offset || 0);
  }
  function layStill(frame) {
    still.src = `still/${base}/${times.pts[frame]}`;
    screen.insertBefore(still, over);
  }
  /* Whether the player shows the frame that was asked for last; where it does not, it is asked again, or left aside. */
  function isAsked(frame) {
    if (asked === null || !video.paused || frame === asked) { asked = null; if (!stills) still.remove(); return true; }
    if (!video.seeking && ++tries === 1) goInto(times.pts[asked] + (ends(asked) - times.pts[asked]) * 3 / 4);
    else if (!video.seeking) layStill(asked);
    return false;
  }
  function step(by) {
    if (video && !stills) video.pause();
    seek(times.pts[Math.min(times.pts.length - 1, Math.max(0, place(now) + by))]);
  }
  function shown(mediaTime) {
    if (gone) return;
    if (offset === null && known) {
      offset = mediaTime - seconds(times.pts[0]);
      if (waiting !== null) return seek(waiting);
    }
    const pts = (mediaTime - (offset || 0)) * times.time_base[1] / times.time_base[0];
    if (!known) return mark(pts);
    const before = place(pts), after = Math.min(before + 1, times.pts.length - 1);
    latest = Math.abs(times.pts[after] - pts) < Math.abs(times.pts[before] - pts) ? after : before;
    settle();
  }
  function settle() {
    if (gone || stills || latest === null || !isAsked(latest)) return;
    screen.dataset.frame = latest;
    mark(times.pts[latest]);
  }
  function byStills(why) {
    if (stills || gone) return;
    stills = true;
    video.removeAttribute("src");
    video.remove();
    aside.replaceChildren(`This browser does not play this ${extension}${why}: frames come from the shelf, one by one. `);
    body.append(el("img", {class: "sheet", src: `sheet/${base}`, alt: "contact sheet of the video", loading: "lazy"}));
    seek(now);
  }

  for (const lane of lanes) {
    const own = lane.spans.map((span, index) => {
      const sure = span.sure == null ? "" : " " + span.sure.toFixed(2);
      const said = `${words(lane.name)}: ${words(plain(span.says))}${sure}, ${clock(span.start_pts * num / den)} to ${clock(span.end_pts * num / den)}`
        + (span.told || []).map(([name, value]) => `; ${words(plain(name))} ${plain(value)}`).join("");
      const button = el("button", {type: "button", class: span.sure != null && span.sure < .5 ? "unsure" : "", tabindex: index ? "-1" : "0", "aria-label": said, title: said, dir: "auto",
        onclick: () => { if (video && !stills) video.pause(); seek(span.start_pts); aside.textContent = said; },
        onfocus: () => { for (const one of own) one.tabIndex = one === button ? 0 : -1; }}, plain(words(span.says)) + sure);
      buttons.push([button, span]);
      button.style.setProperty("--row", span.row || 0);
      return button;
    });
    const track = el("div", {class: "lane", style: {"--rows": 1 + Math.max(...lane.spans.map(span => span.row || 0))}, onclick: event => {
      if (event.target !== track) return;
      const first = times.pts[0], box = track.getBoundingClientRect();
      seek(Math.round(first + (times.end_pts - first) * (event.clientX - box.left) / box.width));
    }}, own);
    rows.append(el("div", {class: "of"}, plain(words(lane.name)), lane.by && el("div", {class: "small"}, plain(lane.by))), track);
  }
  function lay() {
    const first = times.pts[0], all = Math.max(1, times.end_pts - first);
    for (const [button, span] of buttons) {
      button.style.setProperty("--from", 100 * (span.start_pts - first) / all + "%");
      button.style.setProperty("--long", 100 * (span.end_pts - span.start_pts) / all + "%");
    }
    mark(now);
  }
  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = {",": -1, ".": 1}[event.key];
    if (by && served) { event.preventDefault(); return step(by); }
    if (event.key === "k" && video && !stills) return video.paused ? video.play() : video.pause();
    const from = event.target.closest(".lane");
    if (!from || !event.target.matches("button")) return;
    const own = [...from.querySelectorAll("button")], all = [...rows.querySelectorAll(".lane")].filter(lane => lane.firstElementChild), here = own.indexOf(event.target);
    const near = lane => lane && [...lane.querySelectorAll("button")].reduce((best, one) => Math.abs(one.offsetLeft - event.target.offsetLeft) < Math.abs(best.offsetLeft - event.target.offsetLeft) ? one : best);
    const next = {ArrowLeft: () => own[here - 1], ArrowRight: () => own[here + 1], Home: () => own[0], End: () => own[own.length - 1],
      ArrowUp: () => near(all[all.indexOf(from) - 1]), ArrowDown: () => near(all[all.indexOf(from) + 1])}[event.key];
    if (!next) return;
    event.preventDefault();
    const to = next();
    if (to) to.focus();
  }

  const body = el("div", {class: "film", onkeydown: keys}, screen,
    el("div", {class: "said"}, at, served && el("button", {type: "button", onclick: () => step(-1), "aria-label": "one frame back"}, "\u2039 frame"),
      served && el("button", {type: "button", onclick: () => step(1), "aria-label": "one frame on"}, "frame \u203a"),
      served && el("a", {href: `sheet/${base}`, target: "_blank", rel: "noopener noreferrer"}, "contact sheet")),
    aside, rows);
  aside.textContent = served ? "Choose a span to go to its first frame; comma and full stop step by a frame, arrow keys walk through the spans, k plays."
    : "ostraka browse --serve plays it; here are its notes.";
  if (left_out) aside.textContent += ` ${count(left_out)} more spans are on the shelf.`;
  lay();
  if (served) {
    const watch = () => video.requestVideoFrameCallback((_, frame) => { shown(frame.mediaTime); if (!gone) watch(); });
    if (video.requestVideoFrameCallback) watch();
    else video.addEventListener("timeupdate", () => shown(video.currentTime));
    video.addEventListener("play", () => { asked = null; still.remove(); });
    video.addEventListener("seeked", () => setTimeout(settle, SETTLED_MS));
    video.addEventListener("error", () => byStills(""));
    video.addEventListener("loadedmetadata", () => { if (!video.videoWidth) byStills(", but its sound"); });
    const begin = () => { if (!gone) video.src = `media/${base}`; };
    fetch(`times/${base}`).then(answer => answer.ok ? answer.json() : answer.text().then(text => Promise.reject(text)))
      .then(found => { times = found; known = true; now = times.pts[0]; lay(); begin(); })
      .catch(why => { aside.textContent = "Its frames cannot be told apart: " + plain(why); begin(); });
  }
  leaveFilm = () => { gone = true; leaveFilm = () => {}; if (video) { video.pause(); video.removeAttribute("src"); video.load(); } };
  return body;
}
