// What the table of registrations and the look at a single one share.
const ICONS = {
  WAITING_FOR_CONNECTION: "M12 6v6l4 2M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z",
  PENDING_ACCEPTANCE: "M12 8v5M12 16.5v.5M12 3 2 20h20z",
  ACCEPTED: "M5 12.5l4.5 4.5L19 7.5",
  BLOCKED: "M5.6 5.6l12.8 12.8M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z",
};

// A status by word, colour and icon, so that none of the three is needed.
export const StatusPill = {
  props: { status: String, words: String },
  data: () => ({ icons: ICONS }),
  template: `<span class="status" :class="status"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path :d="icons[status]" /></svg>{{ words }}</span>`,
};

const DAY = new Intl.DateTimeFormat([], { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat([], { timeStyle: "short" });
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

// A time as the person's clock shows it, in the parts between which a line may break; and how long ago it was.
export const parts = (time) => [DAY, CLOCK].map((one) => one.format(new Date(time)));
export function ago(time, now) {
  const seconds = Math.max(0, (now - new Date(time)) / 1000);
  const [unit, length] = UNITS.find(([, long]) => seconds >= long) || ["minute", 60];
  return AGO.format(-Math.floor(seconds / length), unit);
}

// Over a refresh that moves rows about, who is in a row stays there: with the cursor, and at the same height of the
// screen. Where what he was at is gone, the focus goes to the row, or to the one that came in its place.
export const keepFocus = {
  beforeUpdate() {
    const active = document.activeElement;
    const row = this.$el.contains(active) ? active.closest("tr[data-id]") : null;
    this.keeping = row && {
      active,
      row,
      place: [...row.parentNode.children].indexOf(row),
      top: active.getBoundingClientRect().top,
      selection: "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : [],
    };
  },
  updated() {
    const kept = this.keeping;
    this.keeping = null;
    if (!kept) return;
    if (kept.active.isConnected) {
      if (document.activeElement !== kept.active) {
        kept.active.focus({ preventScroll: true });
        if (kept.selection[0] != null) kept.active.setSelectionRange(...kept.selection);
      }
      scrollBy(0, kept.active.getBoundingClientRect().top - kept.top);
      return;
    }
    if (document.activeElement !== document.body) return;
    const rows = this.$el.querySelectorAll("tr[data-id]");
    const next = kept.row.isConnected ? kept.row : rows[Math.min(kept.place, rows.length - 1)];
    next?.focus({ preventScroll: true });
  },
};
