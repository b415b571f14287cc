// Entries of the audit as people read them; bridge/console/past.py has put them into words.
import { when } from "/static/words.js";

export default {
  props: { entries: Array, texts: Object, caption: String, of: String, management: Boolean },
  methods: {
    when,
    // Management has no inventory: there an id leads to its registration.
    link(id) {
      return this.management ? "/?" + new URLSearchParams({ search: id }) : "/devices?" + new URLSearchParams({ id });
    },
  },
  template: `
    <table class="grid entries">
      <caption class="sr">{{ caption }}</caption>
      <thead><tr><th scope="col">{{ texts.at }}</th><th scope="col">{{ texts.actor }}</th><th scope="col">{{ texts.did }}</th><th v-if="!of" scope="col">{{ texts.device }}</th><th scope="col">{{ texts.outcome }}</th><th scope="col">{{ texts.details }}</th></tr></thead>
      <tbody>
        <tr v-for="(entry, index) in entries" :key="entry.at + index">
          <td :data-label="texts.at"><time :datetime="entry.at" :title="entry.at">{{ when(entry.at) }}</time></td>
          <td :data-label="texts.actor"><bdi>{{ entry.actor }}</bdi></td>
          <td :data-label="texts.did"><span :title="entry.action">{{ entry.did }}</span></td>
          <td v-if="!of" :data-label="texts.device" :class="{ blank: !entry.id }"><a v-if="entry.id" :href="link(entry.id)"><bdi>{{ entry.id }}</bdi></a></td>
          <td :data-label="texts.outcome"><span class="outcome" :class="entry.code === 'ok' ? 'good' : 'bad'">{{ entry.outcome }}</span></td>
          <td :data-label="texts.details" :class="{ blank: !entry.details.length }"><dl v-if="entry.details.length" class="details"><div v-for="[name, value] in entry.details" :key="name"><dt v-if="name">{{ name }}</dt><dd><bdi>{{ value }}</bdi></dd></div></dl></td>
        </tr>
      </tbody>
    </table>`,
};
