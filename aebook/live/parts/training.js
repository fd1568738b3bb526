// A figure that trains in the page; it stands between parts/hand.js and the figures that do.

/** A figure that trains: a worker made of a text, which rests where the figure is not to be seen;
 *  and a state, which the address `#name?...` says and sets. What extends it has hear(data), for
 *  what the worker says, change(to, start), another state, and settle(), when it is seen again. */
class Training {
  /** first: its state at first; stateIn(said): what the parameters of an address say of it. */
  constructor(el, name, first, stateIn, text) {
    const said = fromAddress(name);
    Object.assign(this, { el, name, first, stateIn, visible: true,
                          state: said ? { ...first, ...stateIn(said) } : { ...first } });
    this.worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = (event) => this.fail(event);
  }

  /** Rest where the figure is not to be seen, and follow what the address says. */
  watch() {
    this.observer = new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      if (this.visible) this.settle();
    });
    this.observer.observe(this.el);
    this.unfollow = followAddress(this.name, (said) =>
      this.change({ ...this.first, ...this.stateIn(said) }, !reducedMotion()));
  }

  end() {
    this.worker.terminate();
    this.observer.disconnect();
    this.unfollow();
  }

  fail(event) {
    event.preventDefault?.();
    this.el.querySelector(".live-note").textContent =
      `This browser cannot train here: ${event.message}`;
  }

  /** Name the state in the address: what of it is not as at first. */
  tellAddress() {
    const changed = Object.entries(this.state).filter(([key, v]) => v !== this.first[key]);
    const said = changed.map((pair) => pair.join("=")).join("&");
    history.replaceState(null, "", `#${this.name}${said && "?"}${said}`);
  }

  /** Where to stop that goes on from `now` for so many: single ones, pressed fast, add up. */
  endOf(now, until, more) {
    const asked = until - now;
    return now + more + (more === 1 && asked > 0 && asked < 20 ? asked : 0);
  }
}
