// A dialog: the browser's own, which keeps the focus inside, closes at Escape, and gives the focus back.
let number = 0;
export default {
  props: { title: String, close: String, wide: Boolean },
  emits: ["closed"],
  data: () => ({ name: `dialog-${(number += 1)}` }),
  mounted() {
    this.$refs.dialog.showModal();
  },
  beforeUnmount() {
    this.$refs.dialog.close(); // an open dialog that is only taken away keeps the focus
  },
  template: `
    <dialog ref="dialog" class="modal" :class="{ wide }" :aria-labelledby="name" @close="$emit('closed')">
      <header><h2 :id="name">{{ title }}</h2><button type="button" class="btn bare" :aria-label="close" @click="$emit('closed')">✕</button></header>
      <slot />
    </dialog>`,
};
