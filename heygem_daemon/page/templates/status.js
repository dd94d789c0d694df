(function () {
  var root = document.documentElement;

  // A page that is open looks every few seconds whether there is a newer one: it loads its own file
  // into a hidden frame, which sends it back. So it works from file://, where no page can read a
  // file. The frame answers only who knows the edition, and so can read the page anyway.
  var asked = /^#look=(\w+)$/.exec(location.hash);
  if (asked && window.parent !== window) {
    var policy = document.createElement("meta");
    policy.httpEquiv = "Content-Security-Policy";
    policy.content = "default-src 'none'";  // no pictures are loaded for this
    document.head.appendChild(policy);
    document.addEventListener("DOMContentLoaded", function () {
      window.parent.postMessage(asked[1] === root.dataset.edition ? root.outerHTML : "", "*");
    });
    return;
  }

  function remember(store, key, value) { try { store().setItem(key, value); } catch (error) {} }
  function recall(store, key) { try { return store().getItem(key); } catch (error) { return null; } }
  function local() { return localStorage; }
  function session() { return sessionStorage; }
  function each(selector, act) { document.querySelectorAll(selector).forEach(act); }

  function speak(language) {
    root.lang = language;
    each("[data-language]", function (link) {
      if (link.dataset.language === language) { link.setAttribute("aria-current", "true"); }
      else { link.removeAttribute("aria-current"); }
    });
  }
  var shown = root.dataset.shown, wish = /^#(en|zh)$/.exec(location.hash);
  var language = (wish && wish[1]) || recall(local, "heygem-language") ||
    (shown !== "both" ? shown : /^zh/i.test(navigator.language) ? "zh" : "en");
  if (wish) { remember(local, "heygem-language", language); }  // the next fragment is another one
  speak(language);

  function check() {
    var is_old = Date.now() / 1000 - parseFloat(root.dataset.written) > {{ fresh_seconds }};
    var is_stopped = root.dataset.state === "stopped" || is_old;
    hide("stopped", !is_stopped);
    hide("state", is_stopped);
    hide("made", is_stopped);
    hide("was-made", !is_stopped);
    each(".moving, .foreseen", function (part) { part.hidden = is_stopped; });
  }
  function hide(id, is_hidden) {
    var part = document.getElementById(id);
    if (part.hidden !== is_hidden) { part.hidden = is_hidden; }  // else it would be read out again
  }

  // What readers have opened stays open. A poster stands above the controls, which would hide it.
  function arrange() {
    each("details", function (part) {
      if (recall(session, "heygem-open " + part.dataset.key) === "yes") { part.open = true; }
    });
    each("video[poster]:not([style])", function (video) {
      var picture = new Image();
      picture.onload = function () {
        video.style.setProperty("--shape", picture.naturalHeight / picture.naturalWidth);
      };
      picture.src = video.poster;
    });
    check();
  }

  // Elements that stay the same from page to page have a key, the others follow one another.
  function key_of(node) {
    return node.nodeType !== 1 ? "" :
      node.id || node.dataset.key || node.getAttribute("aria-labelledby") || "";
  }
  function renew(old, now) {
    if (old.isEqualNode(now)) { return; }
    if (old.nodeType !== 1) { old.nodeValue = now.nodeValue; return; }
    Array.from(old.attributes).forEach(function (own) {
      var is_readers = own.name === "open" || own.name === "style";
      if (!is_readers && !now.hasAttribute(own.name)) { old.removeAttribute(own.name); }
    });
    Array.from(now.attributes).forEach(function (own) {
      if (old.getAttribute(own.name) !== own.value) { old.setAttribute(own.name, own.value); }
    });
    renew_children(old, now);
  }
  function renew_children(old, now) {
    var present = new Map(), kept = new Set(Array.from(now.childNodes, key_of)), at = old.firstChild;
    old.childNodes.forEach(function (child) { present.set(key_of(child), child); });
    function drop() { var old_one = at; at = at.nextSibling; old_one.remove(); }
    now.childNodes.forEach(function (child) {
      while (at && !kept.has(key_of(at))) { drop(); }
      var key = key_of(child), match = key ? present.get(key) : at && !key_of(at) ? at : null;
      if (!match || match.nodeName !== child.nodeName) {
        old.insertBefore(document.importNode(child, true), at);
        return;
      }
      present.delete(key);  // a second one of this key is another one
      if (match === at) { at = at.nextSibling; } else { old.insertBefore(match, at); }
      renew(match, child);
    });
    while (at) { drop(); }
  }

  // Where no frame answers, or the daemon is another one now, the page is loaded again: not while
  // somebody watches a result, and the focus stays where it was. Browsers keep the place themselves.
  function step_to(node) {
    var alike = Array.from(node.parentNode.children).filter(function (other) {
      return other.nodeName === node.nodeName;
    });
    return key_of(node) || node.nodeName + alike.indexOf(node);
  }
  function load_again() {
    var in_use = Array.from(document.querySelectorAll("video")).some(function (video) {
      return !video.paused || (video.currentTime > 0 && !video.ended);
    });
    if (in_use) { return; }
    var steps = [], node = document.activeElement;
    for (; node && node !== document.body && node !== root; node = node.parentNode) {
      steps.unshift(step_to(node));
    }
    remember(session, "heygem-focus", JSON.stringify(steps));
    location.reload();
  }
  function focus_again() {
    var node = document.body, steps = JSON.parse(recall(session, "heygem-focus") || "[]");
    remember(session, "heygem-focus", "[]");
    steps.forEach(function (step) {
      node = node && Array.from(node.children).find(function (one) { return step_to(one) === step; });
    });
    if (node && node !== document.body) { node.focus({preventScroll: true}); }
  }

  var frame = null, asked_at = 0, last = "";
  function look() {
    if (document.hidden) { return; }
    if (frame) {
      if (Date.now() - asked_at < {{ patience_milliseconds }}) { return; }
      frame.remove();
      if (last === "") { load_again(); }
    }
    asked_at = Date.now();
    frame = document.createElement("iframe");
    frame.hidden = true;
    frame.src = location.href.split(/[?#]/)[0] + "?" + Date.now() + "#look=" + root.dataset.edition;
    document.body.appendChild(frame);
  }
  window.addEventListener("message", function (event) {
    if (!frame || event.source !== frame.contentWindow) { return; }
    frame.remove();
    frame = null;
    if (event.data === "") { load_again(); }
    else if (event.data !== last) {
      last = event.data;
      var page = new DOMParser().parseFromString(last, "text/html");
      Object.assign(root.dataset, page.documentElement.dataset);
      ["#state", "main"].forEach(function (part) {
        renew(document.querySelector(part), page.querySelector(part));
      });
      arrange();
    }
  });

  document.addEventListener("DOMContentLoaded", function () {
    speak(language);
    each("[data-language]", function (link) {
      link.addEventListener("click", function () {
        remember(local, "heygem-language", link.dataset.language);
        speak(link.dataset.language);
      });
    });
    document.addEventListener("toggle", function (event) {
      var part = event.target;
      remember(session, "heygem-open " + part.dataset.key, part.open ? "yes" : "no");
    }, true);
    arrange();
    focus_again();
    setInterval(check, 2000);
    setInterval(look, {{ look_milliseconds }});
    document.addEventListener("visibilitychange", look);
  });
})();
