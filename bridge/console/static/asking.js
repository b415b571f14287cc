// What components do that ask the bridge for something: wait for the outcome, and show where it was asked why not.
// The page's side, bridge/console/acting.py, answers each "act" by calling `settled`.
export const asking = {
  emits: ["act"],
  data: () => ({ busy: false, fault: "" }),
  methods: {
    ask(what, values = {}) {
      if (this.busy) return;
      this.busy = true;
      this.fault = "";
      this.$emit("act", { what, ...values });
    },
    settled(outcome) {
      this.busy = false;
      this.fault = outcome.fault;
      if (!outcome.fault) this.done(outcome);
    },
    begin(dialog) {
      this.dialog = dialog;
      this.fault = "";
    },
    // What had the focus may be gone with what was deleted.
    focusHeading() {
      this.$nextTick(() => document.getElementById("content").focus());
    },
  },
};
